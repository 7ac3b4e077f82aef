/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a row's part depends on its values and the seed alone.
 * Method: the same table as it is, shuffled, doubled and with its categories renumbered.
 */

#include "tests/lib/test.h"
#include "tests/unit/trainer_fixture.h"
#include "trainer/split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 400 };

static const char *const sites[] = {"clinic", "home", "school", ""};

/* A row of its own for each i; every seventh value is missing. */
static int print_row(char *text, int i)
{
    char age[16] = "";
    if (i % 7 != 0)
        snprintf(age, sizeof age, "%d.5", i);
    return sprintf(text, "%s,%s,%d,%d\n", age, sites[i % 4], i / 7, i % 3 == 0);
}

/* `order[k]` is the row that stands in line k. */
static struct dataset *table(const int *order, int count)
{
    static char text[64 * 2 * ROWS];
    int size = sprintf(text, "age,site,visits,y\n");
    for (int k = 0; k < count; k++)
        size += print_row(text + size, order[k]);
    return fixture_dataset(text);
}

static void fill_order(int *order, int count)
{
    for (int i = 0; i < count; i++)
        order[i] = i % ROWS;
}

/* held[row of the table] by the data row's number. */
static void heldout_rows(const struct dataset *data, const int *order, uint64_t seed,
                         int *held)
{
    struct split *split = NULL;
    memset(held, 0, ROWS * sizeof *held);
    assert_int_equal(
        split_rows(data, &(struct split_request){seed, 0.25, 0}, &split, NULL),
        STATUS_OK);
    assert_int_equal(split->train_count + split->heldout_count, data->row_count);
    for (size_t i = 0; i < split->heldout_count; i++)
        held[order[data->numbers[split->heldout[i]] - 1]]++;
    split_free(split);
}

static void part_does_not_depend_on_row_order(void **state)
{
    (void)state;
    int order[ROWS], before[ROWS], after[ROWS];
    fill_order(order, ROWS);
    struct dataset *data = table(order, ROWS);
    heldout_rows(data, order, 1, before);
    dataset_free(data);
    srand(3);
    for (int i = ROWS - 1; i > 0; i--) {
        int j = rand() % (i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    data = table(order, ROWS);
    heldout_rows(data, order, 1, after);
    dataset_free(data);
    assert_memory_equal(before, after, sizeof before);
}

static void twins_stay_together(void **state)
{
    (void)state;
    int order[2 * ROWS], held[ROWS], twins = 0;
    fill_order(order, 2 * ROWS);
    struct dataset *data = table(order, 2 * ROWS);
    heldout_rows(data, order, 1, held);
    dataset_free(data);
    for (int i = 0; i < ROWS; i++) {
        assert_true(held[i] == 0 || held[i] == 2);
        twins += held[i] == 2;
    }
    assert_true(twins > 60 && twins < 140); /* 100 expected */
}

static void new_category_moves_no_other_row(void **state)
{
    (void)state;
    int order[ROWS], before[ROWS], after[ROWS];
    fill_order(order, ROWS);
    struct dataset *data = table(order, ROWS);
    heldout_rows(data, order, 1, before);
    struct dataset_column *site = &data->columns[1];
    assert_int_equal(site->category_count, 3);
    char **wider = calloc(4, sizeof *wider);
    wider[0] = strdup("away"); /* sorts first: every code moves up by one */
    memcpy(wider + 1, site->categories, 3 * sizeof *wider);
    free(site->categories);
    site->categories = wider;
    site->category_count = 4;
    for (size_t i = 0; i < data->row_count; i++) {
        if (site->codes[i] != DATASET_MISSING)
            site->codes[i]++;
    }
    heldout_rows(data, order, 1, after);
    dataset_free(data);
    assert_memory_equal(before, after, sizeof before);
}

static void seed_makes_another_split(void **state)
{
    (void)state;
    int order[ROWS], one[ROWS], two[ROWS];
    fill_order(order, ROWS);
    struct dataset *data = table(order, ROWS);
    heldout_rows(data, order, 1, one);
    heldout_rows(data, order, 2, two);
    dataset_free(data);
    assert_memory_not_equal(one, two, sizeof one);
}

static void validation_takes_its_part_of_training_rows_only(void **state)
{
    (void)state;
    int order[ROWS];
    fill_order(order, ROWS);
    struct dataset *data = table(order, ROWS);
    struct split *without = NULL, *with = NULL;
    assert_int_equal(
        split_rows(data, &(struct split_request){1, 0.25, 0}, &without, NULL), STATUS_OK);
    assert_int_equal(split_rows(data, &(struct split_request){1, 0.25, 0.2}, &with, NULL),
                     STATUS_OK);
    assert_int_equal(without->validation_count, 0);
    assert_int_equal(with->heldout_count, without->heldout_count);
    assert_memory_equal(with->heldout, without->heldout,
                        with->heldout_count * sizeof *with->heldout);
    assert_int_equal(with->train_count + with->validation_count, without->train_count);
    assert_in_range(with->validation_count, without->train_count / 10,
                    without->train_count * 3 / 10);
    split_free(without);
    split_free(with);
    dataset_free(data);
}

static void equal_rows_cannot_be_split(void **state)
{
    (void)state;
    char text[1024] = "x,z,y\n";
    for (int i = 0; i < 40; i++)
        strcat(text, i % 2 ? "1.5,a,1\n" : "1.5,a,0\n");
    struct dataset *data = fixture_dataset(text);
    struct split *split = NULL;
    struct error_text error = {.text = ""};
    assert_int_equal(split_rows(data, &(struct split_request){1, 0.2, 0}, &split, &error),
                     STATUS_MALFORMED);
    assert_non_null(strstr(error.text, "fall into one part"));
    dataset_free(data);
}

/* A single positive row is held out by some seed and learnt from by others. */
static void training_part_needs_both_outcomes(void **state)
{
    (void)state;
    char text[1024] = "x,y\n";
    for (int i = 0; i < 40; i++)
        sprintf(text + strlen(text), "%d.5,%d\n", i, i == 17);
    struct dataset *data = fixture_dataset(text);
    int refused = 0, split_count = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct split *split = NULL;
        struct error_text error = {.text = ""};
        if (split_rows(data, &(struct split_request){seed, 0.25, 0}, &split, &error) ==
            STATUS_OK)
            split_count++;
        else if (strstr(error.text, "only one outcome") != NULL)
            refused++;
        split_free(split);
    }
    dataset_free(data);
    assert_true(refused > 0 && split_count > 0);
    assert_int_equal(refused + split_count, 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(part_does_not_depend_on_row_order),
        cmocka_unit_test(twins_stay_together),
        cmocka_unit_test(new_category_moves_no_other_row),
        cmocka_unit_test(seed_makes_another_split),
        cmocka_unit_test(validation_takes_its_part_of_training_rows_only),
        cmocka_unit_test(equal_rows_cannot_be_split),
        cmocka_unit_test(training_part_needs_both_outcomes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
