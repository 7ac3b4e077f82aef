/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - chw: the table of subcommands. */
#include "client/commands.h"
#include "client/nearest.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct command commands[] = {
    {"up", command_up, "start a broker and workers on this machine; Ctrl-C drains"},
    {"generate", command_generate, "write a synthetic population"},
    {"train", command_train, "train a model on a table and publish it"},
    {"score", command_score, "score the records of a table: a result for each row"},
    {"model", command_model, "list, show, promote and roll back models"},
    {"demand", command_demand, "people, expected cases and tiers per region"},
    {"plan", command_plan, "what each region gets of hours, test kits and clinic slots"},
    {"top", command_top, "regions, queues, workers, versions and rates, live"},
    {"store", command_store, "check a store, copy it into another"},
    {"demo", command_demo, "all of it, from nothing, in a folder of its own"},
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_usage(FILE *file)
{
    fprintf(file, "usage: chw COMMAND [OPTION]...\n"
                  "Score streams of patient records on a cluster of workers.\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(file, "  %-10s %s\n", commands[i].name, commands[i].help);
    fprintf(file, "\n`chw COMMAND --help` explains one; `chw --version` says which this "
                  "is.\n");
}

static int unknown(const char *name)
{
    const char *names[COMMAND_COUNT];
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i].name;
    const char *meant = nearest_name(name, names, COMMAND_COUNT);
    fprintf(stderr, "chw: '%s' is not a command%s%s%s; try `chw --help`\n", name,
            meant == NULL ? "" : "; did you mean '", meant == NULL ? "" : meant,
            meant == NULL ? "" : "'?");
    return EX_USAGE;
}

static bool is_any(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return EX_USAGE;
    }
    if (is_any(argv[1], "--help", "-h", "help")) {
        print_usage(stdout);
        return EX_OK;
    }
    if (is_any(argv[1], "--version", "-V", "version")) {
        printf("chw %s\n", CHW_VERSION);
        return EX_OK;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return unknown(argv[1]);
}
