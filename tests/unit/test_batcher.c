/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the same rows always become the same batches, every row is in exactly one, and
 * nothing that a table holds costs its neighbours or grows without bound.
 * Method: rows made here; batches are encoded and read back by the worker's own view of
 * columns. A seeded walk over many regions is done twice and compared byte for byte. */
#include "client/batch.h"
#include "client/batcher.h"

#include "model/columns.h"
#include "tests/lib/test.h"
#include "wire/header.h"

#include "batch.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct batcher_column columns[] = {
    {"age", 0, true},
    {"sex", 1, false},
    {"bmi", 2, true},
};

static const struct chw_model models[] = {{"chd", "challenger"}};

static struct batcher_plan plan_of(size_t rows_max, size_t gathered_max)
{
    return (struct batcher_plan){
        .columns = columns,
        .column_count = 3,
        .models = models,
        .model_count = 1,
        .as_of = 20000,
        .rows_max = rows_max,
        .gathered_max = gathered_max,
    };
}

static struct batcher *batcher_of(size_t rows_max, size_t gathered_max)
{
    struct batcher_plan plan = plan_of(rows_max, gathered_max);
    struct batcher *batcher = batcher_new(&plan);
    assert_non_null(batcher);
    return batcher;
}

static void add(struct batcher *batcher, const char *region, uint64_t number,
                const char *age, const char *sex, const char *bmi)
{
    const char *const cells[] = {age, sex, bmi};
    assert_int_equal(batcher_add(batcher, region, number, cells), STATUS_OK);
}

static void add_plain(struct batcher *batcher, const char *region, uint64_t number)
{
    add(batcher, region, number, "40", "f", "21.5");
}

/* The next batch is of this region and has these rows. */
static void assert_next(struct batcher *batcher, const char *region, size_t count,
                        uint64_t first, uint64_t last)
{
    struct filled *filled = batcher_take(batcher);
    assert_non_null(filled);
    assert_string_equal(filled->region, region);
    assert_int_equal(filled->count, count);
    assert_int_equal(chw_batch_rows(filled->batch), count);
    assert_int_equal(filled->rows[0], first);
    assert_int_equal(filled->rows[count - 1], last);
    filled_free(filled);
}

/* ---- what is in a batch ---- */

struct view {
    Chw__Batch *message;
    struct columns columns;
};

static struct view view_of(const struct chw_batch *batch)
{
    struct view view;
    uint8_t *bytes;
    size_t size;
    struct error_text error = {""};
    assert_int_equal(batch_encode(batch, &bytes, &size), STATUS_OK);
    assert_true(size <= batch_size_max(batch));
    view.message = chw__batch__unpack(NULL, size, bytes);
    free(bytes);
    assert_non_null(view.message);
    enum status status = columns_view(view.message, &view.columns, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, STATUS_OK);
    return view;
}

static void release(struct view *view)
{
    columns_release(&view->columns);
    chw__batch__free_unpacked(view->message, NULL);
}

static const struct column *column_of(const struct view *view, const char *name)
{
    const struct column *column = columns_find(&view->columns, name);
    assert_non_null(column);
    return column;
}

static void cells_travel_in_the_smallest_type_that_holds_them(void **state)
{
    (void)state;
    struct batcher *batcher = batcher_of(3, 1000);
    add(batcher, "KE/Kisumu", 1, "40", "m", "21.5");
    add(batcher, "KE/Kisumu", 2, "255", "f", "-0.0");
    add(batcher, "KE/Kisumu", 3, " 7 ", "m", "1e9");
    struct filled *filled = batcher_take(batcher);
    struct view view = view_of(filled->batch);

    const struct column *age = column_of(&view, "age");
    assert_int_equal(age->type, COLUMN_CODES);
    assert_null(age->categories);
    assert_memory_equal(age->bytes, "\x28\xff\x07", 3);
    const struct column *sex = column_of(&view, "sex");
    assert_int_equal(sex->type, COLUMN_BITMAP);
    assert_string_equal(sex->categories[0], "m");
    assert_string_equal(sex->categories[1], "f");
    assert_int_equal(sex->bytes[0], 2);
    const struct column *bmi = column_of(&view, "bmi");
    assert_int_equal(bmi->type, COLUMN_FLOATS);
    assert_true(bmi->floats[0] == 21.5f && bmi->floats[2] == 1e9f);
    assert_null(bmi->valid);
    assert_string_equal(view.message->models[0]->name, "chd");
    assert_string_equal(view.message->models[0]->alias, "challenger");
    assert_string_equal(batch_region(filled->batch), "KE/Kisumu");
    assert_int_equal(batch_as_of(filled->batch), 20000);
    release(&view);
    filled_free(filled);
    batcher_free(batcher);
}

