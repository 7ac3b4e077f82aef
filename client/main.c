/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - chw: the table of subcommands. */
#include "client/commands.h"
#include "client/menu.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

struct command {
    struct menu_item item;
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
    {{"up", "start a broker and workers on this machine; Ctrl-C drains"}, command_up},
    {{"generate", "write a synthetic population"}, command_generate},
    {{"train", "train a model on a table and publish it"}, command_train},
    {{"score", "score the records of a table: a result for each row"}, command_score},
    {{"model", "list, show, promote and roll back models"}, command_model},
    {{"demand", "people, expected cases and tiers per region"}, command_demand},
    {{"plan", "what each region gets of hours, test kits and clinic slots"},
     command_plan},
    {{"top", "regions, queues, workers, versions and rates, live"}, command_top},
    {{"store", "check a store, copy it into another"}, command_store},
    {{"dead-letter", "batches that workers died over: list, show, send again, drop"},
     command_dead_letter},
    {{"spool", "what waits on the disk for a cluster; send it"}, command_spool},
    {{"demo", "all of it, from nothing, in a folder of its own"}, command_demo},
};

static bool asks_for_version(const char *word)
{
    return strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 ||
           strcmp(word, "version") == 0;
}

int main(int argc, char **argv)
{
    static const struct menu menu = {
        .program = "chw",
        .noun = "COMMAND",
        .summary = "Score streams of patient records on a cluster of workers.",
        .after = "; `chw --version` says which this is.",
        .items = commands,
        .item_size = sizeof commands[0],
        .count = sizeof commands / sizeof commands[0],
    };
    size_t index;
    int exit_code;
    if (argc > 1 && asks_for_version(argv[1])) {
        printf("chw %s\n", CHW_VERSION);
        return EX_OK;
    }
    return menu_choose(&menu, argc, argv, &index, &exit_code)
               ? commands[index].run(argc - 1, argv + 1)
               : exit_code;
}
