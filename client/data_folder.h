/* SPDX-License-Identifier: Apache-2.0 */
/* data_folder.h - where one machine's cluster keeps its things, and how the commands find
 * it.
 *
 *      DIR/store.db         the store          DIR/front.ipc  clients connect here
 *      DIR/cluster.lock     held by `chw up`   DIR/back.ipc   workers connect here
 *      DIR/allocation.yaml  what there is to plan with */

#ifndef CLIENT_DATA_FOLDER_H
#define CLIENT_DATA_FOLDER_H

#include "base/error_text.h"

#define DATA_FOLDER_DEFAULT "chw-data" /* in the current folder */

struct data_folder {
    char store[4200]; /* sqlite:DIR/store.db */
    char front[4200]; /* ipc://DIR/front.ipc */
    char back[4200];
    char lock[4200];
    char allocation[4200];
};

/* Only names things: makes and opens nothing. STATUS_INVALID: the path is too long for a
 * socket; `error` says by how much. */
MUST_CHECK enum status data_folder_name(const char *path, struct data_folder *out,
                                        struct error_text *error);

#endif
