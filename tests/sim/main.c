/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - chw-sim: as many seeds as one likes, or the trace of one. */
#include "base/config.h"
#include "tests/sim/runner.h"
#include "tests/sim/scenario.h"

#include <inttypes.h>
#include <sysexits.h>

struct options {
    uint64_t seeds, first_seed, jobs;
    bool trace;
    char *scenario;
};

#define KEY(name, type, field) name, type, offsetof(struct options, field)

static const struct config_key keys[] = {
    {KEY("seeds", CONFIG_COUNT, seeds), "1000", 1, UINT32_MAX, "N",
     "how many runs, each of a seed of its own"},
    {KEY("first-seed", CONFIG_COUNT, first_seed), "1", 0, UINT64_MAX / 2, "S",
     "the seed of the first run; the others follow"},
    {KEY("jobs", CONFIG_COUNT, jobs), "1", 1, 64, "N", "processes that run seeds"},
    {KEY("trace", CONFIG_FLAG, trace), NULL, 0, 0, NULL,
     "print every line of the first seed's trace, and run no other"},
    {KEY("scenario", CONFIG_TEXT, scenario), NULL, 0, 0, "FILE",
     "run the cluster that it describes, print its figures, and run no seed"},
};

static const struct config_spec spec = {
    .program = "chw-sim",
    .summary =
        "Simulate clusters on a virtual clock: the brokers' dispatcher, the clients' "
        "session and\nspool are the real ones, network, workers, store and disks "
        "are models that fail.",
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .notes = "Exit code 1: an invariant did not hold. The last lines of the trace, the "
             "seed and the\nsentence are on stderr; the same seed fails again. "
             "docs/scaling.md has the keys of a scenario.\n",
};

static void print_tally(const struct tally *tally)
{
    printf("%" PRIu64 " seeds, %" PRIu64 " events; batches counted %" PRIu64
           ", invalid %" PRIu64 ", dead %" PRIu64 ", scored %" PRIu64 ", expired %" PRIu64
           ", refused %" PRIu64 "\n",
           tally->seeds, tally->events, tally->outcomes[OUTCOME_COUNTED],
           tally->outcomes[OUTCOME_INVALID], tally->outcomes[OUTCOME_DEAD],
           tally->outcomes[OUTCOME_SCORED], tally->outcomes[OUTCOME_EXPIRED],
           tally->outcomes[OUTCOME_REFUSED]);
    printf("spools: %" PRIu64 " batches kept, %" PRIu64
           " found again after a crash; scored "
           "together %" PRIu64 "\n",
           tally->spooled, tally->found_again, tally->joined);
    printf("faults:");
    for (int i = 0; i < FAULT_COUNT; i++)
        printf(" %s %" PRIu64, fault_name((enum fault)i), tally->faults[i]);
    printf("\n");
}

static int run_seeds(const struct options *options)
{
    const struct runner_options runner = {.first = options->first_seed,
                                          .count = options->seeds,
                                          .jobs = (uint32_t)options->jobs,
                                          .progress = true};
    struct tally tally = {0};
    uint64_t failed;
    bool ok = runner_run(&runner, &tally, &failed);
    print_tally(&tally);
    if (!ok)
        printf("seed %" PRIu64 " failed\n", failed);
    return ok ? 0 : 1;
}

static int trace_seed(uint64_t seed)
{
    struct tally tally = {0};
    runner_run_one(seed, stdout, &tally);
    print_tally(&tally);
    return 0;
}

static int run_scenario(const char *path)
{
    struct error_text error = {""};
    if (scenario_run(path, stdout, &error) == STATUS_OK)
        return 0;
    fprintf(stderr, "chw-sim: %s\n", error.text);
    return EX_CONFIG;
}

static int run(const struct options *options)
{
    if (options->scenario != NULL)
        return run_scenario(options->scenario);
    return options->trace ? trace_seed(options->first_seed) : run_seeds(options);
}

int main(int argc, char **argv)
{
    struct options options = {0};
    int exit_code;
    if (!config_load(&spec, argc, argv, &options, NULL, &exit_code))
        return exit_code;
    exit_code = run(&options);
    config_free(&spec, &options, NULL);
    return exit_code;
}
