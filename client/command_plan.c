/* SPDX-License-Identifier: Apache-2.0 */
/* command_plan.c - chw plan: become chw-optimizer, which has the solver. */
#include "client/commands.h"
#include "client/nearest.h"
#include "client/process.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char usage[] =
    "usage: chw plan COMMAND [OPTION]...\n"
    "What each region gets of what there is: people's hours, test kits, clinic slots.\n\n"
    "  solve      plan for the demand, publish the plan and print it\n"
    "  show       print the current plan\n\n"
    "`chw plan COMMAND --help` explains one.\n";

int command_plan(int argc, char **argv)
{
    static const char *const names[] = {"solve", "show"};
    if (argc < 2) {
        fputs(usage, stderr);
        return EX_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(usage, stdout);
        return EX_OK;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(argv[1], names[i]) == 0)
            return process_become("chw-optimizer", argv);
    const char *meant = nearest_name(argv[1], names, sizeof names / sizeof names[0]);
    fprintf(stderr, "chw plan: '%s' is not a command%s%s%s; try `chw plan --help`\n",
            argv[1], meant == NULL ? "" : "; did you mean '", meant == NULL ? "" : meant,
            meant == NULL ? "" : "'?");
    return EX_USAGE;
}
