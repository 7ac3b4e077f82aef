/* SPDX-License-Identifier: Apache-2.0 */
/* figures.c - counts and samples. */
#include "tests/sim/figures.h"

#include "tests/sim/node_broker.h"
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SECOND_US = 1000000, SECONDS_MAX = 3600, SAMPLES_BEGIN = 1024 };

/* Of a failure. */
enum phase { PHASE_BEFORE, PHASE_DURING, PHASE_AFTER, PHASE_COUNT };

struct samples {
    uint32_t *items; /* microseconds */
    size_t count, room;
};

struct figures {
    struct world *world;
    struct figures_times times;
    struct samples latencies[PHASE_COUNT], queued;
    uint32_t *answered; /* by client, while it is measured */
    uint64_t *arrivals; /* by broker, likewise */
    uint64_t types[MESSAGE_TYPE_COUNT];
    uint64_t sent, sent_again;
    uint64_t bytes_most, untaken_most, leased_sum, looks;
    uint32_t jobs_most, leased_most;
    uint32_t seconds[SECONDS_MAX]; /* answered in each */
};

/* ---- samples ---- */

static void add(struct samples *self, uint64_t us)
{
    if (self->count == self->room) {
        self->room = self->room == 0 ? SAMPLES_BEGIN : 2 * self->room;
        self->items = realloc(self->items, self->room * sizeof *self->items);
        if (self->items == NULL)
            abort();
    }
    self->items[self->count++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static int compare(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    return (one > other) - (one < other);
}

static double ms_at(const struct samples *self, double share)
{
    return self->items[(size_t)(share * (double)(self->count - 1))] / 1000.0;
}

static void print_samples(const char *what, struct samples *self, FILE *out)
{
    if (self->count == 0)
        return;
    qsort(self->items, self->count, sizeof self->items[0], compare);
    fprintf(out, "%-34s %9zu %9.1f %9.1f %9.1f %9.1f\n", what, self->count,
            ms_at(self, .5), ms_at(self, .95), ms_at(self, .99), ms_at(self, 1));
}

/* ---- beginning and end ---- */

static void *table_of(size_t count, size_t size)
{
    void *table = calloc(count, size);
    if (table == NULL)
        abort();
    return table;
}

struct figures *figures_new(struct world *world, const struct figures_times *times)
{
    struct figures *self = table_of(1, sizeof *self);
    self->world = world;
    self->times = *times;
    self->answered = table_of(world->setup->clients, sizeof *self->answered);
    self->arrivals = table_of(world->setup->brokers, sizeof *self->arrivals);
    return self;
}

void figures_free(struct figures *self)
{
    if (self == NULL)
        return;
    for (int i = 0; i < PHASE_COUNT; i++)
        free(self->latencies[i].items);
    free(self->queued.items);
    free(self->answered);
    free(self->arrivals);
    free(self);
}

/* ---- what happens ---- */

static bool measures(const struct figures *self)
{
    if (self == NULL)
        return false;
    uint64_t now_us = world_now_us(self->world);
    return now_us >= self->times.from_us && now_us < self->times.until_us;
}

void figures_arrived(struct figures *self, const struct broker_node *broker,
                     enum message_type type)
{
    if (!measures(self))
        return;
    self->types[type]++;
    self->arrivals[broker->node.name.number]++;
}

void figures_granted(struct figures *self, const struct batch *batch)
{
    if (measures(self))
        add(&self->queued, world_now_us(self->world) - batch->queued_us);
}

static void raise_to(uint64_t *most, uint64_t value)
{
    if (*most < value)
        *most = value;
}

void figures_sampled(struct figures *self, const struct broker_node *broker)
{
    struct dispatch_gauges gauges;
    if (!measures(self))
        return;
    dispatch_measure(broker->dispatch, &gauges);
    raise_to(&self->bytes_most, gauges.bytes);
    raise_to(&self->untaken_most, gauges.untaken_bytes);
    if (self->jobs_most < gauges.queued + gauges.leased)
        self->jobs_most = gauges.queued + gauges.leased;
    if (self->leased_most < gauges.leased)
        self->leased_most = gauges.leased;
    self->leased_sum += gauges.leased;
    self->looks++;
}

void figures_sent(struct figures *self, const struct batch *batch)
{
    if (self == NULL)
        return;
    self->sent++;
    self->sent_again += batch->asked != 0;
}

static enum phase phase_now(const struct figures *self)
{
    uint64_t now_us = world_now_us(self->world);
    if (now_us < self->times.fail_us)
        return PHASE_BEFORE;
    return now_us < self->times.well_us ? PHASE_DURING : PHASE_AFTER;
}

void figures_learned(struct figures *self, const struct batch *batch)
{
    if (self == NULL)
        return;
    uint64_t now_us = world_now_us(self->world), second = now_us / SECOND_US;
    self->seconds[second < SECONDS_MAX ? second : SECONDS_MAX - 1]++;
    if (now_us >= self->times.from_us)
        add(&self->latencies[phase_now(self)], now_us - batch->available_us);
    if (measures(self))
        self->answered[batch->client]++;
}

/* ---- telling ---- */

static double measured_s(const struct figures *self)
{
    return (double)(self->times.until_us - self->times.from_us) / SECOND_US;
}

static void print_throughput(const struct figures *self, FILE *out)
{
    uint64_t answered = 0;
    for (uint32_t i = 0; i < self->world->setup->clients; i++)
        answered += self->answered[i];
    double rate = (double)answered / measured_s(self);
    fprintf(out, "answered: %.0f batches/s, %.0f records/s\n", rate,
            rate * self->world->setup->rows_max);
    fprintf(out, "in each second:");
    for (uint64_t i = 0; i < self->times.until_us / SECOND_US && i < SECONDS_MAX; i++)
        fprintf(out, " %" PRIu32, self->seconds[i]);
    fprintf(out, "\n\n");
}

static void print_latencies(struct figures *self, FILE *out)
{
    static const char *const texts[PHASE_COUNT] = {
        "due until answered", "  while a part is down", "  after that"};
    fprintf(out, "%-34s %9s %9s %9s %9s %9s\n", "milliseconds", "batches", "p50", "p95",
            "p99", "most");
    for (int i = 0; i < PHASE_COUNT; i++)
        print_samples(texts[i], &self->latencies[i], out);
    print_samples("in a broker's queue", &self->queued, out);
    fputc('\n', out);
}

/* What the regions of one weight had: each, at least, at most, and how even that is
 * (Jain: 1 where all have the same). */
static void print_class(const struct figures *self, uint32_t class, FILE *out)
{
    const struct setup *setup = self->world->setup;
    uint32_t classes = setup->class_count, least = UINT32_MAX, most = 0;
    double sum = 0, squares = 0, count = 0;
    for (uint32_t i = class; i < setup->clients; i += classes) {
        uint32_t answered = self->answered[i];
        sum += answered;
        squares += (double)answered * answered;
        count++;
        least = answered < least ? answered : least;
        most = answered > most ? answered : most;
    }
    fprintf(out, "%-34" PRIu32 " %9.0f %9.2f %9" PRIu32 " %9" PRIu32 " %9.3f\n",
            setup->class_weights[class], count, sum / count / measured_s(self), least,
            most, squares == 0 ? 1 : sum * sum / (count * squares));
}

static void print_regions(const struct figures *self, FILE *out)
{
    fprintf(out, "%-34s %9s %9s %9s %9s %9s\n", "regions, by weight", "regions",
            "each /s", "least", "most", "Jain");
    for (uint32_t i = 0; i < self->world->setup->class_count; i++)
        print_class(self, i, out);
    fputc('\n', out);
}

static void print_messages(const struct figures *self, FILE *out)
{
    const struct setup *setup = self->world->setup;
    uint64_t sum = 0, most = 0;
    for (uint32_t i = 0; i < setup->brokers; i++) {
        sum += self->arrivals[i];
        raise_to(&most, self->arrivals[i]);
    }
    double each = (double)sum / setup->brokers / measured_s(self);
    fprintf(out,
            "a broker: %.0f messages/s arrive, %.0f at most; busy with them %.0f %% of "
            "the time\n",
            each, (double)most / measured_s(self), each * (double)setup->front_ns / 1e7);
    fprintf(out, "  of these:");
    for (int i = 0; i < MESSAGE_TYPE_COUNT; i++)
        if (self->types[i] > 0)
            fprintf(out, " %s %.1f %%", message_name((enum message_type)i),
                    100.0 * (double)self->types[i] / (double)sum);
    fputc('\n', out);
}

static void print_brokers(const struct figures *self, FILE *out)
{
    const struct setup *setup = self->world->setup;
    uint32_t threads = setup->workers * setup->threads;
    fprintf(out,
            "  connections: %" PRIu32 " from clients, %" PRIu32
            " from workers' threads\n",
            setup->clients, threads);
    fprintf(out,
            "  held at most: %" PRIu32 " batches (%" PRIu32
            " by workers), %.1f MB; answers untaken %.1f MB; its tables %.1f MB\n",
            self->jobs_most, self->leased_most, (double)self->bytes_most / 1e6,
            (double)self->untaken_most / 1e6,
            (double)broker_tables_size(self->world) / 1e6);
    fprintf(out, "a worker's thread holds %.1f batches of all brokers, on average\n",
            (double)self->leased_sum / (double)self->looks * setup->brokers / threads);
}

static void print_sendings(const struct figures *self, FILE *out)
{
    const struct counters *counters = &self->world->counters;
    fprintf(out,
            "batches sent %" PRIu64 " times, of these again %" PRIu64 "; BUSY %" PRIu64
            ", leases lost %" PRIu64 ", attempts charged %" PRIu64 ", buried %" PRIu64
            "\n",
            self->sent, self->sent_again, counters->jobs_busy, counters->leases_lost,
            counters->attempts_charged, counters->burials);
}

void figures_print(struct figures *self, FILE *out)
{
    print_throughput(self, out);
    print_latencies(self, out);
    print_regions(self, out);
    print_messages(self, out);
    print_brokers(self, out);
    print_sendings(self, out);
}
