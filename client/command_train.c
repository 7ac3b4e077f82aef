/* SPDX-License-Identifier: Apache-2.0 */
/* command_train.c - chw train: become chw-train, which has the trainer's dependencies. */
#include "client/commands.h"
#include "client/process.h"

int command_train(int argc, char **argv)
{
    (void)argc;
    return process_become("chw-train", argv);
}
