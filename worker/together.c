/* SPDX-License-Identifier: Apache-2.0 */
/* together.c - who is scored with whom. */
#include "worker/together.h"

#include <assert.h>
#include <string.h>

static bool same_models(const Chw__Batch *a, const Chw__Batch *b)
{
    if (a->n_models != b->n_models)
        return false;
    for (size_t i = 0; i < a->n_models; i++)
        if (strcmp(a->models[i]->name, b->models[i]->name) != 0 ||
            strcmp(a->models[i]->alias, b->models[i]->alias) != 0)
            return false;
    return true;
}

/* Reasons are one batch's own. */
static bool is_plain(const struct task *task)
{
    return task->batch->explain == 0 && task->columns.rows <= GATHER_ROWS_MAX &&
           task->columns.count <= GATHER_COLUMNS_MAX;
}

static uint32_t rows_of(struct task *const *tasks, size_t count)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < count; i++)
        rows += is_plain(tasks[i]) ? tasks[i]->columns.rows : 0;
    return rows < GATHER_ROWS_MAX ? (uint32_t)rows : GATHER_ROWS_MAX;
}

static void swap(struct task **a, struct task **b)
{
    struct task *kept = *a;
    *a = *b;
    *b = kept;
}

/* Brings those that can be scored with the first to its side; returns how many they are
 * with it. NULL: the first is alone. */
static size_t gather_first(struct task **tasks, size_t count, struct gathering **out)
{
    size_t joined = 1;
    *out = NULL;
    if (count == 1 || !is_plain(tasks[0]))
        return 1;
    struct gathering *gathering =
        gathering_new(&tasks[0]->columns, rows_of(tasks, count));
    if (gathering == NULL || !gathering_add(gathering, &tasks[0]->columns)) {
        gathering_free(gathering);
        return 1;
    }
    for (size_t i = 1; i < count; i++)
        if (is_plain(tasks[i]) && same_models(tasks[0]->batch, tasks[i]->batch) &&
            gathering_add(gathering, &tasks[i]->columns))
            swap(&tasks[joined++], &tasks[i]);
    *out = gathering;
    return joined;
}

/* NULL: each is to be begun alone, which says why. */
static struct pass *pass_of(const Chw__Batch *batch, struct gathering *gathering,
                            const struct snapshot *snapshot)
{
    struct error_text error = {""};
    struct serving *serving;
    struct pass *pass = NULL;
    if (serving_choose(snapshot, batch->models, batch->n_models, &serving, &error) !=
        STATUS_OK) {
        gathering_free(gathering);
        return NULL;
    }
    enum status status =
        pass_new(gathering_columns(gathering), gathering, serving, 0, &pass, &error);
    return status == STATUS_OK ? pass : NULL;
}

static void score_together(struct task **tasks, size_t count, struct gathering *gathering,
                           const struct snapshot *snapshot, enum task_next *next)
{
    struct pass *pass = count == 1 ? NULL : pass_of(tasks[0]->batch, gathering, snapshot);
    uint32_t first = 0;
    if (count == 1)
        gathering_free(gathering);
    for (size_t i = 0; i < count; i++) {
        next[i] = pass == NULL ? task_score(tasks[i], snapshot)
                               : task_join(tasks[i], pass, first);
        first += tasks[i]->columns.rows;
    }
    pass_drop(pass);
}

void together_begin(struct task **tasks, size_t count, const struct snapshot *snapshot,
                    int32_t today, enum task_next *next)
{
    struct gathering *gathering;
    assert(count <= TOGETHER_MAX);
    size_t done = 0;
    for (size_t i = 0; i < count; i++) /* those that are over first */
        if (!task_read(tasks[i], today, &next[done]))
            swap(&tasks[done++], &tasks[i]);
    while (done < count) {
        size_t joined = gather_first(tasks + done, count - done, &gathering);
        score_together(tasks + done, joined, gathering, snapshot, next + done);
        done += joined;
    }
}
