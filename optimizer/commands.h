/* SPDX-License-Identifier: Apache-2.0 */
/* commands.h - what chw-optimizer does once and ends: `chw plan` becomes it. argv[0] is
 * the command's name; returns the exit code. */

#ifndef OPTIMIZER_COMMANDS_H
#define OPTIMIZER_COMMANDS_H

int command_solve(int argc, char **argv);
int command_show(int argc, char **argv);

#endif
