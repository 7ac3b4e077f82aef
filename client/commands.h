/* SPDX-License-Identifier: Apache-2.0 */
/* commands.h - one function per chw subcommand; main.c holds the table. argv[0] is the
 * subcommand's name; returns the exit code. */

#ifndef CLIENT_COMMANDS_H
#define CLIENT_COMMANDS_H

int command_up(int argc, char **argv);
int command_generate(int argc, char **argv);
int command_train(int argc, char **argv);
int command_score(int argc, char **argv);
int command_model(int argc, char **argv);
int command_demand(int argc, char **argv);
int command_plan(int argc, char **argv);
int command_store(int argc, char **argv);
int command_dead_letter(int argc, char **argv);
int command_top(int argc, char **argv);
int command_spool(int argc, char **argv);
int command_demo(int argc, char **argv);

#endif