/* A code would make it plus zero. */
static void minus_zero_is_never_a_code(void **state)
{
    (void)state;
    struct batcher *batcher = batcher_of(1, 1000);
    add(batcher, "a", 1, "-0", "f", "1");
    struct filled *filled = batcher_take(batcher);
    struct view view = view_of(filled->batch);
    assert_int_equal(column_of(&view, "age")->type, COLUMN_FLOATS);
    assert_int_equal(column_of(&view, "bmi")->type, COLUMN_CODES);
    release(&view);
    filled_free(filled);
    batcher_free(batcher);
}

/* `rows` of them: 0 to 255, and one that is `odd`. */
static struct view view_of_numbers(size_t rows, float odd)
{
    float numbers[300];
    size_t column;
    struct chw_batch *batch = chw_batch_new("a", 20000);
    assert_int_equal(chw_batch_column(batch, "age", CHW_NUMBER, &column), CHW_OK);
    for (size_t row = 0; row < rows; row++)
        numbers[row] = (float)(row % 256);
    numbers[rows / 2] = odd;
    assert_int_equal(chw_batch_numbers(batch, column, numbers, rows), CHW_OK);
    struct view view = view_of(batch);
    chw_batch_free(batch);
    return view;
}

/* Wherever it is: vectors of rows have a rest. */
static void number_that_is_no_code_makes_floats_of_its_column(void **state)
{
    (void)state;
    static const float odd[] = {-1,         .5f,   254.5f,     255.5f,
                                256,        65536, 1e-40f,     8388609.f,
                                16777216.f, 1e30f, -8388608.f, -1e30f};
    for (size_t rows = 1; rows < 70; rows++)
        for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
            struct view view = view_of_numbers(rows, odd[i]);
            assert_int_equal(column_of(&view, "age")->type, COLUMN_FLOATS);
            assert_true(column_of(&view, "age")->floats[rows / 2] == odd[i]);
            release(&view);
        }
}

static void all_codes_are_the_numbers_that_they_were(void **state)
{
    (void)state;
    for (size_t rows = 1; rows <= 300; rows++) {
        struct view view = view_of_numbers(rows, 255);
        const struct column *age = column_of(&view, "age");
        assert_int_equal(age->type, COLUMN_CODES);
        for (size_t row = 0; row < rows; row++)
            assert_int_equal(age->bytes[row], row == rows / 2 ? 255 : row % 256);
        release(&view);
    }
}

static void bits_are_of_their_rows_wherever_the_rows_end(void **state)
{
    (void)state;
    for (size_t rows = 1; rows < 40; rows++) {
        size_t column;
        struct chw_batch *batch = chw_batch_new("a", 20000);
        assert_int_equal(chw_batch_column(batch, "age", CHW_NUMBER, &column), CHW_OK);
        for (size_t row = 0; row < rows; row++) {
            assert_int_equal(chw_batch_number(batch, column, 9), CHW_OK);
            if (row % 3 == 0) /* the last word counts, and nothing is left of the first */
                assert_int_equal(chw_batch_unreadable(batch, column), CHW_OK);
            assert_int_equal(chw_batch_end_row(batch), CHW_OK);
        }
        struct view view = view_of(batch);
        const struct column *age = column_of(&view, "age");
        for (size_t row = 0; row < rows; row++) {
            assert_int_equal(age->bytes[row], row % 3 == 0 ? 0 : 9);
            assert_int_equal(age->unreadable[row / 8] >> row % 8 & 1, row % 3 == 0);
            assert_true(age->valid == NULL ||
                        (age->valid[row / 8] >> row % 8 & 1) == (row % 3 != 0));
        }
        release(&view);
        chw_batch_free(batch);
    }
}

static void missing_and_unreadable_are_bits_of_their_own_row(void **state)
{
    (void)state;
    char long_name[CHW_NAME_MAX + 2];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    struct batcher *batcher = batcher_of(3, 1000);
    add(batcher, "a", 1, "", "f", "1");
    add(batcher, "a", 2, "forty", "NA", "inf");
    add(batcher, "a", 3, "41", long_name, "2");
    struct filled *filled = batcher_take(batcher);
    struct view view = view_of(filled->batch);
    const struct column *age = column_of(&view, "age");
    assert_int_equal(age->valid[0], 4);
    assert_int_equal(age->unreadable[0], 2);
    const struct column *sex = column_of(&view, "sex");
    assert_int_equal(sex->valid[0], 1);
    assert_int_equal(sex->unreadable[0], 4);
    assert_int_equal(sex->category_count, 1);
    const struct column *bmi = column_of(&view, "bmi");
    assert_int_equal(bmi->valid[0], 5);
    assert_int_equal(bmi->unreadable[0], 2);
    release(&view);
    filled_free(filled);
    batcher_free(batcher);
}

