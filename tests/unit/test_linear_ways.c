/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what columns add, missing values too, and what makes a probability of a margin,
 * has the same bits by every way that this processor can, for any count and offset.
 * Method: random columns; sums written out one by one; the C library's exp(). The seed is
 * TEST_SEED. */

#include "model/linear_add.h"
#include "model/logistic.h"
#include "tests/lib/any.h"
#include "tests/lib/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_MAX = 200, ROUNDS = 300 };

enum { COLUMNS_MAX = 6 };

static struct {
    struct {
        uint8_t bytes[COUNT_MAX + 64], valid[COUNT_MAX + 64];
        float floats[COUNT_MAX + 64];
        double addends[LINEAR_CODES];
    } cells[COLUMNS_MAX];
    struct linear_column columns[COLUMNS_MAX];
    double intercept, expected[COUNT_MAX], sums[COUNT_MAX];
    uint32_t column_count, first, count;
} it;

static double any_double(void)
{
    return (double)any_chance(2000001) / 1e5 - 10;
}

static void fill_column(uint32_t index, enum linear_form form)
{
    struct linear_column *column = &it.columns[index];
    *column = (struct linear_column){
        .form = form,
        .bytes = it.cells[index].bytes,
        .floats = it.cells[index].floats,
        .addends = it.cells[index].addends,
        .code_end = 1 + any_chance(any_chance(2) == 0 ? 40 : 256),
        .number = {any_double(), any_double(), any_double(), any_chance(2) == 0},
        .from = it.first - any_chance(it.first + 1) % 8,
        .missing = any_double(),
    };
    if (form < LINEAR_ADDENDS && any_chance(2) == 0)
        column->valid = it.cells[index].valid;
    for (size_t i = 0; i < sizeof it.cells[index].bytes; i++) {
        it.cells[index].bytes[i] =
            (uint8_t)any_chance(form == LINEAR_BITS ? 256 : column->code_end);
        it.cells[index].valid[i] = (uint8_t)any_chance(256);
        it.cells[index].floats[i] = (float)any_double();
    }
    for (uint32_t i = 0; i < LINEAR_CODES; i++)
        it.cells[index].addends[i] = any_double();
}

static void fill(uint32_t column_count, bool any_form, enum linear_form form)
{
    it.column_count = column_count;
    it.count = 1 + any_chance(COUNT_MAX);
    it.first = any_chance(2) == 0 ? 8 * any_chance(8) : any_chance(64);
    for (uint32_t i = 0; i < column_count; i++)
        fill_column(i, any_form ? (enum linear_form)any_chance(LINEAR_SAME + 1) : form);
    it.intercept = any_double();
}

static double added(const struct linear_column *column, uint32_t at)
{
    const struct linear_number *number = &column->number;
    float x = column->floats[at];
    bool valid = column->valid == NULL || (column->valid[at / 8] >> at % 8 & 1) != 0;
    if (column->form == LINEAR_SAME || !valid)
        return column->missing;
    if (column->form == LINEAR_ADDENDS)
        return column->addends[at - column->from];
    if (column->form == LINEAR_BITS)
        return column->addends[column->bytes[at / 8] >> at % 8 & 1];
    if (column->form == LINEAR_BYTES)
        return column->addends[column->bytes[at]];
    if (number->single)
        return number->weight *
               (double)((x - (float)number->center) * (float)number->scale);
    return number->weight * (double)(float)(((double)x - number->center) * number->scale);
}

static void assert_every_way_adds_it(void)
{
    for (uint32_t i = 0; i < it.count; i++) {
        it.expected[i] = it.intercept;
        for (uint32_t k = 0; k < it.column_count; k++)
            it.expected[i] += added(&it.columns[k], it.first + i);
    }
    for (size_t i = 0; i < linear_way_count; i++) {
        if (!linear_ways[i].supported())
            continue;
        linear_ways[i].add(it.columns, it.column_count, it.intercept, it.first, it.count,
                           it.sums);
        assert_memory_equal(it.sums, it.expected, it.count * sizeof it.sums[0]);
    }
}

static void bits_add_one_of_two(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        fill(1, false, LINEAR_BITS);
        assert_every_way_adds_it();
    }
}

static void codes_add_what_the_table_says(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        fill(1, false, LINEAR_BYTES);
        assert_every_way_adds_it();
    }
}

static void numbers_are_scaled_in_their_precision(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        fill(1, false, LINEAR_NUMBERS);
        assert_every_way_adds_it();
    }
}

static void addends_of_single_records_are_added(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        fill(1, false, LINEAR_ADDENDS);
        assert_every_way_adds_it();
    }
}

static void a_column_that_is_not_there_adds_the_same_to_all(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        fill(1, false, LINEAR_SAME);
        assert_every_way_adds_it();
    }
}

static void columns_are_added_in_their_order(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        fill(any_chance(COLUMNS_MAX + 1), true, LINEAR_BITS);
        assert_every_way_adds_it();
    }
}

/* Half a unit in a float's last place, and a little. */
static void assert_near(float p, double margin)
{
    double expected = 1 / (1 + exp(-margin));
    if (!(fabs((double)p - expected) <= 6.1e-8 * expected + 1e-45))
        fail_msg("%.17g: %.9g, expected %.17g", margin, (double)p, expected);
}

static void probabilities_are_those_of_the_c_library(void **state)
{
    static const double edges[] = {0,   -0.0, 1e-320, 36,       -36,       87.5,  -87.5,
                                   104, -104, 708,    INFINITY, -INFINITY, 1e300, -1e300};
    enum { EDGES = sizeof edges / sizeof edges[0] };
    double margins[COUNT_MAX];
    float p[COUNT_MAX];
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++)
        for (size_t k = 0; k < logistic_way_count; k++) {
            uint32_t count = EDGES + any_chance(COUNT_MAX - EDGES);
            for (uint32_t i = 0; i < count; i++)
                margins[i] =
                    i < EDGES ? edges[i] : any_double() * (round % 3 == 0 ? 9 : 1);
            if (!logistic_ways[k].supported())
                continue;
            logistic_ways[k].all(margins, count, p);
            for (uint32_t i = 0; i < count; i++) {
                float alone = logistic_of(margins[i]);
                assert_memory_equal(&p[i], &alone, sizeof alone);
                if (fabs(margins[i]) < 87) /* beyond, floats lose their precision */
                    assert_near(p[i], margins[i]);
            }
        }
    assert_true(logistic_of(104.0) == 1.0F && logistic_of(-INFINITY) == 0.0F);
}

static void no_number_has_no_probability(void **state)
{
    const double margins[9] = {NAN, 1, NAN, 2, -NAN, 3, 4, 5, NAN};
    float p[9];
    (void)state;
    for (size_t k = 0; k < logistic_way_count; k++) {
        if (!logistic_ways[k].supported())
            continue;
        logistic_ways[k].all(margins, 9, p);
        for (int i = 0; i < 9; i++)
            assert_true(isnan(p[i]) == isnan(margins[i]));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, any_seed)
    const struct CMUnitTest tests[] = {
        TEST(bits_add_one_of_two),
        TEST(codes_add_what_the_table_says),
        TEST(numbers_are_scaled_in_their_precision),
        TEST(addends_of_single_records_are_added),
        TEST(a_column_that_is_not_there_adds_the_same_to_all),
        TEST(columns_are_added_in_their_order),
        TEST(probabilities_are_those_of_the_c_library),
        TEST(no_number_has_no_probability),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
