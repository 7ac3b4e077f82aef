/* SPDX-License-Identifier: Apache-2.0 */
/* top_view.c - tables of regions and workers that share the lines of a screen. */
#include "client/top_view.h"

#include "table/json_text.h"
#include "table/text_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SERVINGS_SHOWN = 3 }; /* lines; during a promotion there are two */

/* A line of either table; a rate that is not known is NAN. */
struct region_row {
    const Chw__RegionStatus *status;
    double batches, bytes; /* per second */
};

struct worker_row {
    const Chw__WorkerStatus *status;
    double batches, records;
};

struct rows {
    struct region_row *regions;
    struct worker_row *workers;
    double batches, records; /* per second, of all */
};

/* ---- rates ---- */

double top_rate(uint64_t now, uint64_t before, uint64_t elapsed_ms)
{
    uint64_t grown = now >= before ? now - before : now;
    return (double)grown * 1000.0 / (double)elapsed_ms;
}

static bool is_comparable(const struct top_view *view)
{
    return view->before != NULL && view->elapsed_ms > 0 &&
           view->before->instance == view->now->instance;
}

static const Chw__RegionStatus *region_before(const struct top_view *view,
                                              const char *name)
{
    for (size_t i = 0; i < view->before->n_regions; i++)
        if (strcmp(view->before->regions[i]->name, name) == 0)
            return view->before->regions[i];
    return NULL;
}

static const Chw__WorkerStatus *worker_before(const struct top_view *view,
                                              const char *name)
{
    for (size_t i = 0; i < view->before->n_workers; i++)
        if (strcmp(view->before->workers[i]->name, name) == 0)
            return view->before->workers[i];
    return NULL;
}

static struct region_row rate_region(const struct top_view *view,
                                     const Chw__RegionStatus *now)
{
    struct region_row row = {now, (double)NAN, (double)NAN};
    if (!is_comparable(view))
        return row;
    const Chw__RegionStatus *before = region_before(view, now->name);
    if (before == NULL && view->before->regions_left_out > 0)
        return row;
    bool is_new = before == NULL;
    row.batches =
        top_rate(now->answered, is_new ? 0 : before->answered, view->elapsed_ms);
    row.bytes = top_rate(now->answered_bytes, is_new ? 0 : before->answered_bytes,
                         view->elapsed_ms);
    return row;
}

static struct worker_row rate_worker(const struct top_view *view,
                                     const Chw__WorkerStatus *now)
{
    const Chw__WorkerStatus *before =
        is_comparable(view) ? worker_before(view, now->name) : NULL;
    if (before == NULL)
        return (struct worker_row){now, (double)NAN, (double)NAN};
    return (struct worker_row){
        now,
        top_rate(now->answered, before->answered, view->elapsed_ms),
        top_rate(now->records, before->records, view->elapsed_ms),
    };
}

/* ---- order ---- */

static int descending(double a, double b)
{
    return (a < b) - (a > b);
}

static double known(double rate)
{
    return isnan(rate) ? -1.0 : rate;
}

static int by_depth(const void *a, const void *b)
{
    const struct region_row *one = a, *other = b;
    const Chw__RegionStatus *x = one->status, *y = other->status;
    int order = descending(x->queued, y->queued);
    if (order == 0)
        order = descending(x->leased, y->leased);
    if (order == 0)
        order = descending(known(one->batches), known(other->batches));
    if (order == 0)
        order = descending((double)x->answered, (double)y->answered);
    return order == 0 ? strcmp(x->name, y->name) : order;
}

static int by_rate(const void *a, const void *b)
{
    const struct region_row *one = a, *other = b;
    int order = descending(known(one->batches), known(other->batches));
    return order == 0 ? by_depth(a, b) : order;
}

static int by_name(const void *a, const void *b)
{
    const struct worker_row *one = a, *other = b;
    return strcmp(one->status->name, other->status->name);
}

