/* SPDX-License-Identifier: Apache-2.0 */
/* top_view.c - tables of brokers, regions and workers that share the lines of a screen.
 */
#include "client/top_view.h"

#include "client/top_rows.h"

#include "table/json_text.h"
#include "table/text_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SERVINGS_SHOWN = 3, /* lines; during a promotion there are two */
    BROKERS_SHARE = 3,  /* of the lines for rows, brokers get so many at most: a third */
};

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
    const Chw__RegionStatus *status = &row->status;
    text_table_add(table, "%s", status->name);
    text_table_count(table, status->queued);
    text_table_count(table, status->leased);
    text_table_add(table, "%.1f", (double)status->bytes / 1e6);
    text_table_add(table, "%.1f", (double)status->oldest_ms / 1e3);
    text_table_count(table, (int64_t)status->answered);
    add_rate(table, row->batches, 1.0);
    add_rate(table, row->bytes, 1e6);
}

static void print_regions(const struct top_rows *rows, size_t shown, FILE *file)
{
    static const char *const headings[] = {"queued",   "leased",    "MB",   "oldest s",
                                           "answered", "batches/s", "MB/s", NULL};
    struct text_table *table = text_table_new("lrrrrrrr");
    if (table == NULL)
        return;
    add_first_heading(table, "region", shown,
                      rows->region_count + rows->all.regions_left_out);
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
    const Chw__WorkerStatus *status = &row->status;
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

static void print_workers(const struct top_rows *rows, size_t shown, FILE *file)
{
    static const char *const headings[] = {
        "state",     "holds",     "silent s", "charged", "answered",
        "batches/s", "records/s", "release",  "serves",  NULL};
    struct text_table *table = text_table_new("llrrrrrrll");
    if (table == NULL)
        return;
    add_first_heading(table, "worker", shown,
                      rows->worker_count + rows->all.workers_left_out);
    add_headings(table, headings);
    for (size_t i = 0; i < shown; i++)
        add_worker(table, &rows->workers[i]);
    text_table_print(table, file);
    text_table_free(table);
}

static void format_uptime(uint64_t uptime_ms, char out[32])
{
    uint64_t seconds = uptime_ms / 1000;
    snprintf(out, 32, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600,
             seconds / 60 % 60, seconds % 60);
}

static const char *broker_state(const Chw__StatusReport *now)
{
    return now->draining ? "DRAINING" : "serving";
}

/* What keeps it out of the sums. False: nothing does. */
static bool add_why_not(struct text_table *table, const struct top_view *view,
                        size_t which)
{
    const struct top_broker *broker = &view->brokers[which];
    const char *same = top_rows_same(view, which);
    if (broker->state == TOP_TOO_OLD)
        text_table_add(table, "too old to be watched");
    else if (broker->state == TOP_SILENT)
        text_table_add(table, "no answer since %" PRIu64 " s", broker->silent_ms / 1000);
    else if (broker->now == NULL)
        text_table_add(table, "waiting");
    else if (same != NULL)
        text_table_add(table, "the same as %s", same);
    else
        return false;
    return true;
}

static void add_broker(struct text_table *table, const struct top_view *view,
                       const struct top_rows *rows, size_t which)
{
    const Chw__StatusReport *now = view->brokers[which].now;
    char uptime[32];
    text_table_add(table, "%s", view->brokers[which].address);
    if (add_why_not(table, view, which)) {
        for (int i = 0; i < 8; i++)
            text_table_add(table, "-");
        return;
    }
    text_table_add(table, "%s", broker_state(now));
    format_uptime(now->uptime_ms, uptime);
    text_table_add(table, "%s", uptime);
    text_table_count(table, now->queued);
    text_table_count(table, now->leased);
    text_table_add(table, "%.1f", (double)now->bytes / 1e6);
    text_table_add(table, "%.1f", (double)now->oldest_ms / 1e3);
    text_table_count(table, (int64_t)now->answered);
    add_rate(table, rows->broker_batches[which], 1.0);
    text_table_add(table, "%s", now->version);
}

static void print_brokers(const struct top_view *view, const struct top_rows *rows,
                          size_t shown, FILE *file)
{
    static const char *const headings[] = {"state",   "up",       "queued",   "leased",
                                           "MB",      "oldest s", "answered", "batches/s",
                                           "release", NULL};
    struct text_table *table = text_table_new("llrrrrrrrl");
    if (table == NULL)
        return;
    add_first_heading(table, "broker", shown, view->count);
    add_headings(table, headings);
    for (size_t i = 0; i < shown; i++)
        add_broker(table, view, rows, i);
    text_table_print(table, file);
    text_table_free(table);
}

/* ---- the head of the screen ---- */

/* Of one broker, which has no row. False: there is none. */
static bool print_trouble(const struct top_broker *broker, FILE *file)
{
    if (broker->state == TOP_WELL)
        return false;
    if (broker->state == TOP_TOO_OLD)
        fprintf(file, "the broker at %s is too old to be watched", broker->address);
    else
        fprintf(file, "no broker answers at %.400s since %" PRIu64 " s", broker->address,
                broker->silent_ms / 1000);
    return true;
}

static size_t print_one_broker(const struct top_broker *broker, FILE *file)
{
    char uptime[32];
    bool in_trouble = print_trouble(broker, file);
    if (in_trouble)
        fputs("; what follows is old\n", file);
    format_uptime(broker->now->uptime_ms, uptime);
    fprintf(file, "broker %s, %s, up %s\n", broker->now->version,
            broker_state(broker->now), uptime);
    return in_trouble ? 2 : 1;
}

static size_t print_how_many_answer(const struct top_view *view, FILE *file)
{
    size_t well = 0;
    for (size_t i = 0; i < view->count; i++)
        well += view->brokers[i].state == TOP_WELL && view->brokers[i].now != NULL;
    fprintf(file, "%zu of %zu brokers answer\n", well, view->count);
    return 1;
}

static void print_rate(FILE *file, double rate, const char *unit)
{
    if (!isnan(rate))
        fprintf(file, ", %.1f %s", rate, unit);
}

/* Returns the number of lines. */
static size_t print_head(const struct top_view *view, const struct top_rows *rows,
                         FILE *file)
{
    const Chw__StatusReport *all = &rows->all;
    size_t lines = view->count == 1 ? print_one_broker(&view->brokers[0], file)
                                    : print_how_many_answer(view, file);
    fprintf(file,
            "%" PRIu32 " batches queued, oldest %.1f s; %" PRIu32
            " with workers; %.1f of %.1f MB\n",
            all->queued, (double)all->oldest_ms / 1e3, all->leased,
            (double)all->bytes / 1e6, (double)all->bytes_max / 1e6);
    fprintf(file, "%" PRIu64 " batches answered", all->answered);
    print_rate(file, rows->batches, "batches/s");
    print_rate(file, rows->records, "records/s");
    fputc('\n', file);
    return lines + 2;
}

/* How many of the workers, from this one on, serve the same. 0: one before does. */
static size_t count_serving(const struct top_rows *rows, size_t at, size_t count)
{
    const char *serving = rows->workers[at].status.serving;
    size_t same = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows->workers[i].status.serving, serving) != 0)
            continue;
        if (i < at)
            return 0;
        same++;
    }
    return same;
}

