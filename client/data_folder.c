/* SPDX-License-Identifier: Apache-2.0 */
/* data_folder.c - the names of what lies in a data folder. */
#include "client/data_folder.h"

#include <stdio.h>
#include <string.h>

/* What the system's address of a local socket holds, without its terminator. */
enum { SOCKET_PATH_MAX = 107 };

enum status data_folder_name(const char *path, struct data_folder *out,
                             struct error_text *error)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    if (size == 0)
        return error_set(error, STATUS_INVALID, "the data folder's path is empty");
    size_t socket_size = size + strlen("/front.ipc");
    if (socket_size > SOCKET_PATH_MAX)
        return error_set(error, STATUS_INVALID,
                         "the data folder's path is %zu bytes too long for a local "
                         "socket (at most %zu); use a shorter or a relative one",
                         socket_size - SOCKET_PATH_MAX,
                         SOCKET_PATH_MAX - strlen("/front.ipc"));

    int length = (int)size;
    snprintf(out->store, sizeof out->store, "sqlite:%.*s/store.db", length, path);
    snprintf(out->front, sizeof out->front, "ipc://%.*s/front.ipc", length, path);
    snprintf(out->back, sizeof out->back, "ipc://%.*s/back.ipc", length, path);
    snprintf(out->lock, sizeof out->lock, "%.*s/cluster.lock", length, path);
    snprintf(out->allocation, sizeof out->allocation, "%.*s/allocation.yaml", length,
             path);
    return STATUS_OK;
}
