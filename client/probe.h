/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h - does a cluster answer? A broker and a worker behind it, by libchw. */

#ifndef CLIENT_PROBE_H
#define CLIENT_PROBE_H

#include "base/error_text.h"

#include <stdbool.h>
#include <stdint.h>

struct probe;

/* `front`: where clients connect. `back`: an ipc address of each broker, by commas: it
 * accepts once our own broker has bound both, so that an answer is never another cluster's
 * at the same port. Borrowed. */
MUST_CHECK enum status probe_open(const char *front, const char *back, bool insecure,
                                  struct probe **out, struct error_text *error);
void probe_close(struct probe *self);

/* Waits up to timeout_ms. True: a worker answered what the models read, or that there are
 * none yet. */
MUST_CHECK bool probe_answers(struct probe *self, uint32_t timeout_ms);

#endif
