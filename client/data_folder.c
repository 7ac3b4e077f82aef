/* SPDX-License-Identifier: Apache-2.0 */
/* data_folder.c - the names of what lies in a data folder. */
#include "client/data_folder.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
    snprintf(out->path, sizeof out->path, "%.*s", length, path);
    snprintf(out->store, sizeof out->store, "sqlite:%.*s/store.db", length, path);
    snprintf(out->front, sizeof out->front, "ipc://%.*s/front.ipc", length, path);
    snprintf(out->back, sizeof out->back, "ipc://%.*s/back.ipc", length, path);
    snprintf(out->lock, sizeof out->lock, "%.*s/cluster.lock", length, path);
    snprintf(out->allocation, sizeof out->allocation, "%.*s/allocation.yaml", length,
             path);
    return STATUS_OK;
}

/* ---- several brokers ---- */

/* The file that the broker listens on: the first has no number. */
static void socket_path(const struct data_folder *self, const char *name, size_t number,
                        char out[SOCKET_PATH_MAX + 1])
{
    char suffix[24] = "";
    if (number > 1)
        snprintf(suffix, sizeof suffix, "%zu", number);
    snprintf(out, SOCKET_PATH_MAX + 1, "%s/%s%s.ipc", self->path, name, suffix);
}

static void list_sockets(const struct data_folder *self, const char *name, size_t count,
                         char *out, size_t size)
{
    char path[SOCKET_PATH_MAX + 1];
    size_t used = 0;
    for (size_t number = 1; number <= count; number++) {
        socket_path(self, name, number, path);
        used += (size_t)snprintf(out + used, size - used, "%sipc://%s",
                                 number == 1 ? "" : ",", path);
    }
}

enum status data_folder_set_brokers(struct data_folder *self, size_t count,
                                    struct error_text *error)
{
    size_t size = strlen(self->path) + strlen("/front2.ipc");
    if (count > 1 && size > SOCKET_PATH_MAX)
        return error_set(error, STATUS_INVALID,
                         "the data folder's path is %zu bytes too long for the local "
                         "sockets of several brokers",
                         size - SOCKET_PATH_MAX);
    list_sockets(self, "front", count, self->front, sizeof self->front);
    list_sockets(self, "back", count, self->back, sizeof self->back);
    return STATUS_OK;
}

void data_folder_find_brokers(struct data_folder *self)
{
    char path[SOCKET_PATH_MAX + 1];
    size_t count = 1;
    for (; count < DATA_FOLDER_BROKERS_MAX; count++) {
        socket_path(self, "front", count + 1, path);
        if (access(path, F_OK) != 0)
            break;
    }
    if (data_folder_set_brokers(self, count, NULL) != STATUS_OK)
        return; /* it is named as it was: one */
}

enum status data_folder_clients_list(const char *list, const char *path,
                                     struct data_folder *out, const char **endpoint,
                                     struct error_text *error)
{
    *endpoint = list;
    if (list != NULL)
        return STATUS_OK;
    enum status status = data_folder_name(path, out, error);
    if (status != STATUS_OK)
        return status;
    data_folder_find_brokers(out);
    *endpoint = out->front;
    return STATUS_OK;
}

void data_folder_forget_brokers(const struct data_folder *self, size_t count)
{
    char path[SOCKET_PATH_MAX + 1];
    for (size_t number = count + 1; number <= DATA_FOLDER_BROKERS_MAX; number++) {
        socket_path(self, "front", number, path);
        unlink(path);
        socket_path(self, "back", number, path);
        unlink(path);
    }
}
