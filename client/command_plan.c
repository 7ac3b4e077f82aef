/* SPDX-License-Identifier: Apache-2.0 */
/* command_plan.c - chw plan: become chw-optimizer, which has the solver. */
#include "client/commands.h"
#include "client/menu.h"
#include "client/process.h"

int command_plan(int argc, char **argv)
{
    static const struct menu_item items[] = {
        {"solve", "plan for the demand, publish the plan and print it"},
        {"show", "print the current plan"},
    };
    static const struct menu menu = {
        .program = "chw plan",
        .noun = "ACTION",
        .summary =
            "What each region gets of what there is: hours, test kits, clinic slots.",
        .items = items,
        .item_size = sizeof items[0],
        .count = sizeof items / sizeof items[0],
    };
    size_t index;
    int exit_code;
    return menu_choose(&menu, argc, argv, &index, &exit_code)
               ? process_become("chw-optimizer", argv)
               : exit_code;
}
