/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c - one question that goes through the broker to a worker and back. */
#include "client/probe.h"

#include "client/chw.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct probe {
    struct chw_client *client;
    const char *back; /* those that have not accepted yet */
};

enum status probe_open(const char *front, const char *back, bool insecure,
                       struct probe **out, struct error_text *error)
{
    const struct chw_options options = {
        .struct_size = sizeof options, .endpoint = front, .insecure = insecure};
    struct chw_error why;
    struct probe *self = malloc(sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    enum chw_status status = chw_open(&options, &self->client, &why);
    if (status != CHW_OK) {
        free(self);
        return error_set(error, status == CHW_INVALID ? STATUS_INVALID : STATUS_IO, "%s",
                         why.text);
    }
    self->back = back;
    *out = self;
    return STATUS_OK;
}

void probe_close(struct probe *self)
{
    if (self == NULL)
        return;
    chw_close(self->client);
    free(self);
}

/* `size` characters of an endpoint. */
static bool accepts(const char *endpoint, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = endpoint + strlen("ipc://");
    size -= strlen("ipc://");
    if (size >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, path, size);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool accepted =
        fd >= 0 &&
        connect(fd, (const struct sockaddr *)(const void *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return accepted;
}

static void pause_ms(uint32_t ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&pause, NULL);
}

static bool all_accept(struct probe *self)
{
    while (*self->back != '\0') {
        size_t size = strcspn(self->back, ",");
        if (!accepts(self->back, size))
            return false;
        self->back += size + (self->back[size] == ',');
    }
    return true;
}

bool probe_answers(struct probe *self, uint32_t timeout_ms)
{
    struct chw_description *description = NULL;
    if (!all_accept(self)) {
        pause_ms(timeout_ms);
        return false;
    }
    enum chw_status status =
        chw_describe(self->client, NULL, 0, timeout_ms, &description);
    if (status == CHW_OK)
        chw_description_free(description);
    return status == CHW_OK || status == CHW_NOT_FOUND;
}
