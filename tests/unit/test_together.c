/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: whatever waits together at a worker, each batch gets the bytes that it would get
 * alone, and settles what it would settle alone.
 * Method: seeded random models; batches cut from random records, each with columns, types
 * and categories of its own, some of them unusable; begun alone and then together, by
 * hand. A failure prints its seed (TEST_SEED). */
#include "worker/together.h"

#include "tests/lib/any.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"
#include "tests/unit/worker_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TODAY = 20780 /* 2026-11-23 */, ROUNDS = 40, PIECES_MAX = TOGETHER_MAX };

struct piece {
    struct header header;
    uint8_t *body;
    size_t size;
};

/* What a batch came to. */
struct ending {
    bool settles;
    struct settle_request request;
    struct demand_cell *cells;
    enum message_type type;
    uint8_t *answer;
    size_t size;
};

static struct worker_fixture fixture;
static struct snapshot *snapshot;
static struct outbox *outbox;
static uint32_t shared; /* batches that had a pass with others */

/* ---- pieces of a batch ---- */

static void put_bit(uint8_t *bits, uint32_t at, bool bit)
{
    bits[at / 8] = (uint8_t)(bits[at / 8] | (bit ? 1U : 0U) << at % 8);
}

static ProtobufCBinaryData cut_bits(const ProtobufCBinaryData *bits, uint32_t first,
                                    uint32_t rows)
{
    uint8_t *cut = build_alloc(rows / 8 + 1);
    for (uint32_t i = 0; bits->len > 0 && i < rows; i++)
        put_bit(cut, i, bits->data[(first + i) / 8] >> (first + i) % 8 & 1);
    return bits->len == 0 ? (ProtobufCBinaryData){0, NULL}
                          : build_bytes(cut, (rows + 7) / 8);
}

static bool has_value(const Chw__Column *column, uint32_t row)
{
    return column->valid.len == 0 || (column->valid.data[row / 8] >> row % 8 & 1) != 0;
}

/* The codes, with only the names that these rows have, in the order of their coming. */
static Chw__Column *cut_names(Chw__Batch *batch, const Chw__Column *from, uint32_t first)
{
    Chw__Column *column = build_codes(batch, from->name, NULL, 0, NULL);
    Chw__Codes *to = column->codes;
    uint8_t *codes = build_alloc(batch->rows);
    to->categories = build_alloc((batch->rows + 1) * sizeof(char *));
    for (uint32_t i = 0; i < batch->rows; i++) {
        if (!has_value(from, first + i))
            continue;
        char *name = from->codes->categories[from->codes->codes.data[first + i]];
        size_t code = 0;
        while (code < to->n_categories && strcmp(to->categories[code], name) != 0)
            code++;
        to->categories[code] = name;
        to->n_categories += code == to->n_categories;
        codes[i] = (uint8_t)code;
    }
    to->codes = build_bytes(codes, batch->rows);
    return column;
}

static Chw__Column *cut_codes(Chw__Batch *batch, const Chw__Column *from, uint32_t first)
{
    const Chw__Codes *codes = from->codes;
    if (codes->n_categories > 0 && any_chance(2) == 0)
        return cut_names(batch, from, first);
    Chw__Column *column =
        build_codes(batch, from->name, codes->codes.data + first, batch->rows, NULL);
    column->codes->categories = codes->categories;
    column->codes->n_categories = codes->n_categories;
    return column;
}

/* Small integers may come as floats instead. */
static Chw__Column *cut_numbers(Chw__Batch *batch, const Chw__Column *from,
                                uint32_t first)
{
    float *values = build_alloc(batch->rows * sizeof *values);
    if (from->values_case == CHW__COLUMN__VALUES_FLOATS)
        return build_floats(batch, from->name, from->floats->values + first, batch->rows);
    for (uint32_t i = 0; i < batch->rows; i++)
        values[i] = from->codes->codes.data[first + i];
    return build_floats(batch, from->name, values, batch->rows);
}

static Chw__Column *cut_values(Chw__Batch *batch, const Chw__Column *from, uint32_t first)
{
    if (from->values_case == CHW__COLUMN__VALUES_BITMAP) {
        ProtobufCBinaryData bits = cut_bits(&from->bitmap->bits, first, batch->rows);
        Chw__Column *column = build_bitmap(batch, from->name, bits.data, bits.len, NULL);
        column->bitmap->categories = from->bitmap->categories;
        column->bitmap->n_categories = from->bitmap->n_categories;
        return column;
    }
    bool codes = from->values_case == CHW__COLUMN__VALUES_CODES;
    bool stays = codes && (from->codes->n_categories > 0 || any_chance(2) == 0);
    return stays ? cut_codes(batch, from, first) : cut_numbers(batch, from, first);
}

