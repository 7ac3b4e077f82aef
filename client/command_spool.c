/* SPDX-License-Identifier: Apache-2.0 */
/* command_spool.c - chw spool status | flush. */
#include "base/config.h"
#include "base/progress.h"
#include "client/chw_status.h"
#include "client/commands.h"
#include "client/data_folder.h"
#include "client/interrupt.h"
#include "client/menu.h"
#include "client/spool_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WAIT_MS = 200 }; /* how soon a signal is seen */

struct spool_config {
    char *data, *broker;
    uint64_t window;
    bool json, wait, insecure;
};

#define KEY(name, type, field) name, type, offsetof(struct spool_config, field)
static const struct config_key status_keys[] = {
    {KEY("json", CONFIG_FLAG, json), NULL, 0, 0, NULL, "print a JSON object"},
};
static const struct config_key flush_keys[] = {
    {KEY("broker", CONFIG_TEXT, broker), NULL, 0, 0, "LIST",
     "the brokers' addresses for clients, with commas (default: the data folder's)"},
    {KEY("data", CONFIG_TEXT, data), DATA_FOLDER_DEFAULT, 0, 0, "DIR",
     "the cluster's data folder"},
    {KEY("insecure", CONFIG_FLAG, insecure), NULL, 0, 0, NULL,
     "allow TCP addresses that are not loopback"},
    {KEY("window", CONFIG_COUNT, window), "64", 1, 1024, "N", "batches in flight"},
    {KEY("wait", CONFIG_FLAG, wait), NULL, 0, 0, NULL,
     "wait for a broker as long as it takes"},
};
#undef KEY

struct work {
    const char *folder;
    const struct spool_config *config;
    struct error_text *error;
};

/* ---- status ---- */

static enum status show(struct work *work)
{
    struct spool_state state;
    enum status status = spool_state_read(work->folder, &state, work->error);
    if (status != STATUS_OK)
        return status;
    if (work->config->json)
        spool_state_json(&state, stdout);
    else
        spool_state_print(&state, stdout);
    spool_state_free(&state);
    return STATUS_OK;
}

/* ---- flush ---- */

struct flush {
    struct work *work;
    struct chw_client *client;
    struct progress *progress;
    uint64_t total, counted, invalid, dead; /* batches */
    bool is_silent;                         /* no broker answers */
};

static void tell(void *arg, enum chw_notice notice, const char *text)
{
    struct flush *self = arg;
    if (notice == CHW_NOTICE_SILENT || notice == CHW_NOTICE_BACK)
        self->is_silent = notice == CHW_NOTICE_SILENT;
    fprintf(stderr, "chw spool flush: %s\n", text);
}

static enum status open_client(struct flush *self, const struct digest *job)
{
    const struct spool_config *config = self->work->config;
    struct data_folder folder;
    struct chw_error text = {""};
    const char *endpoint;
    enum status named = data_folder_clients_list(config->broker, config->data, &folder,
                                                 &endpoint, self->work->error);
    if (named != STATUS_OK)
        return named;
    const struct chw_options options = {
        .struct_size = sizeof options,
        .endpoint = endpoint,
        .insecure = config->insecure,
        .job = job->bytes,
        .window = (uint32_t)config->window,
        .notice = tell,
        .notice_arg = self,
        .spool = self->work->folder,
    };
    enum chw_status status = chw_open(&options, &self->client, &text);
    if (status != CHW_OK)
        return error_set(self->work->error, chw_status_of(status), "%s", text.text);
    self->total = chw_outstanding(self->client);
    return STATUS_OK;
}

static enum status note(struct flush *self, const struct chw_result *result)
{
    enum chw_outcome outcome = chw_result_outcome(result);
    if (outcome == CHW_REFUSED)
        return error_set(self->work->error, STATUS_UNAVAILABLE,
                         "the cluster refused batch %" PRIu64 ": %s",
                         chw_result_sequence(result), chw_result_reason(result));
    self->dead += outcome == CHW_DEAD;
    self->invalid += outcome == CHW_BATCH_INVALID;
    self->counted += outcome != CHW_DEAD && outcome != CHW_BATCH_INVALID;
    return STATUS_OK;
}

static void show_progress(const struct flush *self)
{
    uint64_t done = self->counted + self->invalid + self->dead;
    progress_update(self->progress, done,
                    self->total == 0 ? 1 : (double)done / (double)self->total);
}