/* A required column whose values are all missing is there all the same. */
static void column_without_any_value_is_sent(void **state)
{
    (void)state;
    struct batcher *batcher = batcher_of(1, 1000);
    add(batcher, "a", 1, "", "", "");
    struct filled *filled = batcher_take(batcher);
    struct view view = view_of(filled->batch);
    assert_int_equal(view.columns.count, 3);
    assert_int_equal(column_of(&view, "sex")->category_count, 1);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(view.columns.items[i].valid[0], 0);
    release(&view);
    filled_free(filled);
    batcher_free(batcher);
}

/* ---- when a batch is finished ---- */

static void batch_is_finished_when_it_is_full(void **state)
{
    (void)state;
    struct batcher *batcher = batcher_of(2, 1000);
    add_plain(batcher, "a", 1);
    add_plain(batcher, "b", 2);
    assert_null(batcher_take(batcher));
    add_plain(batcher, "b", 3);
    assert_next(batcher, "b", 2, 2, 3);
    assert_null(batcher_take(batcher));
    add_plain(batcher, "b", 4);
    batcher_end(batcher);
    assert_next(batcher, "a", 1, 1, 1);
    assert_next(batcher, "b", 1, 4, 4);
    assert_null(batcher_take(batcher));
    batcher_free(batcher);
}

/* 257 names do not fit one column: the 257th begins another batch, and costs nobody. */
static void full_categories_begin_another_batch(void **state)
{
    (void)state;
    char name[16];
    struct batcher *batcher = batcher_of(1000, 10000);
    for (uint64_t i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "kind %d", (int)(i % 257));
        add(batcher, "a", i + 1, "1", name, "1");
    }
    assert_next(batcher, "a", 256, 1, 256);
    batcher_end(batcher);
    assert_next(batcher, "a", 44, 257, 300);
    batcher_free(batcher);
}

static void too_many_gathered_rows_finish_the_oldest_batch(void **state)
{
    (void)state;
    struct batcher *batcher = batcher_of(1000, 3 * BATCHER_ROWS_LEAST);
    add_plain(batcher, "a", 1);
    add_plain(batcher, "b", 2);
    add_plain(batcher, "c", 3);
    assert_null(batcher_take(batcher));
    add_plain(batcher, "d", 4); /* few rows, but four batches */
    assert_next(batcher, "a", 1, 1, 1);
    assert_null(batcher_take(batcher));
    for (uint64_t i = 0; i < BATCHER_ROWS_LEAST; i++)
        add_plain(batcher, "d", 5 + i);
    assert_next(batcher, "b", 1, 2, 2);
    assert_null(batcher_take(batcher));
    batcher_free(batcher);
}

/* Rows of 200 long, ever new names would pass the largest message long before 65,536. */
static void batch_stays_below_the_largest_message(void **state)
{
    (void)state;
    enum { WIDE = 200, ROWS = 600 };
    static struct batcher_column wide[WIDE];
    static char names[WIDE][8], cells[WIDE][CHW_NAME_MAX + 1];
    const char *row[WIDE];
    for (size_t i = 0; i < WIDE; i++) {
        snprintf(names[i], sizeof names[i], "c%zu", i);
        wide[i] = (struct batcher_column){names[i], i, false};
        row[i] = cells[i];
    }
    struct batcher_plan plan = {.columns = wide,
                                .column_count = WIDE,
                                .as_of = 1,
                                .rows_max = CHW_ROWS_MAX,
                                .gathered_max = SIZE_MAX};
    struct batcher *batcher = batcher_new(&plan);
    assert_non_null(batcher);
    size_t batches = 0, rows = 0;
    for (uint64_t number = 1; number <= ROWS + 1; number++) {
        for (size_t i = 0; i < WIDE; i++)
            snprintf(cells[i], sizeof cells[i], "%0250d", (int)(number % 250));
        if (number <= ROWS)
            assert_int_equal(batcher_add(batcher, "a", number, row), STATUS_OK);
        else
            batcher_end(batcher);
        struct filled *filled;
        while ((filled = batcher_take(batcher)) != NULL) {
            uint8_t *bytes;
            size_t size;
            assert_int_equal(batch_encode(filled->batch, &bytes, &size), STATUS_OK);
            assert_true(size <= BODY_SIZE_MAX && size <= batch_size_max(filled->batch));
            free(bytes);
            rows += filled->count;
            batches++;
            filled_free(filled);
        }
    }
    assert_int_equal(rows, ROWS);
    assert_true(batches > 1);
    batcher_free(batcher);
}

