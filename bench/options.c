/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - the table of chw-bench's options. */
#include "bench/options.h"

#include "bench/report.h"
#include "client/chw.h"

#include <string.h>

enum { OFFLINE_WINDOW = 32, SERVER_WINDOW = 1024, BATCH = 1024 };

#define KEY(name, type, field) name, type, offsetof(struct bench_config, field)
static const struct config_key keys[] = {
    {KEY("scenario", CONFIG_TEXT, scenario_name), "server", 0, 0, "NAME",
     "server: batches arrive at a rate, whatever comes back (open loop); single-stream: "
     "one at a time; offline: as fast as they are answered (closed loops)"},
    {KEY("rate", CONFIG_REAL, rate), "0", 0, 0, "RECORDS",
     "server: records a second that are offered; 0: 70 % of what the warm-up reached"},
    {KEY("arrivals", CONFIG_TEXT, arrivals_name), "poisson", 0, 0, "KIND",
     "server: poisson, or fixed: evenly spaced"},
    {KEY("seconds", CONFIG_REAL, seconds), "5", 0, 0, "S",
     "of a run of server and single-stream"},
    {KEY("records", CONFIG_COUNT, records), "10000000", 1, 10000000000, "N",
     "offline: records a run, in whole batches; a million different ones at most"},
    {KEY("batch", CONFIG_COUNT, batch), NULL, 1, CHW_ROWS_MAX, "N",
     "records of a batch (default: 1024; single-stream: 1)"},
    {KEY("window", CONFIG_COUNT, window), NULL, 1, 1024, "N",
     "batches in flight (default: 32; server: 1024; single-stream: always 1)"},
    {KEY("runs", CONFIG_COUNT, runs), "5", 1, REPORT_RUNS_MAX, "N", "measured runs"},
    {KEY("warmup", CONFIG_REAL, warmup), "1", 0, 0, "S",
     "seconds before the first of them, as offline"},
    {KEY("seed", CONFIG_COUNT, seed), "1", 0, 0, "N", "of the people and the arrivals"},
    {KEY("what-if", CONFIG_FLAG, what_if), NULL, 0, 0, NULL,
     "score only: nothing is settled"},
    {KEY("disturb", CONFIG_TEXT, disturb_name), "nothing", 0, 0, "WHAT",
     "in the middle of each run: reload: another version of the model is promoted; kill: "
     "a worker is killed; nothing"},
    {KEY("broker", CONFIG_TEXT, broker), NULL, 0, 0, "LIST",
     "measure the cluster behind these addresses (default: one of its own)"},
    {KEY("insecure", CONFIG_FLAG, insecure), NULL, 0, 0, NULL,
     "allow a TCP address that is not loopback"},
    {KEY("store", CONFIG_TEXT, store), NULL, 0, 0, "URL",
     "of its own cluster: an empty store, such as redis://HOST/5 (default: an SQLite "
     "file); "
     "with --broker: that cluster's, for the reference and the demand"},
    {KEY("listen", CONFIG_TEXT, listen), NULL, 0, 0, "ENDPOINT",
     "where its own cluster's broker listens (default: a socket in its folder)"},
    {KEY("workers", CONFIG_COUNT, workers), "2", 1, 64, "N",
     "worker processes of its own cluster"},
    {KEY("threads", CONFIG_COUNT, threads), "1", 1, 256, "N",
     "scoring threads of each of them"},
    {KEY("estimator", CONFIG_TEXT, estimator), "logistic", 0, 0, "KIND",
     "of its own cluster's model: logistic, boosting or forest"},
    {KEY("trees", CONFIG_COUNT, trees), NULL, 1, 10000, "N",
     "of boosting and forest, exactly so many (default: as chw train)"},
    {KEY("depth", CONFIG_COUNT, depth), NULL, 1, 32, "N",
     "of a tree at most (default: as chw train)"},
    {KEY("watch", CONFIG_LIST, watch), NULL, 0, 0, "NAME=PID",
     "count this process's CPU, too, such as a store's server"},
    {KEY("histogram", CONFIG_TEXT, histogram), NULL, 0, 0, "FILE",
     "write all latencies' distribution there, as HdrHistogram does (.hgrm, in ms)"},
    {KEY("format", CONFIG_TEXT, format), "table", 0, 0, "FORMAT", "table, json or csv"},
    {KEY("keep", CONFIG_FLAG, keep), NULL, 0, 0, NULL,
     "keep its cluster's folder and logs"},
};
#undef KEY