/* Nothing has come for a while. */
static enum status check_patience(const struct flush *self)
{
    if (interrupt_came())
        return error_set(self->work->error, STATUS_TAKEN,
                         "stopped: run the same command again to go on");
    if (self->is_silent && !self->work->config->wait)
        return error_set(self->work->error, STATUS_UNAVAILABLE,
                         "%" PRIu32 " batches stay in %s: run the same command again "
                         "when a broker is there, or with --wait",
                         chw_outstanding(self->client), self->work->folder);
    return STATUS_OK;
}

static enum status take_answers(struct flush *self)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        struct chw_result *result;
        enum chw_status got = chw_wait(self->client, WAIT_MS, &result);
        show_progress(self);
        if (got == CHW_IDLE)
            return STATUS_OK;
        if (got == CHW_OK) {
            status = note(self, result);
            chw_result_free(result);
        } else if (got != CHW_TIMEOUT) {
            return error_set(self->work->error, chw_status_of(got), "%s",
                             chw_last_error(self->client));
        }
        if (status == STATUS_OK && (interrupt_came() || got == CHW_TIMEOUT))
            status = check_patience(self);
    }
    return status;
}

static void tell_end(const struct flush *self)
{
    if (self->total == 0) {
        printf("%s: nothing waits there\n", self->work->folder);
        return;
    }
    printf("%s: %" PRIu64 " batches answered: %" PRIu64 " counted, %" PRIu64
           " invalid, %" PRIu64 " dead; the `chw score` that began them writes the "
           "results when it is run again\n",
           self->work->folder, self->counted + self->invalid + self->dead, self->counted,
           self->invalid, self->dead);
}

static enum status flush(struct work *work)
{
    struct spool_state state;
    struct flush self = {.work = work, .progress = progress_new("sending", "batches")};
    interrupt_catch();
    enum status status = spool_state_read(work->folder, &state, work->error);
    if (status == STATUS_OK) {
        status = open_client(&self, &state.job);
        spool_state_free(&state);
    }
    if (status == STATUS_OK)
        status = take_answers(&self);
    progress_free(self.progress);
    chw_close(self.client);
    if (status == STATUS_OK)
        tell_end(&self);
    return status;
}

/* ---- the table of actions ---- */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
static const struct action {
    struct menu_item item;
    enum status (*run)(struct work *work);
    struct config_spec spec;
} actions[] = {
    {{"status", "what waits in it: batches, records, days, regions"},
     show,
     {.program = "chw spool status",
      .summary = "What waits in a spool, and what is answered; it may be in use.",
      .operands = "DIR",
      .operands_min = 1,
      .operands_max = 1,
      .keys = status_keys,
      .key_count = COUNT(status_keys),
      .notes = "Exit codes: 0, 65 a file in it is damaged, 66 there is no spool.\n"}},
    {{"flush", "send what waits in it until all is answered"},
     flush,
     {.program = "chw spool flush",
      .summary = "Send what waits in a spool until all of it is answered.",
      .operands = "DIR",
      .operands_min = 1,
      .operands_max = 1,
      .keys = flush_keys,
      .key_count = COUNT(flush_keys),
      .notes =
          "Each batch is counted once, whoever sends it and however often. The answers "
          "stay in\nDIR: the `chw score` that began the job, run again, makes its "
          "results "
          "of them.\n\nExit codes: 0 all is answered, 64 wrong options, 65 a file in it "
          "is damaged or missing,\n66 there is no spool, 69 no broker answers or a batch "
          "was refused, 74 a file cannot be\nwritten, 75 stopped, or in use by another: "
          "run again to go on.\n"}},
};

static int run_action(const struct action *action, int argc, char **argv)
{
    struct spool_config config = {0};
    struct config_list operands = {0};
    struct error_text error = {""};
    int exit_code;
    if (!config_load(&action->spec, argc, argv, &config, &operands, &exit_code))
        return exit_code;
    struct work work = {.folder = operands.items[0], .config = &config, .error = &error};
    enum status status = action->run(&work);
    fflush(stdout);
    exit_code = error_exit(&error, status, action->spec.program);
    config_free(&action->spec, &config, &operands);
    return exit_code;
}

int command_spool(int argc, char **argv)
{
    static const struct menu menu = {
        .program = "chw spool",
        .noun = "ACTION",
        .summary = "A spool keeps the batches of a `chw score --spool` until they are "
                   "answered.",
        .items = actions,
        .item_size = sizeof actions[0],
        .count = sizeof actions / sizeof actions[0],
    };
    size_t index;
    int exit_code;
    return menu_choose(&menu, argc, argv, &index, &exit_code)
               ? run_action(&actions[index], argc - 1, argv + 1)
               : exit_code;
}