static Chw__Batch *cut(const Chw__Batch *from, uint32_t first, uint32_t rows)
{
    Chw__Batch *batch = build_batch(rows);
    size_t without = any_chance(12) == 0 ? any_chance(8) : from->n_columns;
    for (size_t i = 0; i < from->n_columns; i++) {
        if (i == without)
            continue;
        Chw__Column *column = cut_values(batch, from->columns[i], first);
        column->valid = cut_bits(&from->columns[i]->valid, first, rows);
        column->unreadable = cut_bits(&from->columns[i]->unreadable, first, rows);
    }
    batch->explain = any_chance(20) == 0;
    return batch;
}

/* ---- batches as they come ---- */

static void choose_model(Chw__Batch *batch)
{
    static Chw__ModelChoice choices[2];
    static Chw__ModelChoice *pointers[] = {&choices[0], &choices[1]};
    static char chd[] = "chd", champion[] = "champion", other[] = "other";
    for (int i = 0; i < 2; i++) {
        chw__model_choice__init(&choices[i]);
        choices[i].name = chd;
    }
    choices[0].alias = champion;
    choices[1].alias = other; /* there is no such model */
    batch->models = &pointers[any_chance(6) == 0];
    batch->n_models = any_chance(4) == 0;
}

static struct piece make_piece(const Chw__Batch *from, uint64_t sequence)
{
    static const char *const regions[] = {"KE/Kisumu", "KE/Nyando", "UG"};
    uint32_t rows = 1 + any_chance(any_chance(8) == 0 ? 60 : 3);
    Chw__Batch *batch = cut(from, any_chance(ANY_ROWS - rows), rows);
    struct piece piece = {
        .header = {.type = MESSAGE_SCORE,
                   .attempt = 1,
                   .flags = any_chance(2) == 0 ? HEADER_WHAT_IF : 0,
                   .key = {.client = "a client", .sequence = sequence},
                   .as_of = TODAY - (int32_t)any_chance(40)},
    };
    strcpy(piece.header.region, regions[any_chance(3)]);
    choose_model(batch);
    if (any_chance(30) == 0)
        piece.header.as_of = TODAY + 2;
    piece.body = build_pack(&batch->base, &piece.size);
    if (any_chance(30) == 0)
        piece.size--;
    return piece;
}

/* ---- to the end ---- */

static void note_settlement(struct task *task, struct ending *ending)
{
    struct commit_job *job = &task->job;
    size_t size = job->request.demand_count * sizeof *ending->cells;
    assert_int_equal(job->kind, COMMIT_SETTLE);
    ending->settles = true;
    ending->request = job->request;
    ending->cells = build_alloc(size + 1);
    if (size > 0)
        memcpy(ending->cells, job->request.demand, size);
    job->status = STATUS_OK;
    job->result.verdict = SETTLED_FIRST;
    job->result.settlement = job->request.settlement;
}

/* The store has nothing that the snapshot lacks. */
static enum task_next pass_refresh(struct task *task, enum task_next next)
{
    if (next != TASK_COMMIT || task->job.kind != COMMIT_REFRESH)
        return next;
    task->job.status = STATUS_OK;
    return task_committed(task, snapshot, TODAY);
}

static void end(struct task *task, enum task_next next, struct ending *ending)
{
    if (next == TASK_SCORE) {
        while (scoring_step(task->pass->scoring))
            continue;
        next = task_scored(task);
    }
    if (next == TASK_COMMIT) {
        note_settlement(task, ending);
        next = task_committed(task, snapshot, TODAY);
    }
    assert_int_equal(next, TASK_ANSWER);
    ending->type = task->answer_type;
    ending->answer = build_pack(task->answer, &ending->size);
}

static void begin_alone(const struct piece *piece, struct ending *ending)
{
    struct task task;
    task_init(&task, &piece->header, piece->body, piece->size, outbox);
    enum task_next next = task_begin(&task, snapshot, TODAY);
    end(&task, pass_refresh(&task, next), ending);
    task_release(&task);
}

/* They end in another order than they began. */
static void begin_together(const struct piece *pieces, size_t count,
                           struct ending *endings)
{
    static struct task tasks[PIECES_MAX];
    struct task *order[PIECES_MAX];
    enum task_next next[PIECES_MAX];
    for (size_t i = 0; i < count; i++) {
        order[i] = &tasks[i];
        task_init(order[i], &pieces[i].header, pieces[i].body, pieces[i].size, outbox);
        assert_true(held_may_join(&pieces[i].header, pieces[i].size));
    }
    together_begin(order, count, snapshot, TODAY, next);
    for (size_t i = 0; i < count; i++) {
        next[i] = pass_refresh(order[i], next[i]);
        shared += next[i] == TASK_SCORE && order[i]->pass->holders > 1;
    }
    for (size_t i = 0, step = 1 + any_chance(2) * (count - 2); i < count; i++) {
        size_t at = i * step % count;
        end(order[at], next[at], &endings[order[at] - tasks]);
        task_release(order[at]);
    }
}

