/* SPDX-License-Identifier: Apache-2.0 */
/* pass.h - one scoring of one batch, or of several that are scored together, and the
 * versions that it is done with. Each batch holds it until it has its answer. */

#ifndef WORKER_PASS_H
#define WORKER_PASS_H

#include "worker/gather.h"
#include "worker/score.h"

struct pass {
    struct scoring *scoring;
    struct serving *serving;
    struct gathering *gathering; /* NULL: a batch alone, in its own columns */
    uint32_t holders;
};

/* Held once. Takes the serving and the gathering, also where it fails; borrows the
 * columns, which may be the gathering's. As scoring_new(). */
MUST_CHECK enum status pass_new(const struct columns *columns,
                                struct gathering *gathering, struct serving *serving,
                                uint32_t explain, struct pass **out,
                                struct error_text *error);
struct pass *pass_hold(struct pass *self);
void pass_drop(struct pass *self); /* accepts NULL */

#endif
