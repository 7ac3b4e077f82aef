/* SPDX-License-Identifier: Apache-2.0 */
/* peer_frames.h - sockets and frames of the benchmark's clients and workers. */

#ifndef BENCH_PEER_FRAMES_H
#define BENCH_PEER_FRAMES_H

#include "wire/socket.h"

/* A DEALER in a context of its own, both until the process ends; NULL: there is none. */
void *peer_connect(const char *endpoint);

/* A frame of bytes that stay where they are. */
void peer_borrow(zmq_msg_t *frame, void *bytes, size_t size);

/* Until something arrives, or for a tenth of a second. */
void peer_wait(void *socket);
void peer_pause(uint32_t ms);

#endif