static void assert_same_cells(const struct ending *a, const struct ending *b)
{
    assert_int_equal(a->request.demand_count, b->request.demand_count);
    for (size_t i = 0; i < a->request.demand_count; i++) {
        assert_string_equal(a->cells[i].region, b->cells[i].region);
        assert_string_equal(a->cells[i].target, b->cells[i].target);
        assert_string_equal(a->cells[i].tier, b->cells[i].tier);
        assert_int_equal(a->cells[i].period, b->cells[i].period);
        assert_int_equal(a->cells[i].people, b->cells[i].people);
        assert_int_equal(a->cells[i].sum_p, b->cells[i].sum_p);
        assert_int_equal(a->cells[i].sum_pq, b->cells[i].sum_pq);
    }
}

static void assert_same(const struct ending *a, const struct ending *b)
{
    const struct settlement *of_a = &a->request.settlement,
                            *of_b = &b->request.settlement;
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->answer, b->answer, a->size);
    assert_int_equal(a->settles, b->settles);
    if (!a->settles)
        return;
    assert_same_cells(a, b);
    assert_int_equal(a->request.sequence, b->request.sequence);
    assert_memory_equal(a->request.body.bytes, b->request.body.bytes, DIGEST_SIZE);
    assert_int_equal(of_a->outcome, of_b->outcome);
    assert_string_equal(of_a->reason, of_b->reason);
    assert_int_equal(of_a->period, of_b->period);
    assert_int_equal(of_a->target_count, of_b->target_count);
    assert_memory_equal(of_a->targets, of_b->targets,
                        of_a->target_count * sizeof of_a->targets[0]);
}

static Chw__Model *any_model(void)
{
    static const uint32_t depths[] = {3, 6, 9};
    uint32_t kind = any_chance(3);
    Chw__Model *model = kind == 0   ? any_linear()
                        : kind == 1 ? any_trees(depths[any_chance(3)])
                                    : any_parts();
    static char name[] = "chd";
    model->name = name;
    return model;
}

static void serve(const Chw__Model *model)
{
    struct snapshot *newer;
    worker_publish(&fixture, model, "chd", "champion");
    assert_int_equal(snapshot_load(fixture.store, snapshot, &newer, NULL), STATUS_OK);
    snapshot_drop(snapshot);
    snapshot = newer;
}

static void each_batch_gets_what_it_would_get_alone(void **state)
{
    (void)state;
    static struct ending alone[PIECES_MAX], together[PIECES_MAX];
    static struct piece pieces[PIECES_MAX];
    uint32_t batches = 0;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        const Chw__Model *model = any_model();
        const Chw__Batch *records = any_batch(model);
        size_t count = 2 + any_chance(PIECES_MAX - 1);
        serve(model);
        memset(alone, 0, sizeof alone);
        memset(together, 0, sizeof together);
        for (size_t i = 0; i < count; i++) {
            pieces[i] = make_piece(records, i + 1);
            begin_alone(&pieces[i], &alone[i]);
        }
        begin_together(pieces, count, together);
        for (size_t i = 0; i < count; i++)
            assert_same(&alone[i], &together[i]);
        batches += (uint32_t)count;
        build_reset();
    }
    print_message("%u of %u batches were scored with others\n", shared, batches);
    assert_true(shared > batches / 2);
}

/* ---- what is gathered ---- */

static struct columns view(Chw__Batch *batch)
{
    struct columns columns;
    assert_int_equal(columns_view(batch, &columns, NULL), STATUS_OK);
    return columns;
}

static void batch_that_does_not_fit_leaves_nothing_behind(void **state)
{
    (void)state;
    const float ages[] = {50, 60};
    const uint8_t code = 0;
    Chw__Batch *numbers = build_batch(2), *names = build_batch(1);
    build_floats(numbers, "a", ages, 2);
    build_codes(numbers, "b", (const uint8_t[]){0, 1}, 2, "red,green");
    build_floats(names, "a", ages, 1);
    build_floats(names, "b", ages, 1); /* numbers there, names here */
    names->columns[0]->valid = build_bytes("\0", 1);
    struct columns first = view(numbers), second = view(names);
    struct gathering *gathering = gathering_new(&first, 5);
    assert_true(gathering_add(gathering, &first));
    assert_false(gathering_add(gathering, &second));
    assert_true(gathering_add(gathering, &first));
    assert_false(gathering_add(gathering, &first)); /* six rows */
    const struct columns *all = gathering_columns(gathering);
    assert_int_equal(all->rows, 4);
    assert_null(all->items[0].valid);
    assert_true(all->items[0].floats[3] == 60);
    assert_int_equal(all->items[1].category_count, 2);
    assert_int_equal(all->items[1].bytes[code + 3], 1);
    gathering_free(gathering);
    columns_release(&first);
    columns_release(&second);
}

