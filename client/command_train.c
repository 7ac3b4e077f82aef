/* SPDX-License-Identifier: Apache-2.0 */
/* command_train.c - chw train: become chw-train, which has the trainer's dependencies. */
#include "client/commands.h"
#include "client/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

int command_train(int argc, char **argv)
{
    char path[PROCESS_PATH_SIZE];
    (void)argc;
    if (!process_sibling("chw-train", path)) {
        fprintf(stderr, "chw train: cannot find out where chw-train is\n");
        return EX_OSFILE;
    }
    execv(path, argv);
    fprintf(stderr, "chw train: cannot run %s: %s\n", path, strerror(errno));
    return EX_OSFILE;
}
