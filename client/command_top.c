/* SPDX-License-Identifier: Apache-2.0 */
/* command_top.c - chw top: ask the brokers what they hold, again and again. */
#include "base/clock.h"
#include "base/config.h"
#include "base/proto_parse.h"
#include "client/commands.h"
#include "client/data_folder.h"
#include "client/link.h"
#include "client/screen.h"
#include "client/top_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ONCE_MS = 3000,     /* until a broker that does not answer is given up */
    PATIENCE_MS = 2000, /* beyond the interval, until a watcher is told */
    WAIT_MS = 200,      /* at most, for anything: signals are looked at then */
};

struct top_config {
    char *data, *broker, *format;
    uint64_t interval_s;
    bool once, insecure;
};

#define KEY(name, type, field) name, type, offsetof(struct top_config, field)
static const struct config_key keys[] = {
    {KEY("data", CONFIG_TEXT, data), DATA_FOLDER_DEFAULT, 0, 0, "DIR",
     "the cluster's data folder"},
    {KEY("broker", CONFIG_TEXT, broker), NULL, 0, 0, "LIST",
     "the brokers' addresses for clients, with commas (default: the data folder's)"},
    {KEY("insecure", CONFIG_FLAG, insecure), NULL, 0, 0, NULL,
     "allow TCP addresses that are not loopback"},
    {KEY("once", CONFIG_FLAG, once), NULL, 0, 0, NULL, "print one report and end"},
    {KEY("format", CONFIG_TEXT, format), "table", 0, 0, "FORMAT", "table or json"},
    {KEY("interval-s", CONFIG_COUNT, interval_s), "1", 1, 3600, "S",
     "seconds between two reports"},
};
#undef KEY

static enum status check_config(const void *target, struct error_text *error)
{
    const struct top_config *config = target;
    if (strcmp(config->format, "table") == 0 || strcmp(config->format, "json") == 0)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "--format is '%s'; expected table or json",
                     config->format);
}

static const struct config_spec spec = {
    .program = "chw top",
    .summary = "Brokers, regions, queues, workers, versions and rates, live.",
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .check = check_config,
    .notes = "In a terminal: q ends, r sorts the regions by rate, d by depth of the "
             "queue. Without a\nterminal, and with --format json, each report is printed "
             "below the one before.\nOf several brokers it shows a row each, and their "
             "sums. Exits 69 when none answers\n--once.\n",
};

/* A broker; its place among the others is its peer's number. */
struct watched {
    bool there;
    uint64_t asked;                 /* the number of the last question */
    uint64_t ask_ms, heard_ms;      /* when to ask next; when it answered last */
    ProtobufCMessage *now, *before; /* NULL: not yet */
    uint64_t elapsed_ms;
    bool refused; /* it does not know the question */
    bool fresh;   /* it answered since reports were waited for */
    enum top_state state;
    uint64_t silent_ms;
};

struct top {
    const struct top_config *config;
    struct link *link;
    struct data_folder folder;
    const char *endpoint;
    uint64_t opened_ms;
    struct watched brokers[LINK_PEERS_MAX];
    struct top_broker shown[LINK_PEERS_MAX];
    bool by_rate;
};

/* ---- which brokers there are ---- */

static void forget(struct watched *broker)
{
    proto_free(broker->now);
    proto_free(broker->before);
    *broker = (struct watched){.there = false};
}

/* True: others than before. */
static bool follow_brokers(struct top *self)
{
    enum link_change change;
    uint32_t peer;
    bool changed = false;
    while (link_changed(self->link, &change, &peer)) {
        if (change == LINK_LOST)
            continue;
        forget(&self->brokers[peer]);
        self->brokers[peer].there = change == LINK_ADDED;
        self->brokers[peer].heard_ms = clock_monotonic_ms();
        changed = true;
    }
    return changed;
}

static void forget_all(struct top *self)
{
    for (size_t i = 0; i < LINK_PEERS_MAX; i++)
        forget(&self->brokers[i]);
}

/* ---- question and answer ---- */

/* Where there is no connection yet, again when next looked at. */
static void ask_if_due(struct top *self)
{
    uint64_t now_ms = clock_monotonic_ms();
    for (uint32_t i = 0; i < LINK_PEERS_MAX; i++) {
        struct watched *broker = &self->brokers[i];
        const struct header header = {
            .type = MESSAGE_STATUS,
            .key.sequence = broker->asked + 1,
        };
        if (!broker->there || now_ms < broker->ask_ms ||
            link_send(self->link, i, &header, NULL) != STATUS_OK)
            continue;
        broker->asked++;
        broker->ask_ms = now_ms + self->config->interval_s * 1000;
    }
}