/* One row, whose "b" is a number or a name. */
static struct columns one_row(bool has_a, bool named_b)
{
    Chw__Batch *batch = build_batch(1);
    Chw__Column *a = build_floats(batch, "a", (const float[]){7}, 1);
    if (!has_a)
        a->valid = build_bytes("\0", 1);
    if (named_b)
        build_codes(batch, "b", (const uint8_t[]){0}, 1, "red");
    else
        build_floats(batch, "b", (const float[]){7}, 1);
    return view(batch);
}

static void value_of_a_batch_that_did_not_fit_is_nobody_s(void **state)
{
    (void)state;
    struct columns rows[] = {one_row(true, false), one_row(true, true),
                             one_row(false, false)};
    struct gathering *gathering = gathering_new(&rows[0], 3);
    assert_true(gathering_add(gathering, &rows[0]));
    assert_false(gathering_add(gathering, &rows[1]));
    assert_true(gathering_add(gathering, &rows[2]));
    assert_int_equal(gathering_columns(gathering)->items[0].valid[0], 1);
    gathering_free(gathering);
    for (int i = 0; i < 3; i++)
        columns_release(&rows[i]);
}

static void column_without_a_value_goes_with_numbers_and_with_names(void **state)
{
    (void)state;
    Chw__Batch *none = build_batch(1), *names = build_batch(1);
    build_floats(none, "a", (const float[]){7}, 1)->valid = build_bytes("\0", 1);
    build_codes(names, "a", (const uint8_t[]){0}, 1, "red");
    struct columns first = view(none), second = view(names);
    struct gathering *gathering = gathering_new(&first, 3);
    assert_true(gathering_add(gathering, &first));
    assert_true(gathering_add(gathering, &second));
    assert_true(gathering_add(gathering, &first));
    const struct columns *all = gathering_columns(gathering);
    assert_int_equal(all->items[0].type, COLUMN_CODES);
    assert_int_equal(all->items[0].valid[0], 2);
    assert_string_equal(all->items[0].categories[all->items[0].bytes[1]], "red");
    gathering_free(gathering);
    columns_release(&first);
    columns_release(&second);
}

static void more_names_than_a_column_can_have_are_not_gathered(void **state)
{
    (void)state;
    static char names[300][8];
    struct columns views[300];
    struct gathering *gathering = NULL;
    for (int i = 0; i < 300; i++) {
        Chw__Batch *batch = build_batch(1);
        snprintf(names[i], sizeof names[i], "n%d", i);
        build_codes(batch, "a", (const uint8_t[]){0}, 1, names[i]);
        views[i] = view(batch);
        if (i == 0)
            gathering = gathering_new(&views[0], 300);
        assert_true(gathering_add(gathering, &views[i]) == (i < COLUMNS_CATEGORIES_MAX));
    }
    assert_true(gathering_add(gathering, &views[7]));
    assert_int_equal(gathering_columns(gathering)->rows, COLUMNS_CATEGORIES_MAX + 1);
    gathering_free(gathering);
    for (int i = 0; i < 300; i++)
        columns_release(&views[i]);
}

/* ---- who may ---- */

static void what_has_cost_a_worker_or_is_large_is_begun_alone(void **state)
{
    (void)state;
    struct header header = {.type = MESSAGE_SCORE, .attempt = 1};
    assert_true(held_may_join(&header, HELD_SMALL_MAX));
    assert_false(held_may_join(&header, HELD_SMALL_MAX + 1));
    header.attempt = 2;
    assert_false(held_may_join(&header, 1));
    header.attempt = 1;
    header.type = MESSAGE_BURY;
    assert_false(held_may_join(&header, 1));
    header.type = MESSAGE_DESCRIBE;
    assert_false(held_may_join(&header, 1));
}

static int setup(void **state)
{
    worker_fixture_open(&fixture);
    worker_publish_program(&fixture, "chd");
    outbox = outbox_new();
    shared = 0;
    return any_seed(state);
}

static int teardown(void **state)
{
    (void)state;
    snapshot_drop(snapshot);
    snapshot = NULL;
    outbox_free(outbox);
    worker_fixture_close(&fixture);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_batch_gets_what_it_would_get_alone),
        TEST(batch_that_does_not_fit_leaves_nothing_behind),
        TEST(value_of_a_batch_that_did_not_fit_is_nobody_s),
        TEST(column_without_a_value_goes_with_numbers_and_with_names),
        TEST(more_names_than_a_column_can_have_are_not_gathered),
        TEST(what_has_cost_a_worker_or_is_large_is_begun_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
