/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what is fitted is what was asked, and the published model computes the same
 * inputs. Method: small tables whose medians, means and categories are known by hand;
 * then the margin of the fitted weights on encoded rows against the margin of the loaded
 * artifact. */

#include "model/model.h"
#include "tests/lib/test.h"
#include "tests/unit/trainer_fixture.h"
#include "trainer/artifact.h"
#include "trainer/fit_logistic.h"
#include "trainer/golden.h"
#include "trainer/pipeline.h"
#include "trainer/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 24 };

static struct pipeline *fit(const struct dataset *data, const uint32_t *rows,
                            size_t count)
{
    struct pipeline *pipeline = NULL;
    struct error_text error = {.text = ""};
    if (pipeline_fit(data, PIPELINE_LINEAR, rows, count, &pipeline, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return pipeline;
}

/* A table of ROWS lines that repeat the given ones; y alternates by line. */
static struct dataset *repeat(const char *header, const char *const *lines, size_t count)
{
    char text[4096];
    int size = sprintf(text, "%s,y\n", header);
    for (size_t i = 0; i < ROWS; i++)
        size += sprintf(text + size, "%s,%d\n", lines[i % count], (int)(i / count) % 2);
    return fixture_dataset(text);
}

static const uint32_t first_four[] = {0, 1, 2, 3};

static void median_fills_gaps_and_mean_and_deviation_scale(void **state)
{
    (void)state;
    const char *lines[] = {"1.5,p", "2.5,p", "9.5,p", ",q"};
    struct dataset *data = repeat("x,z", lines, 4);
    struct pipeline *pipeline = fit(data, first_four, 4);
    const struct pipeline_feature *x = &pipeline->features[0];
    assert_true(x->impute == 2.5F); /* the middle of three */
    assert_true(fabs(x->center - (1.5 + 2.5 + 9.5 + 2.5) / 4) < 1e-12);
    double deviation = sqrt((2.5 * 2.5 + 1.5 * 1.5 + 5.5 * 5.5 + 1.5 * 1.5) / 4);
    assert_true(fabs(x->scale * deviation - 1) < 1e-12);
    assert_int_equal(x->missing, CHW__MISSING_POLICY__MISSING_IMPUTE);
    assert_false(x->required);
    pipeline_free(pipeline);
    pipeline = fit(data, first_four, 2);
    assert_true(pipeline->features[0].impute == 2); /* the mean of two */
    pipeline_free(pipeline);
    dataset_free(data);
}

static void only_training_rows_are_learnt_from(void **state)
{
    (void)state;
    const char *lines[] = {"1.5,p", "2.5,q", "9.5,q", "1000.5,q"};
    struct dataset *data = repeat("x,z", lines, 4);
    struct pipeline *pipeline = fit(data, (uint32_t[]){1, 2, 5}, 3);
    assert_true(pipeline->features[0].impute == 2.5F);
    assert_true(fabs(pipeline->features[0].center - (2.5 + 9.5 + 2.5) / 3) < 1e-12);
    pipeline_free(pipeline);
    dataset_free(data);
}

static void categories_are_one_hot_in_sorted_order(void **state)
{
    (void)state;
    const char *lines[] = {"pear,no", "apple,no", "pear,", "fig,yes"};
    struct dataset *data = repeat("fruit,asked", lines, 4);
    struct pipeline *pipeline = fit(data, first_four, 4);
    assert_int_equal(pipeline->feature_count, 2);
    assert_int_equal(pipeline->input_count, 3 + 3); /* asked: no, yes, missing */
    assert_string_equal(data->columns[0].categories[0], "apple");
    assert_int_equal(pipeline->features[0].missing, CHW__MISSING_POLICY__MISSING_IMPUTE);
    assert_int_equal(pipeline->features[0].impute_code, 2); /* pear */
    assert_int_equal(pipeline->features[1].missing,
                     CHW__MISSING_POLICY__MISSING_INDICATOR);
    struct pipeline_input inputs[2];
    pipeline_encode(pipeline, data, 0, inputs);
    assert_int_equal(inputs[0].index, 2);
    assert_int_equal(inputs[1].index, 3);
    pipeline_encode(pipeline, data, 2, inputs);
    assert_int_equal(inputs[1].index, 5); /* the indicator comes last */
    assert_true(inputs[1].value == 1);
    pipeline_free(pipeline);
    dataset_free(data);
}

static void columns_that_tell_nothing_are_left_out(void **state)
{
    (void)state;
    const char *lines[] = {"1.5,3,same,", "2.5,3,same,"};
    struct dataset *data = repeat("x,constant,word,empty", lines, 2);
    struct pipeline *pipeline = fit(data, first_four, 4);
    assert_int_equal(pipeline->feature_count, 1);
    assert_int_equal(pipeline->dropped_count, 3);
    assert_string_equal(data->columns[pipeline->dropped[0].column].name, "constant");
    pipeline_free(pipeline);
    dataset_free(data);
}

static void no_features_left_is_refused(void **state)
{
    (void)state;
    const char *lines[] = {"3"};
    struct dataset *data = repeat("constant", lines, 1);
    struct pipeline *pipeline = NULL;
    struct error_text error = {.text = ""};
    assert_int_equal(
        pipeline_fit(data, PIPELINE_LINEAR, first_four, 4, &pipeline, &error),
        STATUS_MALFORMED);
    assert_non_null(strstr(error.text, "no features are left"));
    dataset_free(data);
}

/* Everything a training makes of a table, up to the loaded model. */
struct trained {
    struct dataset *data;
    struct pipeline *pipeline;
    struct fit_logistic fit;
    Chw__Model *message;
    struct model *model;
    uint32_t rows[ROWS];
};

static void train_on(struct trained *self, const char *header, const char *const *lines,
                     size_t count)
{
    self->data = repeat(header, lines, count);
    for (uint32_t i = 0; i < ROWS; i++)
        self->rows[i] = i;
    self->pipeline = fit(self->data, self->rows, ROWS);
    assert_int_equal(fit_logistic_run(self->pipeline, self->data, self->rows, ROWS, 1,
                                      &self->fit, NULL),
                     STATUS_OK);
    self->message = artifact_new("test", self->data, self->pipeline);
    assert_int_equal(
        artifact_set_linear(self->message, &self->fit, self->pipeline->input_count),
        STATUS_OK);
    uint8_t *bytes;
    size_t size;
    struct error_text error = {.text = ""};
    assert_int_equal(artifact_pack(self->message, &bytes, &size), STATUS_OK);
    if (model_load(bytes, size, &self->model, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    free(bytes);
}

static void release(struct trained *self)
{
    model_free(self->model);
    chw__model__free_unpacked(self->message, NULL);
    fit_logistic_release(&self->fit);
    pipeline_free(self->pipeline);
    dataset_free(self->data);
}

static const char *const mixed_lines[] = {"1.5,a,u", "2.5,b,", ",c,v", "7.25,a,v",
                                          "3,b,u"};

static void model_knows_the_mean_of_each_input(void **state)
{
    (void)state;
    struct trained t;
    float inputs[16];
    double sums[16] = {0};
    train_on(&t, "x,z,w", mixed_lines, 5);
    size_t count = t.pipeline->input_count;
    assert_int_equal(t.message->linear->n_means, count);
    assert_true(count <= 16);
    for (uint32_t row = 0; row < ROWS; row++) {
        pipeline_encode_dense(t.pipeline, t.data, row, inputs);
        for (size_t i = 0; i < count; i++)
            sums[i] += (double)inputs[i];
    }
    for (size_t i = 0; i < count; i++)
        assert_true(fabs(sums[i] / ROWS - (double)t.message->linear->means[i]) < 1e-6);
    release(&t);
}

static void model_computes_the_inputs_that_were_fitted(void **state)
{
    (void)state;
    struct trained t;
    train_on(&t, "x,z,w", mixed_lines, 5);
    Chw__Batch *batch = records_new(t.data, t.pipeline, ROWS);
    for (size_t at = 0; at < ROWS; at++) {
        for (size_t feature = 0; feature < 3; feature++)
            records_set(batch, t.data, t.pipeline, feature, at, at);
    }
    float probabilities[ROWS];
    struct record_fault faults[ROWS];
    struct records_scores scores = {probabilities, NULL, faults};
    assert_int_equal(records_score(batch, t.model, &scores, NULL), STATUS_OK);
    for (size_t row = 0; row < ROWS; row++) {
        struct pipeline_input inputs[3];
        double margin = t.fit.intercept;
        pipeline_encode(t.pipeline, t.data, row, inputs);
        for (size_t i = 0; i < 3; i++)
            margin += (double)t.fit.weights[inputs[i].index] * (double)inputs[i].value;
        assert_int_equal(faults[row].fault, CHW__RECORD_FAULT__RECORD_FAULT_NONE);
        assert_true(fabs((double)probabilities[row] - 1 / (1 + exp(-margin))) < 1e-6);
    }
    records_free(batch);
    release(&t);
}

static void trees_get_numbers_as_they_are_and_missing_as_nan(void **state)
{
    (void)state;
    struct dataset *data =
        repeat("x,z,w,v",
               (const char *[]){"1.5,a,u,4", "2.5,b,,8", ",c,v,15", "7.25,a,v,16"}, 4);
    struct pipeline *pipeline = NULL;
    assert_int_equal(pipeline_fit(data, PIPELINE_TREES, first_four, 4, &pipeline, NULL),
                     STATUS_OK);
    assert_int_equal(pipeline->input_count, 1 + 3 + 2 + 1);
    assert_int_equal(pipeline->features[0].missing, CHW__MISSING_POLICY__MISSING_KEEP);
    assert_int_equal(pipeline->features[1].missing, CHW__MISSING_POLICY__MISSING_IMPUTE);
    assert_int_equal(pipeline->features[2].missing, CHW__MISSING_POLICY__MISSING_KEEP);
    assert_int_equal(pipeline->features[3].missing, CHW__MISSING_POLICY__MISSING_IMPUTE);
    assert_true(pipeline->features[0].center == 0 && pipeline->features[0].scale == 1);
    float inputs[7];
    pipeline_encode_dense(pipeline, data, 1, inputs);
    const float second[] = {2.5F, 0, 1, 0, NAN, NAN, 8};
    for (size_t i = 0; i < 7; i++)
        assert_true(isnan(second[i]) ? isnan(inputs[i]) : inputs[i] == second[i]);
    pipeline_encode_dense(pipeline, data, 2, inputs);
    assert_true(isnan(inputs[0]) && inputs[3] == 1 && inputs[5] == 1 && inputs[4] == 0);
    pipeline_free(pipeline);
    dataset_free(data);
}

/* The line with y = 1 in the first repetition comes first or second: both signs of
 * liblinear's labels occur, and a higher x must always mean a higher risk. */
static void weights_speak_for_the_positive_outcome(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        char text[1024] = "x,y\n";
        for (int i = 0; i < ROWS; i++)
            sprintf(text + strlen(text), "%d.5,%d\n", (i + first) % 2 * 10 + i % 3,
                    (i + first) % 2);
        struct dataset *data = fixture_dataset(text);
        uint32_t rows[ROWS];
        for (uint32_t i = 0; i < ROWS; i++)
            rows[i] = i;
        struct pipeline *pipeline = fit(data, rows, ROWS);
        struct fit_logistic fitted;
        assert_int_equal(fit_logistic_run(pipeline, data, rows, ROWS, 1, &fitted, NULL),
                         STATUS_OK);
        assert_true(fitted.weights[0] > 0.5F);
        fit_logistic_release(&fitted);
        pipeline_free(pipeline);
        dataset_free(data);
    }
}

/* Nine in ten rows are positive and the only feature is noise: a penalised intercept
 * would fall short of log(9). */
static void intercept_is_hardly_penalised(void **state)
{
    (void)state;
    char text[4096] = "x,y\n";
    uint32_t rows[200];
    for (uint32_t i = 0; i < 200; i++) {
        rows[i] = i;
        sprintf(text + strlen(text), "%d.5,%d\n", (int)(i / 10) % 2, i % 10 != 0);
    }
    struct dataset *data = fixture_dataset(text);
    struct pipeline *pipeline = fit(data, rows, 200);
    struct fit_logistic fitted;
    assert_int_equal(fit_logistic_run(pipeline, data, rows, 200, 0.01, &fitted, NULL),
                     STATUS_OK);
    assert_true(fabs(fitted.intercept - log(9)) < 1e-2);
    fit_logistic_release(&fitted);
    pipeline_free(pipeline);
    dataset_free(data);
}

static void golden_records_hold_and_repeat_by_seed(void **state)
{
    (void)state;
    struct trained t;
    train_on(&t, "x,z,w", mixed_lines, 5);
    uint8_t *packed[3];
    size_t sizes[3];
    for (uint64_t i = 0; i < 3; i++) {
        Chw__Golden *golden = NULL;
        assert_int_equal(golden_make(t.data, t.pipeline, t.rows, ROWS, i / 2, &golden),
                         STATUS_OK);
        assert_int_equal(golden_score(golden, t.model, NULL), STATUS_OK);
        assert_int_equal(golden->n_probabilities, GOLDEN_ROWS);
        sizes[i] = chw__golden__get_packed_size(golden);
        packed[i] = malloc(sizes[i]);
        chw__golden__pack(golden, packed[i]);
        chw__golden__free_unpacked(golden, NULL);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(packed[0], packed[1], sizes[0]); /* the same seed */
    assert_true(sizes[0] != sizes[2] || memcmp(packed[0], packed[2], sizes[0]) != 0);
    for (int i = 0; i < 3; i++)
        free(packed[i]);
    release(&t);
}

/* Both columns of a row hold its number, so a record whose two values agree is a real
 * row: by chance that happens to one in 24. */
static void golden_records_are_nobody(void **state)
{
    (void)state;
    char text[1024] = "x,z,y\n";
    uint32_t rows[ROWS];
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i] = i;
        sprintf(text + strlen(text), "%u.5,%u.5,%u\n", i, i, i % 2);
    }
    struct dataset *data = fixture_dataset(text);
    struct pipeline *pipeline = fit(data, rows, ROWS);
    Chw__Golden *golden = NULL;
    assert_int_equal(golden_make(data, pipeline, rows, ROWS, 1, &golden), STATUS_OK);
    const Chw__Column *x = golden->batch->columns[0], *z = golden->batch->columns[1];
    int known = 0, real = 0;
    for (size_t at = 0; at < GOLDEN_ROWS; at++) {
        bool both = x->valid.data[at / 8] & z->valid.data[at / 8] & 1U << at % 8;
        known += both;
        real += both && x->floats->values[at] == z->floats->values[at];
    }
    assert_true(known > GOLDEN_ROWS / 2 && known < GOLDEN_ROWS);
    assert_true(real < known / 4);
    chw__golden__free_unpacked(golden, NULL);
    pipeline_free(pipeline);
    dataset_free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(median_fills_gaps_and_mean_and_deviation_scale),
        cmocka_unit_test(only_training_rows_are_learnt_from),
        cmocka_unit_test(categories_are_one_hot_in_sorted_order),
        cmocka_unit_test(columns_that_tell_nothing_are_left_out),
        cmocka_unit_test(no_features_left_is_refused),
        cmocka_unit_test(model_knows_the_mean_of_each_input),
        cmocka_unit_test(model_computes_the_inputs_that_were_fitted),
        cmocka_unit_test(trees_get_numbers_as_they_are_and_missing_as_nan),
        cmocka_unit_test(weights_speak_for_the_positive_outcome),
        cmocka_unit_test(intercept_is_hardly_penalised),
        cmocka_unit_test(golden_records_are_nobody),
        cmocka_unit_test(golden_records_hold_and_repeat_by_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