static bool take_report(struct watched *self, const void *body, size_t size)
{
    uint64_t now_ms = clock_monotonic_ms();
    ProtobufCMessage *report = proto_parse(&chw__status_report__descriptor, body, size);
    if (report == NULL)
        return false;
    proto_free(self->before);
    self->before = self->now;
    self->now = report;
    self->elapsed_ms = now_ms - self->heard_ms;
    self->heard_ms = now_ms;
    self->refused = false;
    self->fresh = true;
    return true;
}

/* True: there is something new to show. */
static bool receive(struct top *self)
{
    struct link_message message;
    bool changed = follow_brokers(self);
    enum status status;
    while ((status = link_receive(self->link, &message, NULL)) != STATUS_END) {
        const struct header *header = &message.header;
        struct watched *broker = &self->brokers[message.peer];
        if (status == STATUS_IO)
            return changed;
        if (status != STATUS_OK)
            continue;
        if (header->type == MESSAGE_STATUS_REPORT &&
            header->key.sequence == broker->asked)
            changed = take_report(broker, message.body, message.size) || changed;
        broker->refused = broker->refused || header->type == MESSAGE_REJECT;
    }
    return changed;
}

static void judge(const struct top *self, struct watched *broker)
{
    broker->silent_ms = clock_monotonic_ms() - broker->heard_ms;
    broker->state = TOP_WELL;
    if (broker->refused)
        broker->state = TOP_TOO_OLD;
    else if (broker->silent_ms > self->config->interval_s * 1000 + PATIENCE_MS)
        broker->state = TOP_SILENT;
}

/* True: there is other trouble than before, or more of it. */
static bool look_for_trouble(struct top *self)
{
    bool other = false;
    for (size_t i = 0; i < LINK_PEERS_MAX; i++) {
        struct watched *broker = &self->brokers[i];
        const struct watched old = *broker;
        if (!broker->there)
            continue;
        judge(self, broker);
        other = other || broker->state != old.state ||
                (broker->state == TOP_SILENT &&
                 broker->silent_ms / 1000 != old.silent_ms / 1000);
    }
    return other;
}

/* ---- what is shown ---- */

static void show_broker(struct top *self, uint32_t peer, struct top_broker *out)
{
    const struct watched *broker = &self->brokers[peer];
    *out = (struct top_broker){
        .address = link_address(self->link, peer),
        .now = (const Chw__StatusReport *)(const void *)broker->now,
        .before = (const Chw__StatusReport *)(const void *)broker->before,
        .elapsed_ms = broker->elapsed_ms,
        .state = broker->state,
        .silent_ms = broker->silent_ms,
    };
}

/* A host name may have no address yet: then nothing answers where we were told to ask. */
static void show_none(struct top *self)
{
    uint64_t silent_ms = clock_monotonic_ms() - self->opened_ms;
    self->shown[0] = (struct top_broker){
        .state = silent_ms > PATIENCE_MS ? TOP_SILENT : TOP_WELL,
        .silent_ms = silent_ms,
    };
}

static struct top_view view_of(struct top *self)
{
    struct top_view view = {.brokers = self->shown, .by_rate = self->by_rate};
    for (uint32_t i = 0; i < LINK_PEERS_MAX; i++)
        if (self->brokers[i].there)
            show_broker(self, i, &self->shown[view.count++]);
    if (view.count == 0)
        show_none(self);
    if (view.count <= 1) {
        view.count = 1;
        self->shown[0].address = self->endpoint;
    }
    return view;
}

/* ---- one report, or one after the other ---- */

static void print(struct top *self)
{
    const struct top_view view = view_of(self);
    if (strcmp(self->config->format, "json") == 0)
        top_write_json(&view, stdout);
    else
        top_draw(&view, 0, 0, stdout);
    fflush(stdout);
}

static enum status no_answer(const struct top *self, struct error_text *error)
{
    for (size_t i = 0; i < LINK_PEERS_MAX; i++)
        if (self->brokers[i].refused)
            return error_set(error, STATUS_UNAVAILABLE,
                             "the broker at %s is too old to be watched",
                             link_address(self->link, (uint32_t)i));
    return error_set(error, STATUS_UNAVAILABLE, "no broker answers at %s",
                     self->endpoint);
}

struct progress {
    size_t fresh, awaited, unasked;
};

static struct progress progress_of(const struct top *self)
{
    struct progress progress = {0};
    for (size_t i = 0; i < LINK_PEERS_MAX; i++) {
        const struct watched *broker = &self->brokers[i];
        bool awaited = broker->there && !broker->fresh && broker->state == TOP_WELL;
        progress.fresh += broker->fresh;
        progress.awaited += awaited;
        progress.unasked += awaited && broker->asked == 0;
    }
    return progress;
}