static bool make_rows(const struct top_view *view, struct rows *rows)
{
    const Chw__StatusReport *now = view->now;
    *rows = (struct rows){.batches = (double)NAN, .records = (double)NAN};
    rows->regions = calloc(now->n_regions + 1, sizeof *rows->regions);
    rows->workers = calloc(now->n_workers + 1, sizeof *rows->workers);
    if (rows->regions == NULL || rows->workers == NULL)
        return false;
    if (is_comparable(view)) {
        rows->batches = top_rate(now->answered, view->before->answered, view->elapsed_ms);
        rows->records = 0.0;
    }
    for (size_t i = 0; i < now->n_regions; i++)
        rows->regions[i] = rate_region(view, now->regions[i]);
    for (size_t i = 0; i < now->n_workers; i++) {
        rows->workers[i] = rate_worker(view, now->workers[i]);
        if (!isnan(rows->workers[i].records))
            rows->records += rows->workers[i].records;
    }
    qsort(rows->regions, now->n_regions, sizeof *rows->regions,
          view->by_rate ? by_rate : by_depth);
    qsort(rows->workers, now->n_workers, sizeof *rows->workers, by_name);
    return true;
}

static void free_rows(struct rows *rows)
{
    free(rows->regions);
    free(rows->workers);
}

/* ---- the tables ---- */

static void add_rate(struct text_table *table, double rate, double unit)
{
    if (isnan(rate))
        text_table_add(table, "-");
    else
        text_table_add(table, "%.1f", rate / unit);
}

static void add_headings(struct text_table *table, const char *const *headings)
{
    for (; *headings != NULL; headings++)
        text_table_add(table, "%s", *headings);
}

/* The first heading tells how many lines there is no room for. */
static void add_first_heading(struct text_table *table, const char *what, size_t shown,
                              size_t all)
{
    if (shown < all)
        text_table_add(table, "%s (%zu of %zu)", what, shown, all);
    else
        text_table_add(table, "%s", what);
}

static void add_region(struct text_table *table, const struct region_row *row)
{
    const Chw__RegionStatus *status = row->status;
    text_table_add(table, "%s", status->name);
    text_table_count(table, status->queued);
    text_table_count(table, status->leased);
    text_table_add(table, "%.1f", (double)status->bytes / 1e6);
    text_table_add(table, "%.1f", (double)status->oldest_ms / 1e3);
    text_table_count(table, (int64_t)status->answered);
    add_rate(table, row->batches, 1.0);
    add_rate(table, row->bytes, 1e6);
}

static void print_regions(const struct top_view *view, const struct rows *rows,
                          size_t shown, FILE *file)
{
    static const char *const headings[] = {"queued",   "leased",    "MB",   "oldest s",
                                           "answered", "batches/s", "MB/s", NULL};
    struct text_table *table = text_table_new("lrrrrrrr");
    if (table == NULL)
        return;
    add_first_heading(table, "region", shown,
                      view->now->n_regions + view->now->regions_left_out);
    add_headings(table, headings);
    for (size_t i = 0; i < shown; i++)
        add_region(table, &rows->regions[i]);
    text_table_print(table, file);
    text_table_free(table);
}

static const char *state_name(Chw__WorkerStatus__State state)
{
    static const char *const names[] = {"working",  "full",  "closed",
                                        "returned", "stuck", "away"};
    size_t at = (size_t)state; /* from the network: a newer broker may know others */
    return at < sizeof names / sizeof names[0] ? names[at] : "?";
}

static void add_worker(struct text_table *table, const struct worker_row *row)
{
    const Chw__WorkerStatus *status = row->status;
    text_table_add(table, "%s", status->name);
    text_table_add(table, "%s", state_name(status->state));
    text_table_add(table, "%" PRIu32 "/%" PRIu32, status->leased, status->window);
    text_table_add(table, "%.1f", (double)status->silent_ms / 1e3);
    text_table_count(table, (int64_t)status->charged);
    text_table_count(table, (int64_t)status->answered);
    add_rate(table, row->batches, 1.0);
    add_rate(table, row->records, 1.0);
    text_table_add(table, "%s", status->release[0] == '\0' ? "-" : status->release);
    text_table_add(table, "%s", status->serving[0] == '\0' ? "-" : status->serving);
}

static void print_workers(const struct top_view *view, const struct rows *rows,
                          size_t shown, FILE *file)
{
    static const char *const headings[] = {
        "state",     "holds",     "silent s", "charged", "answered",
        "batches/s", "records/s", "release",  "serves",  NULL};
    struct text_table *table = text_table_new("llrrrrrrll");
    if (table == NULL)
        return;
    add_first_heading(table, "worker", shown,
                      view->now->n_workers + view->now->workers_left_out);
    add_headings(table, headings);
    for (size_t i = 0; i < shown; i++)
        add_worker(table, &rows->workers[i]);
    text_table_print(table, file);
    text_table_free(table);
}

