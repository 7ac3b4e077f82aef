/* SPDX-License-Identifier: Apache-2.0 */
/* together.h - batches that wait at the same time, begun at the same time: those that
 * can be are scored in one pass. Each gets the bytes that it would get alone. */

#ifndef WORKER_TOGETHER_H
#define WORKER_TOGETHER_H

#include "worker/holding.h"
#include "worker/task.h"

enum { TOGETHER_MAX = HOLDING_NAMED_MAX };

/* As task_begin() of each, in this order; next[i] is what tasks[i] is to do. Those that
 * are to be scored and have the same pass follow each other in `tasks`, which this
 * reorders. */
void together_begin(struct task **tasks, size_t count, const struct snapshot *snapshot,
                    int32_t today, enum task_next *next);

#endif
