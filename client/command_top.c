/* SPDX-License-Identifier: Apache-2.0 */
/* command_top.c - chw top: ask the broker what it holds, again and again. */
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
    {KEY("broker", CONFIG_TEXT, broker), NULL, 0, 0, "ENDPOINT",
     "the broker's address for clients (default: the data folder's)"},
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
    .summary = "Regions, queues, workers, versions and rates of a broker, live.",
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .check = check_config,
    .notes = "In a terminal: q ends, r sorts the regions by rate, d by depth of the "
             "queue. Without a\nterminal, and with --format json, each report is printed "
             "below the one before.\nExits 69 when no broker answers --once.\n",
};

struct top {
    const struct top_config *config;
    struct link *link;
    char endpoint[4200];
    uint64_t asked;                 /* the number of the last question */
    uint64_t ask_ms, heard_ms;      /* when to ask next; when it answered last */
    ProtobufCMessage *now, *before; /* NULL: not yet */
    uint64_t elapsed_ms;
    bool refused; /* it does not know the question */
    char trouble[600];
    bool by_rate;
};

/* ---- question and answer ---- */

/* Where there is no connection yet, again when next looked at. */
static void ask_if_due(struct top *self)
{
    uint64_t now_ms = clock_monotonic_ms();
    const struct header header = {
        .type = MESSAGE_STATUS,
        .key.sequence = self->asked + 1,
    };
    if (now_ms < self->ask_ms || link_send_any(self->link, &header, NULL) != STATUS_OK)
        return;
    self->asked++;
    self->ask_ms = now_ms + self->config->interval_s * 1000;
}

static bool take_report(struct top *self, const void *body, size_t size)
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
    return true;
}

/* True: there is something new to show. */
static bool receive(struct top *self)
{
    struct link_message message;
    bool changed = false;
    enum status status;
    while ((status = link_receive(self->link, &message, NULL)) != STATUS_END) {
        const struct header *header = &message.header;
        if (status == STATUS_IO)
            return changed;
        if (status != STATUS_OK)
            continue;
        if (header->type == MESSAGE_STATUS_REPORT && header->key.sequence == self->asked)
            changed = take_report(self, message.body, message.size) || changed;
        self->refused = self->refused || header->type == MESSAGE_REJECT;
    }
    return changed;
}

/* True: there is other trouble than before. */
static bool look_for_trouble(struct top *self)
{
    char trouble[sizeof self->trouble] = "";
    uint64_t silent_ms = clock_monotonic_ms() - self->heard_ms;
    if (self->refused)
        snprintf(trouble, sizeof trouble, "the broker at %s is too old to be watched",
                 self->endpoint);
    else if (silent_ms > self->config->interval_s * 1000 + PATIENCE_MS)
        snprintf(trouble, sizeof trouble,
                 "no broker answers at %.400s since %" PRIu64 " s", self->endpoint,
                 silent_ms / 1000);
    bool other = strcmp(trouble, self->trouble) != 0;
    memcpy(self->trouble, trouble, sizeof trouble);
    return other;
}

static struct top_view view_of(const struct top *self)
{
    return (struct top_view){
        .now = (const Chw__StatusReport *)(const void *)self->now,
        .before = (const Chw__StatusReport *)(const void *)self->before,
        .elapsed_ms = self->elapsed_ms,
        .trouble = self->trouble[0] == '\0' ? NULL : self->trouble,
        .by_rate = self->by_rate,
    };
}

/* ---- one report, or one after the other ---- */

static void print(const struct top *self)
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
    if (self->refused)
        return error_set(error, STATUS_UNAVAILABLE,
                         "the broker at %s is too old to be watched", self->endpoint);
    return error_set(error, STATUS_UNAVAILABLE, "no broker answers at %s",
                     self->endpoint);
}

/* Until a report has come. */
static enum status await_report(struct top *self, uint64_t deadline_ms,
                                struct error_text *error)
{
    while (!self->refused && clock_monotonic_ms() < deadline_ms) {
        ask_if_due(self);
        if (link_wait(self->link, self->asked == 0 ? 20 : WAIT_MS) == STATUS_IO)
            break;
        if (receive(self))
            return STATUS_OK;
    }
    return no_answer(self, error);
}

static enum status print_one(struct top *self, struct error_text *error)
{
    enum status status = await_report(self, clock_monotonic_ms() + ONCE_MS, error);
    if (status == STATUS_OK)
        print(self);
    return status;
}

static enum status print_all(struct top *self, struct error_text *error)
{
    while (!ferror(stdout)) {
        uint64_t patience_ms = self->config->interval_s * 1000 + ONCE_MS;
        enum status status =
            await_report(self, clock_monotonic_ms() + patience_ms, error);
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

static void show(const struct top *self)
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

static enum status find_broker(struct top *self, struct error_text *error)
{
    struct data_folder folder;
    const char *endpoint = self->config->broker;
    if (endpoint == NULL) {
        enum status status = data_folder_name(self->config->data, &folder, error);
        if (status != STATUS_OK)
            return status;
        endpoint = folder.front;
    }
    snprintf(self->endpoint, sizeof self->endpoint, "%s", endpoint);
    self->heard_ms = clock_monotonic_ms();
    return link_open(self->endpoint, self->config->insecure, &self->link, error);
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
        status = find_broker(&top, &error);
    if (status == STATUS_OK)
        status = run(&top, &error);
    exit_code = error_exit(&error, status, "chw top");
    link_close(top.link);
    proto_free(top.now);
    proto_free(top.before);
    config_free(&spec, &config, NULL);
    return exit_code;
}
