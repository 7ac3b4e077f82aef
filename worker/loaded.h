/* SPDX-License-Identifier: Apache-2.0 */
/* loaded.h - a model in memory, shared by snapshots and batches; the last holder frees
 * it. */

#ifndef WORKER_LOADED_H
#define WORKER_LOADED_H

#include "model/model.h"
#include "store/store.h"

struct loaded;

/* Fetch, check the digest, load and score the golden records. The caller holds it once.
 */
MUST_CHECK enum status loaded_fetch(struct store *store, const struct digest *version,
                                    struct loaded **out, struct error_text *error);

/* Share a model that is already in memory (tests); takes it over. NULL when out of
 * memory. */
struct loaded *loaded_new(struct model *model);

struct loaded *loaded_hold(struct loaded *self);
void loaded_drop(struct loaded *self); /* accepts NULL */

const struct model *loaded_model(const struct loaded *self);

#endif
