/* SPDX-License-Identifier: Apache-2.0 */
/* peer_frames.c - what clients and workers have in common. */
#include "bench/peer_frames.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

enum { WAIT_MS = 100 };

void *peer_connect(const char *endpoint)
{
    struct error_text error;
    void *socket, *context = zmq_ctx_new();
    if (context != NULL &&
        socket_connect(context, endpoint, &socket, &error) == STATUS_OK)
        return socket;
    fprintf(stderr, "chw-bench-broker: cannot connect to %s\n", endpoint);
    return NULL;
}

void peer_borrow(zmq_msg_t *frame, void *bytes, size_t size)
{
    int made = zmq_msg_init_data(frame, bytes, size, NULL, NULL);
    assert(made == 0);
}

/* Until the connection is there it comes back after its time: nothing is received. */
void peer_wait(void *socket)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    zmq_poll(&item, 1, WAIT_MS);
}

void peer_pause(uint32_t ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&pause, NULL);
}