/* ---- the head of the screen ---- */

static void print_rate(FILE *file, double rate, const char *unit)
{
    if (!isnan(rate))
        fprintf(file, ", %.1f %s", rate, unit);
}

static void print_head(const struct top_view *view, const struct rows *rows, FILE *file)
{
    const Chw__StatusReport *now = view->now;
    uint64_t seconds = now->uptime_ms / 1000;
    if (view->trouble != NULL)
        fprintf(file, "%s; what follows is old\n", view->trouble);
    fprintf(file, "broker %s, %s, up %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 "\n",
            now->version, now->draining ? "DRAINING" : "serving", seconds / 3600,
            seconds / 60 % 60, seconds % 60);
    fprintf(file,
            "%" PRIu32 " batches queued, oldest %.1f s; %" PRIu32
            " with workers; %.1f of %.1f MB\n",
            now->queued, (double)now->oldest_ms / 1e3, now->leased,
            (double)now->bytes / 1e6, (double)now->bytes_max / 1e6);
    fprintf(file, "%" PRIu64 " batches answered", now->answered);
    print_rate(file, rows->batches, "batches/s");
    print_rate(file, rows->records, "records/s");
    fputc('\n', file);
}

/* How many of the workers, from this one on, serve the same. 0: one before does. */
static size_t count_serving(const struct rows *rows, size_t at, size_t count)
{
    const char *serving = rows->workers[at].status->serving;
    size_t same = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows->workers[i].status->serving, serving) != 0)
            continue;
        if (i < at)
            return 0;
        same++;
    }
    return same;
}

/* Which versions serve, by how many. Returns the number of lines. */
static size_t print_servings(const struct top_view *view, const struct rows *rows,
                             FILE *file)
{
    size_t lines = 0;
    for (size_t i = 0; i < view->now->n_workers && lines < SERVINGS_SHOWN; i++) {
        const char *serving = rows->workers[i].status->serving;
        size_t same = count_serving(rows, i, view->now->n_workers);
        if (same == 0)
            continue;
        fprintf(file, "%zu thread%s: %s\n", same, same == 1 ? "" : "s",
                serving[0] == '\0' ? "did not say what it serves" : serving);
        lines++;
    }
    return lines;
}

/* ---- the screen ---- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void print_screen(const struct top_view *view, const struct rows *rows,
                         size_t height, FILE *file)
{
    size_t regions = view->now->n_regions, workers = view->now->n_workers;
    print_head(view, rows, file);
    size_t used = print_servings(view, rows, file) + 3;
    used += view->trouble != NULL;
    if (height > 0) { /* two blank lines, two headings; then neither starves the other */
        size_t room = height > used + 4 ? height - used - 4 : 0;
        size_t half = room - room / 2;
        regions = least(regions, room > workers + half ? room - workers : half);
        workers = least(workers, room - regions);
    }
    fputc('\n', file);
    print_regions(view, rows, regions, file);
    fputc('\n', file);
    print_workers(view, rows, workers, file);
}