/* ---- the walk ---- */

enum { WALK_ROWS = 5000 };

struct walk {
    uint8_t seen[WALK_ROWS + 1];
    uint64_t digest; /* over all batches, in order */
    size_t batches;
};

static void digest_bytes(struct walk *self, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        self->digest = (self->digest ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
}

static void take_all(struct walk *self, struct batcher *batcher)
{
    struct filled *filled;
    while ((filled = batcher_take(batcher)) != NULL) {
        uint8_t *bytes;
        size_t size;
        assert_int_equal(batch_encode(filled->batch, &bytes, &size), STATUS_OK);
        digest_bytes(self, bytes, size);
        digest_bytes(self, filled->region, strlen(filled->region));
        for (size_t i = 0; i < filled->count; i++) {
            assert_true(i == 0 || filled->rows[i] > filled->rows[i - 1]);
            assert_int_equal(self->seen[filled->rows[i]]++, 0);
        }
        free(bytes);
        self->batches++;
        filled_free(filled);
    }
}

static struct walk walk(unsigned seed)
{
    static const char *const ages[] = {"1", "2.5", "", "abc", "300"};
    struct walk walk = {.digest = 0xcbf29ce484222325u};
    struct batcher *batcher = batcher_of(20, 40 * BATCHER_ROWS_LEAST);
    srand(seed);
    for (uint64_t number = 1; number <= WALK_ROWS; number++) {
        char region[32], sex[32];
        snprintf(region, sizeof region, "r%d", rand() % 60);
        snprintf(sex, sizeof sex, "%d", rand() % 3);
        add(batcher, region, number, ages[rand() % 5], sex, "1");
        take_all(&walk, batcher);
    }
    batcher_end(batcher);
    take_all(&walk, batcher);
    batcher_free(batcher);
    return walk;
}

static void same_rows_make_the_same_batches(void **state)
{
    (void)state;
    const char *given = getenv("TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 1;
    print_message("TEST_SEED=%u\n", seed);
    struct walk first = walk(seed), second = walk(seed), other = walk(seed + 1);
    assert_true(first.digest == second.digest);
    assert_true(first.digest != other.digest);
    assert_true(first.batches > WALK_ROWS / 20);
    for (size_t row = 1; row <= WALK_ROWS; row++)
        assert_int_equal(first.seen[row], 1);
}

static void regions_that_cannot_travel_are_told_apart(void **state)
{
    (void)state;
    char longest[CHW_REGION_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[CHW_REGION_MAX] = '\0';
    assert_true(batcher_region_is_valid(longest));
    longest[CHW_REGION_MAX] = 'x';
    longest[CHW_REGION_MAX + 1] = '\0';
    assert_false(batcher_region_is_valid(longest));
    assert_false(batcher_region_is_valid(""));
    assert_false(batcher_region_is_valid("a\tb"));
    assert_false(batcher_region_is_valid("a\x7f"));
    assert_true(batcher_region_is_valid("NA"));
    assert_true(batcher_region_is_valid("Côte d’Ivoire"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_travel_in_the_smallest_type_that_holds_them),
        cmocka_unit_test(minus_zero_is_never_a_code),
        cmocka_unit_test(number_that_is_no_code_makes_floats_of_its_column),
        cmocka_unit_test(all_codes_are_the_numbers_that_they_were),
        cmocka_unit_test(bits_are_of_their_rows_wherever_the_rows_end),
        cmocka_unit_test(missing_and_unreadable_are_bits_of_their_own_row),
        cmocka_unit_test(column_without_any_value_is_sent),
        cmocka_unit_test(batch_is_finished_when_it_is_full),
        cmocka_unit_test(full_categories_begin_another_batch),
        cmocka_unit_test(too_many_gathered_rows_finish_the_oldest_batch),
        cmocka_unit_test(batch_stays_below_the_largest_message),
        cmocka_unit_test(same_rows_make_the_same_batches),
        cmocka_unit_test(regions_that_cannot_travel_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