/* Who has not answered by now does not, whatever the time it would have. */
static void give_up_the_late(struct top *self)
{
    for (size_t i = 0; i < LINK_PEERS_MAX; i++) {
        struct watched *broker = &self->brokers[i];
        if (broker->there && !broker->fresh && broker->state == TOP_WELL)
            broker->state = TOP_SILENT;
    }
}

/* Until each broker that is not known to be silent has answered, and one has. */
static enum status await_reports(struct top *self, uint64_t deadline_ms,
                                 struct error_text *error)
{
    struct progress progress;
    for (size_t i = 0; i < LINK_PEERS_MAX; i++)
        self->brokers[i].fresh = false;
    do {
        ask_if_due(self);
        progress = progress_of(self);
        if (link_wait(self->link, progress.unasked > 0 ? 20 : WAIT_MS) == STATUS_IO)
            break;
        receive(self);
        look_for_trouble(self);
        progress = progress_of(self);
    } while ((progress.awaited > 0 || progress.fresh == 0) &&
             clock_monotonic_ms() < deadline_ms);
    give_up_the_late(self);
    return progress.fresh > 0 ? STATUS_OK : no_answer(self, error);
}

static enum status print_one(struct top *self, struct error_text *error)
{
    enum status status = await_reports(self, clock_monotonic_ms() + ONCE_MS, error);
    if (status == STATUS_OK)
        print(self);
    return status;
}

static enum status print_all(struct top *self, struct error_text *error)
{
    while (!ferror(stdout)) {
        uint64_t patience_ms = self->config->interval_s * 1000 + ONCE_MS;
        enum status status =
            await_reports(self, clock_monotonic_ms() + patience_ms, error);
        if (status != STATUS_OK) {
            fprintf(stderr, "chw top: %s\n", error->text);
            error->text[0] = '\0';
            continue;
        }
        print(self);
        if (strcmp(self->config->format, "table") == 0)
            putchar('\n');
    }
    return STATUS_OK;
}

/* ---- in a terminal ---- */

static void show(struct top *self)
{
    const struct top_view view = view_of(self);
    size_t width, height, size;
    char *text = NULL;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL)
        return;
    screen_size(&width, &height);
    top_draw(&view, width, height, file);
    if (fclose(file) == 0)
        screen_show(text);
    free(text);
}

/* True: the key means something. */
static bool press(struct top *self, char key)
{
    if (key == 'r' || key == 'd')
        self->by_rate = key == 'r';
    return key == 'r' || key == 'd';
}

static enum status watch(struct top *self, struct error_text *error)
{
    char key = 0;
    bool changed = true;
    enum status status = STATUS_OK;
    screen_open();
    while (key != 'q' && !screen_is_to_end() && status != STATUS_IO) {
        if (changed)
            show(self);
        ask_if_due(self);
        status = link_wait_or(self->link, screen_keys(), WAIT_MS);
        changed = receive(self);
        changed = look_for_trouble(self) || changed;
        changed = screen_was_resized() || changed;
        key = screen_key();
        changed = press(self, key) || changed;
    }
    screen_close();
    return status == STATUS_IO ? error_set(error, status, "the socket failed")
                               : STATUS_OK;
}

/* ---- beginning and end ---- */

static enum status find_brokers(struct top *self, struct error_text *error)
{
    enum status status = data_folder_clients_list(
        self->config->broker, self->config->data, &self->folder, &self->endpoint, error);
    if (status == STATUS_OK)
        status = link_open(self->endpoint, self->config->insecure, &self->link, error);
    self->opened_ms = clock_monotonic_ms();
    if (status == STATUS_OK)
        (void)follow_brokers(self);
    return status;
}

static enum status run(struct top *self, struct error_text *error)
{
    if (self->config->once)
        return print_one(self, error);
    if (strcmp(self->config->format, "json") == 0 || !screen_is_there())
        return print_all(self, error);
    return watch(self, error);
}

int command_top(int argc, char **argv)
{
    struct top_config config = {0};
    struct top top = {.config = &config};
    struct error_text error = {""};
    int exit_code;
    if (!config_load(&spec, argc, argv, &config, NULL, &exit_code))
        return exit_code;
    enum status status = check_config(&config, &error);
    if (status == STATUS_OK)
        status = find_brokers(&top, &error);
    if (status == STATUS_OK)
        status = run(&top, &error);
    exit_code = error_exit(&error, status, "chw top");
    link_close(top.link);
    forget_all(&top);
    config_free(&spec, &config, NULL);
    return exit_code;
}
