/* SPDX-License-Identifier: Apache-2.0 */
/* fit_logistic.c - the adapter of liblinear.
 *
 * liblinear exports names such as `train`, `predict` and `struct model`, and calls them
 * through the dynamic table: nothing of ours may define them, and this file includes
 * neither model/model.h nor anything else that has a `struct model`. */
#include "trainer/fit_logistic.h"

#include <assert.h>
#include <limits.h>
#include <linear.h>
#include <stdlib.h>

/* liblinear penalises its bias like a weight. As a constant input of this size the bias
 * is penalised 10^4 times less: a penalty of .0005 for an intercept of 3. */
static const double BIAS_INPUT = 100;

/* Of the gradient's norm, against that at zero: tighter than the default .01, so that the
 * probabilities are the optimum's to five digits. */
static const double TOLERANCE = 1e-5;

struct table {
    struct feature_node *nodes; /* of all rows: inputs, the bias, an end mark */
    struct feature_node **rows;
    double *labels;
    struct pipeline_input *scratch;
};

static void stay_silent(const char *text)
{
    (void)text;
}

static void table_release(struct table *self)
{
    free(self->nodes);
    free(self->rows);
    free(self->labels);
    free(self->scratch);
}

static enum status table_init(struct table *self, size_t row_count, size_t width)
{
    self->nodes = calloc(row_count, width * sizeof *self->nodes);
    self->rows = calloc(row_count, sizeof *self->rows);
    self->labels = calloc(row_count, sizeof *self->labels);
    self->scratch = calloc(width, sizeof *self->scratch);
    if (self->nodes != NULL && self->rows != NULL && self->labels != NULL &&
        self->scratch != NULL)
        return STATUS_OK;
    table_release(self);
    return STATUS_NOMEM;
}

/* liblinear counts inputs from 1. */
static void fill_row(const struct pipeline *pipeline, const struct pipeline_input *inputs,
                     struct feature_node *nodes)
{
    for (size_t i = 0; i < pipeline->feature_count; i++)
        nodes[i] =
            (struct feature_node){(int)inputs[i].index + 1, (double)inputs[i].value};
    nodes[pipeline->feature_count] =
        (struct feature_node){(int)pipeline->input_count + 1, BIAS_INPUT};
    nodes[pipeline->feature_count + 1] = (struct feature_node){-1, 0};
}

static void table_fill(struct table *self, const struct pipeline *pipeline,
                       const struct dataset *data, const uint32_t *rows, size_t row_count)
{
    size_t width = pipeline->feature_count + 2;
    for (size_t i = 0; i < row_count; i++) {
        self->rows[i] = self->nodes + i * width;
        self->labels[i] = data->outcomes[rows[i]];
        pipeline_encode(pipeline, data, rows[i], self->scratch);
        fill_row(pipeline, self->scratch, self->rows[i]);
    }
}

/* The weights speak for the class label[0], which is that of the first row. */
static enum status copy_weights(const struct model *fitted, size_t input_count,
                                struct fit_logistic *out)
{
    double sign = fitted->label[0] == 1 ? 1 : -1;
    out->weights = calloc(input_count, sizeof *out->weights);
    if (out->weights == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; i < input_count; i++)
        out->weights[i] = (float)(sign * fitted->w[i]);
    out->intercept = sign * fitted->w[input_count] * BIAS_INPUT;
    return STATUS_OK;
}

static enum status take_means(const struct problem *problem, size_t input_count,
                              struct fit_logistic *out)
{
    double *sums = calloc(input_count, sizeof *sums);
    out->means = calloc(input_count, sizeof *out->means);
    bool made = sums != NULL && out->means != NULL;
    for (int row = 0; made && row < problem->l; row++)
        for (const struct feature_node *node = problem->x[row];
             node->index <= (int)input_count; node++)
            sums[node->index - 1] += node->value;
    for (size_t i = 0; made && i < input_count; i++)
        out->means[i] = (float)(sums[i] / problem->l);
    free(sums);
    return made ? STATUS_OK : STATUS_NOMEM;
}

enum status fit_logistic_run(const struct pipeline *pipeline, const struct dataset *data,
                             const uint32_t *rows, size_t row_count, double c,
                             struct fit_logistic *out, struct error_text *error)
{
    if (row_count > INT_MAX || pipeline->input_count >= INT_MAX)
        return error_set(error, STATUS_FULL, "%zu training rows are too many", row_count);
    struct table table;
    enum status status = table_init(&table, row_count, pipeline->feature_count + 2);
    if (status != STATUS_OK)
        return status;
    table_fill(&table, pipeline, data, rows, row_count);
    struct problem problem = {
        .l = (int)row_count,
        .n = (int)pipeline->input_count + 1,
        .y = table.labels,
        .x = table.rows,
        .bias = -1,
    };
    struct parameter parameter = {
        .solver_type = L2R_LR, .eps = TOLERANCE, .C = c, .p = 0.1};
    set_print_string_function(stay_silent);
    const char *refused = check_parameter(&problem, &parameter);
    if (refused != NULL) {
        table_release(&table);
        return error_set(error, STATUS_INVALID, "the solver refuses: %s", refused);
    }
    struct model *fitted = train(&problem, &parameter);
    assert(fitted->nr_class == 2);
    *out = (struct fit_logistic){0};
    status = copy_weights(fitted, pipeline->input_count, out);
    if (status == STATUS_OK)
        status = take_means(&problem, pipeline->input_count, out);
    if (status != STATUS_OK)
        fit_logistic_release(out);
    free_and_destroy_model(&fitted);
    table_release(&table);
    return status;
}

void fit_logistic_release(struct fit_logistic *self)
{
    free(self->weights);
    free(self->means);
    *self = (struct fit_logistic){0};
}
