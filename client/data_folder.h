/* SPDX-License-Identifier: Apache-2.0 */
/* data_folder.h - where one machine's cluster keeps its things, and how the commands find
 * it.
 *
 *      DIR/store.db         the store          DIR/front.ipc  clients connect here
 *      DIR/cluster.lock     held by `chw up`   DIR/back.ipc   workers connect here
 *      DIR/allocation.yaml  what there is to plan with
 *
 * Of several brokers the second has front2.ipc and back2.ipc, and so on. */

#ifndef CLIENT_DATA_FOLDER_H
#define CLIENT_DATA_FOLDER_H

#include "base/error_text.h"

#include <stddef.h>

#define DATA_FOLDER_DEFAULT "chw-data" /* in the current folder */

enum { DATA_FOLDER_BROKERS_MAX = 8 };

struct data_folder {
    char path[4200];  /* DIR */
    char store[4200]; /* sqlite:DIR/store.db */
    char front[4200]; /* ipc://DIR/front.ipc; of several brokers a list, by commas */
    char back[4200];
    char lock[4200];
    char allocation[4200];
};

/* Only names things: makes and opens nothing. STATUS_INVALID: the path is too long for a
 * socket; `error` says by how much. */
MUST_CHECK enum status data_folder_name(const char *path, struct data_folder *out,
                                        struct error_text *error);

/* From one broker, whom data_folder_name() names, to as many. STATUS_INVALID: as there.
 */
MUST_CHECK enum status data_folder_set_brokers(struct data_folder *self, size_t count,
                                               struct error_text *error);

/* As many as have their place in the folder now; at least one. */
void data_folder_find_brokers(struct data_folder *self);

/* The addresses that a client goes to: `list`, or where it is NULL those of all brokers
 * of the folder `path`, which `out` then holds. STATUS_INVALID: as data_folder_name(). */
MUST_CHECK enum status data_folder_clients_list(const char *list, const char *path,
                                                struct data_folder *out,
                                                const char **endpoint,
                                                struct error_text *error);

/* What brokers after the first `count` have left there, who were killed. */
void data_folder_forget_brokers(const struct data_folder *self, size_t count);

#endif