/* Which versions serve, by how many. Returns the number of lines. */
static size_t print_servings(const struct top_rows *rows, FILE *file)
{
    size_t lines = 0;
    for (size_t i = 0; i < rows->worker_count && lines < SERVINGS_SHOWN; i++) {
        const char *serving = rows->workers[i].status.serving;
        size_t same = count_serving(rows, i, rows->worker_count);
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

/* So many rows of each table, and the brokers' only where there are several. */
struct shown {
    size_t brokers, regions, workers;
};

/* A blank line and a heading for each table; then none starves another. */
static struct shown share_lines(const struct top_view *view, const struct top_rows *rows,
                                size_t used, size_t height)
{
    bool several = view->count > 1;
    struct shown shown = {several ? view->count : 0, rows->region_count,
                          rows->worker_count};
    if (height == 0)
        return shown;
    used += several ? 6 : 4;
    size_t room = height > used ? height - used : 0;
    shown.brokers = least(shown.brokers, (room + BROKERS_SHARE - 1) / BROKERS_SHARE);
    room -= shown.brokers;
    size_t half = room - room / 2;
    shown.regions =
        least(shown.regions, room > shown.workers + half ? room - shown.workers : half);
    shown.workers = least(shown.workers, room - shown.regions);
    return shown;
}

static void print_screen(const struct top_view *view, const struct top_rows *rows,
                         size_t height, FILE *file)
{
    size_t used = print_head(view, rows, file);
    used += print_servings(rows, file);
    struct shown shown = share_lines(view, rows, used, height);
    if (view->count > 1) {
        fputc('\n', file);
        print_brokers(view, rows, shown.brokers, file);
    }
    fputc('\n', file);
    print_regions(rows, shown.regions, file);
    fputc('\n', file);
    print_workers(rows, shown.workers, file);
}

/* One broker, and it was not heard yet. */
static void print_wait(const struct top_broker *broker, FILE *file)
{
    if (!print_trouble(broker, file))
        fputs("waiting", file);
    fputc('\n', file);
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
    struct top_rows rows = {0};
    char *text = NULL;
    size_t size;
    FILE *screen = open_memstream(&text, &size);
    if (screen == NULL)
        return;
    if (view->count == 1 && view->brokers[0].now == NULL)
        print_wait(&view->brokers[0], screen);
    else if (top_rows_make(view, &rows))
        print_screen(view, &rows, height, screen);
    top_rows_release(&rows);
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
    const Chw__RegionStatus *status = &row->status;
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
    const Chw__WorkerStatus *status = &row->status;
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

static void write_start(FILE *file, const Chw__StatusReport *now)
{
    fprintf(file, "\"instance\":\"%016" PRIx64 "\",", now->instance);
    write_text(file, "version", now->version);
    fprintf(file, ",\"uptime_ms\":%" PRIu64 ",\"draining\":%s,", now->uptime_ms,
            now->draining ? "true" : "false");
}

static void write_held(FILE *file, const Chw__StatusReport *held)
{
    fprintf(file,
            "\"queued\":%" PRIu32 ",\"leased\":%" PRIu32 ",\"bytes\":%" PRIu64
            ",\"bytes_max\":%" PRIu64 ",\"oldest_ms\":%" PRIu64 ",\"answered\":%" PRIu64
            ",\"regions_left_out\":%" PRIu32 ",\"workers_left_out\":%" PRIu32,
            held->queued, held->leased, held->bytes, held->bytes_max, held->oldest_ms,
            held->answered, held->regions_left_out, held->workers_left_out);
}

static void write_broker(FILE *file, const struct top_broker *broker, double batches)
{
    fputc('{', file);
    write_text(file, "address", broker->address);
    if (broker->state == TOP_WELL && broker->now != NULL) {
        fputs(",\"trouble\":null,", file);
        write_start(file, broker->now);
        write_held(file, broker->now);
        write_rate(file, "batches_per_s", batches);
    } else {
        fprintf(file, ",\"trouble\":\"%s\"",
                broker->state == TOP_TOO_OLD ? "too old" : "no answer");
    }
    fputc('}', file);
}

static void write_lists(const struct top_view *view, const struct top_rows *rows,
                        FILE *file)
{
    fputs(",\"regions\":[", file);
    for (size_t i = 0; i < rows->region_count; i++) {
        fputs(i == 0 ? "" : ",", file);
        write_region(file, &rows->regions[i]);
    }
    fputs("],\"workers\":[", file);
    for (size_t i = 0; i < rows->worker_count; i++) {
        fputs(i == 0 ? "" : ",", file);
        write_worker(file, &rows->workers[i]);
    }
    fputs("],\"brokers\":[", file);
    for (size_t i = 0; i < view->count; i++) {
        fputs(i == 0 ? "" : ",", file);
        write_broker(file, &view->brokers[i], rows->broker_batches[i]);
    }
    fputc(']', file);
}

void top_write_json(const struct top_view *view, FILE *file)
{
    struct top_rows rows = {0};
    if (top_rows_make(view, &rows)) {
        fputc('{', file);
        if (view->count == 1)
            write_start(file, view->brokers[0].now);
        write_held(file, &rows.all);
        write_rate(file, "batches_per_s", rows.batches);
        write_rate(file, "records_per_s", rows.records);
        write_lists(view, &rows, file);
        fputs("}\n", file);
    }
    top_rows_release(&rows);
}