/* The bytes of the character at `text` that a terminal may get; 0: it may not. */
static size_t plain_size(const char *text)
{
    unsigned char first = (unsigned char)text[0], second = (unsigned char)text[1];
    size_t size = 1;
    if (first < 0x20 || first == 0x7f)
        return 0;
    if (first == 0xc2 && second >= 0x80 && second < 0xa0) /* the control codes above */
        return 0;
    while (first >= 0xc0 && size < 4 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size++;
    return size;
}

static void put_clipped(const char *text, size_t width, size_t height, FILE *file)
{
    size_t lines = 0, columns = 0;
    while (*text != '\0' && (height == 0 || lines < height)) {
        size_t size = *text == '\n' ? 0 : plain_size(text);
        if (*text == '\n') {
            fputc('\n', file);
            columns = 0;
            lines++;
        } else if (width == 0 || columns++ < width) {
            fwrite(size == 0 ? "?" : text, 1, size == 0 ? 1 : size, file);
        }
        text += size == 0 ? 1 : size;
    }
}

void top_draw(const struct top_view *view, size_t width, size_t height, FILE *file)
{
    struct rows rows = {0};
    char *text = NULL;
    size_t size;
    FILE *screen = open_memstream(&text, &size);
    if (screen == NULL)
        return;
    if (view->now == NULL)
        fprintf(screen, "%s\n", view->trouble == NULL ? "waiting" : view->trouble);
    else if (make_rows(view, &rows))
        print_screen(view, &rows, height, screen);
    free_rows(&rows);
    if (fclose(screen) == 0)
        put_clipped(text, width, height, file);
    free(text);
}

/* ---- JSON ---- */

static void write_text(FILE *file, const char *name, const char *text)
{
    fprintf(file, "\"%s\":", name);
    json_write_text(file, text);
}

static void write_rate(FILE *file, const char *name, double rate)
{
    if (isnan(rate))
        fprintf(file, ",\"%s\":null", name);
    else
        fprintf(file, ",\"%s\":%.3f", name, rate);
}

static void write_region(FILE *file, const struct region_row *row)
{
    const Chw__RegionStatus *status = row->status;
    fputc('{', file);
    write_text(file, "name", status->name);
    fprintf(file,
            ",\"queued\":%" PRIu32 ",\"leased\":%" PRIu32 ",\"bytes\":%" PRIu64
            ",\"oldest_ms\":%" PRIu64 ",\"answered\":%" PRIu64
            ",\"answered_bytes\":%" PRIu64,
            status->queued, status->leased, status->bytes, status->oldest_ms,
            status->answered, status->answered_bytes);
    write_rate(file, "batches_per_s", row->batches);
    write_rate(file, "bytes_per_s", row->bytes);
    fputc('}', file);
}

static void write_worker(FILE *file, const struct worker_row *row)
{
    const Chw__WorkerStatus *status = row->status;
    fputc('{', file);
    write_text(file, "name", status->name);
    fputc(',', file);
    write_text(file, "release", status->release);
    fputc(',', file);
    write_text(file, "serving", status->serving);
    fputc(',', file);
    write_text(file, "state", state_name(status->state));
    fprintf(file,
            ",\"window\":%" PRIu32 ",\"leased\":%" PRIu32 ",\"silent_ms\":%" PRIu64
            ",\"charged\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"records\":%" PRIu64,
            status->window, status->leased, status->silent_ms, status->charged,
            status->answered, status->records);
    write_rate(file, "batches_per_s", row->batches);
    write_rate(file, "records_per_s", row->records);
    fputc('}', file);
}

static void write_head(FILE *file, const Chw__StatusReport *now, const struct rows *rows)
{
    fprintf(file, "{\"instance\":\"%016" PRIx64 "\",", now->instance);
    write_text(file, "version", now->version);
    fprintf(file,
            ",\"uptime_ms\":%" PRIu64 ",\"draining\":%s,\"queued\":%" PRIu32
            ",\"leased\":%" PRIu32 ",\"bytes\":%" PRIu64 ",\"bytes_max\":%" PRIu64
            ",\"oldest_ms\":%" PRIu64 ",\"answered\":%" PRIu64
            ",\"regions_left_out\":%" PRIu32 ",\"workers_left_out\":%" PRIu32,
            now->uptime_ms, now->draining ? "true" : "false", now->queued, now->leased,
            now->bytes, now->bytes_max, now->oldest_ms, now->answered,
            now->regions_left_out, now->workers_left_out);
    write_rate(file, "batches_per_s", rows->batches);
    write_rate(file, "records_per_s", rows->records);
}

void top_write_json(const struct top_view *view, FILE *file)
{
    struct rows rows = {0};
    if (make_rows(view, &rows)) {
        write_head(file, view->now, &rows);
        fputs(",\"regions\":[", file);
        for (size_t i = 0; i < view->now->n_regions; i++) {
            fputs(i == 0 ? "" : ",", file);
            write_region(file, &rows.regions[i]);
        }
        fputs("],\"workers\":[", file);
        for (size_t i = 0; i < view->now->n_workers; i++) {
            fputs(i == 0 ? "" : ",", file);
            write_worker(file, &rows.workers[i]);
        }
        fputs("]}\n", file);
    }
    free_rows(&rows);
}
