/* SPDX-License-Identifier: Apache-2.0 */
/* model_show.c - what a model reads, what it does without a value, and where it comes
 * from. */
#include "client/model_show.h"

#include "table/text_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_WIDTH = 12 };

static const char *const combinations[] = {
    [CHW__PARTS__COMBINE__MEAN] = "averaged",
    [CHW__PARTS__COMBINE__SOFTMAX] = "one class of a softmax",
    [CHW__PARTS__COMBINE__SHARE] = "one class's share",
};

static void show_estimator(const Chw__Model *model)
{
    printf("%-*s", LABEL_WIDTH, "estimator");
    if (model->estimator_case == CHW__MODEL__ESTIMATOR_PARTS)
        printf("%zu estimators over %zu features, %s", model->parts->n_parts,
               model->n_features, combinations[model->parts->combine]);
    else if (model->estimator_case == CHW__MODEL__ESTIMATOR_LINEAR)
        printf("linear, %zu inputs from %zu features", model->linear->n_weights,
               model->n_features);
    else
        printf("%zu trees over %zu features", model->trees->n_trees, model->n_features);
    printf("%s%s\n", model->link == CHW__LINK__LINK_LOGISTIC ? ", logistic link" : "",
           model->calibration_case == CHW__MODEL__CALIBRATION_PLATT
               ? ", Platt calibration"
           : model->calibration_case == CHW__MODEL__CALIBRATION_ISOTONIC
               ? ", isotonic calibration"
               : "");
}

static void add_missing(struct text_table *table, const Chw__Feature *feature)
{
    bool numeric = feature->kind_case == CHW__FEATURE__KIND_NUMERIC;
    if (feature->missing == CHW__MISSING_POLICY__MISSING_INVALID)
        text_table_add(table, "record invalid");
    else if (feature->missing == CHW__MISSING_POLICY__MISSING_KEEP)
        text_table_add(table, "kept missing");
    else if (feature->missing == CHW__MISSING_POLICY__MISSING_OTHER)
        text_table_add(table, "another category");
    else if (feature->missing == CHW__MISSING_POLICY__MISSING_INDICATOR)
        text_table_add(table, "an indicator");
    else if (numeric)
        text_table_add(table, "%g", (double)feature->numeric->impute);
    else
        text_table_add(table, "'%s'",
                       feature->category->names[feature->category->impute]);
}

static void add_kind(struct text_table *table, const Chw__Feature *feature)
{
    if (feature->kind_case == CHW__FEATURE__KIND_NUMERIC) {
        text_table_add(table, "numeric");
        return;
    }
    const Chw__Category *category = feature->category;
    text_table_add(
        table, "%zu categories, %s", category->n_names,
        category->encoding == CHW__CATEGORY_ENCODING__ENCODING_CODE ? "code" : "one-hot");
}

static void add_unknown(struct text_table *table, const Chw__Feature *feature)
{
    if (feature->kind_case == CHW__FEATURE__KIND_NUMERIC)
        text_table_add(table, "-");
    else if (feature->category->unknown == CHW__UNKNOWN_POLICY__UNKNOWN_MISSING)
        text_table_add(table, "as if missing");
    else if (feature->category->unknown == CHW__UNKNOWN_POLICY__UNKNOWN_OTHER)
        text_table_add(table, "another category");
    else
        text_table_add(table, "record invalid");
}

static void show_features(const Chw__Model *model)
{
    struct text_table *table = text_table_new("lllll");
    if (table == NULL)
        return;
    text_table_add(table, "feature");
    text_table_add(table, "kind");
    text_table_add(table, "column");
    text_table_add(table, "a missing value is");
    text_table_add(table, "an unknown category is");
    for (size_t i = 0; i < model->n_features; i++) {
        text_table_add(table, "%s", model->features[i]->name);
        add_kind(table, model->features[i]);
        text_table_add(table, model->features[i]->required ? "required" : "optional");
        add_missing(table, model->features[i]);
        add_unknown(table, model->features[i]);
    }
    putchar('\n');
    text_table_print(table, stdout);
    text_table_free(table);
}

static void show_training(const Chw__Lineage *lineage)
{
    struct digest data;
    char text[DIGEST_HEX_SIZE] = "unknown";
    if (lineage->data_sha256.len == sizeof data.bytes) {
        memcpy(data.bytes, lineage->data_sha256.data, sizeof data.bytes);
        digest_format(&data, text);
    }
    printf("\ntrained on %" PRIu64 " rows (seed %" PRIu64 "), judged on %" PRIu64
           " held out\n",
           lineage->rows_train, lineage->seed, lineage->rows_heldout);
    printf("  %-28s %s\n", "data SHA-256", text);
}

/* A model of another tool does not say what it was trained on. */
static void show_lineage(const Chw__Lineage *lineage)
{
    if (lineage->rows_train > 0)
        show_training(lineage);
    else
        puts("\ntrained elsewhere");
    for (size_t i = 0; i < lineage->n_parameters; i++)
        printf("  %-28s %s\n", lineage->parameters[i]->name,
               lineage->parameters[i]->text);
    if (lineage->n_metrics > 0)
        puts("held-out metrics");
    for (size_t i = 0; i < lineage->n_metrics; i++)
        printf("  %-28s %.6g\n", lineage->metrics[i]->name, lineage->metrics[i]->number);
}

void model_show(const struct model *model)
{
    const Chw__Model *message = model_message(model);
    if (message->lineage != NULL && message->lineage->outcome[0] != '\0')
        printf("%-*s%s\n", LABEL_WIDTH, "outcome", message->lineage->outcome);
    show_estimator(message);
    printf("%-*s%zu records checked before it serves\n", LABEL_WIDTH, "golden",
           message->golden == NULL ? (size_t)0 : message->golden->n_probabilities);
    show_features(message);
    if (message->lineage == NULL)
        puts("\nno lineage: where it comes from is not recorded");
    else
        show_lineage(message->lineage);
}

void model_show_columns(const struct model *model)
{
    const Chw__Model *message = model_message(model);
    for (size_t i = 0; i < message->n_features; i++) {
        const Chw__Feature *feature = message->features[i];
        printf("%s%s%s", i == 0 ? "" : ",", feature->name,
               feature->kind_case == CHW__FEATURE__KIND_NUMERIC ? "" : ":category");
    }
    putchar('\n');
}