const struct config_spec bench_options = {
    .program = "chw-bench",
    .summary = "Load a cluster and measure what comes back, and when.",
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .notes =
        "Without --broker it starts a broker and workers in a folder of its own, in "
        "TMPDIR\nor /tmp, and trains a model. It makes the records and checks each "
        "answer, and the\ndemand, against a reference. docs/benchmark.md says what the "
        "figures are. Wants a\nrelease build and an idle machine.\n",
};

static enum status find_word(const char *option, const char *word,
                             const char *const *words, int *found,
                             struct error_text *error)
{
    char expected[128] = "";
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0) {
            *found = i;
            return STATUS_OK;
        }
        size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s%s", i == 0 ? "" : ", ",
                 words[i]);
    }
    return error_set(error, STATUS_INVALID, "--%s is '%.20s'; expected one of %s", option,
                     word, expected);
}

static enum status read_words(struct bench_config *self, struct error_text *error)
{
    static const char *const scenarios[] = {"server", "single-stream", "offline", NULL};
    static const char *const arrivals[] = {"fixed", "poisson", NULL};
    static const char *const disturbances[] = {"nothing", "reload", "kill", NULL};
    static const char *const estimators[] = {"logistic", "boosting", "forest", NULL};
    static const char *const formats[] = {"table", "json", "csv", NULL};
    int scenario = 0, arrival = 0, disturb = 0, any;
    enum status status =
        find_word("scenario", self->scenario_name, scenarios, &scenario, error);
    if (status == STATUS_OK)
        status = find_word("arrivals", self->arrivals_name, arrivals, &arrival, error);
    if (status == STATUS_OK)
        status = find_word("disturb", self->disturb_name, disturbances, &disturb, error);
    if (status == STATUS_OK)
        status = find_word("estimator", self->estimator, estimators, &any, error);
    if (status == STATUS_OK)
        status = find_word("format", self->format, formats, &any, error);
    self->scenario = (enum scenario)scenario;
    self->arrivals = (enum arrivals_kind)arrival;
    self->disturb = (enum disturbance)disturb;
    return status;
}

static enum status check(const struct bench_config *self, struct error_text *error)
{
    if (!(self->seconds > 0 && self->seconds <= 86400))
        return error_set(error, STATUS_INVALID, "--seconds is not between 0 and 86400");
    if (!(self->warmup >= 0 && self->warmup <= 3600))
        return error_set(error, STATUS_INVALID, "--warmup is not between 0 and 3600");
    if (!(self->rate >= 0 && self->rate <= 1e9))
        return error_set(error, STATUS_INVALID, "--rate is not between 0 and 1e9");
    if (self->rate == 0 && self->warmup == 0 && self->scenario == SCENARIO_SERVER)
        return error_set(error, STATUS_INVALID,
                         "without a warm-up --rate says what is offered");
    if (self->broker != NULL && self->disturb != DISTURB_NOTHING)
        return error_set(error, STATUS_INVALID,
                         "--disturb is for a cluster of its own: without --broker");
    if (self->watch.count > REPORT_WATCHED_MAX)
        return error_set(error, STATUS_INVALID, "more than %d processes to watch",
                         REPORT_WATCHED_MAX);
    return STATUS_OK;
}

enum status bench_options_complete(struct bench_config *self, struct error_text *error)
{
    enum status status = read_words(self, error);
    if (status == STATUS_OK)
        status = check(self, error);
    if (status != STATUS_OK)
        return status;
    bool single = self->scenario == SCENARIO_SINGLE_STREAM;
    if (self->batch == 0)
        self->batch = single ? 1 : BATCH;
    if (self->window == 0)
        self->window = self->scenario == SCENARIO_SERVER ? SERVER_WINDOW : OFFLINE_WINDOW;
    if (single)
        self->window = 1;
    return STATUS_OK;
}
