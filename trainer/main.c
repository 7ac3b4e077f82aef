/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - chw-train: options in, exit code out. */
#include "base/config.h"
#include "store/store.h"
#include "trainer/train.h"

#include <math.h>
#include <stdio.h>

#define FIELD(name) offsetof(struct train_options, name)

static const struct config_key keys[] = {
    {"target", CONFIG_TEXT, FIELD(target), NULL, 0, 0, "COLUMN",
     "the outcome to predict"},
    {"positive", CONFIG_TEXT, FIELD(positive), NULL, 0, 0, "VALUE",
     "the target's value that is the outcome (0/1, No/Yes, false/true need none)"},
    {"name", CONFIG_TEXT, FIELD(name), NULL, 0, 0, "NAME",
     "the model's name, such as chd"},
    {"id-column", CONFIG_LIST, FIELD(ids), NULL, 0, 0, "COLUMN",
     "names a person or a row, never a feature"},
    {"drop", CONFIG_LIST, FIELD(drops), NULL, 0, 0, "COLUMN", "leave the column out"},
    {"dictionary", CONFIG_TEXT, FIELD(dictionary), NULL, 0, 0, "FILE.yaml",
     "what is known about the columns"},
    {"promote", CONFIG_TEXT, FIELD(promote), NULL, 0, 0, "ALIAS",
     "serve the new version under this alias, such as champion"},
    {"data", CONFIG_TEXT, FIELD(data), "chw-data", 0, 0, "DIR",
     "the cluster's data folder"},
    {"store", CONFIG_TEXT, FIELD(store), NULL, 0, 0, "URL",
     "where to publish: " STORE_URL_FORMS "; default: sqlite:DIR/store.db"},
    {"seed", CONFIG_COUNT, FIELD(seed), "1", 0, 0, "N",
     "of the split; same seed, same split"},
    {"heldout", CONFIG_REAL, FIELD(heldout), "0.2", 0, 0, "FRACTION",
     "part of the rows that judges the model"},
    {"validation", CONFIG_REAL, FIELD(validation), "0.1", 0, 0, "FRACTION",
     "boosting: part of the remaining rows that says when to stop"},
    {"estimator", CONFIG_TEXT, FIELD(estimator), "logistic", 0, 0, "KIND",
     "logistic, boosting or forest"},
    {"l2", CONFIG_REAL, FIELD(l2), "1.0", 0, 0, "C",
     "logistic: inverse strength of the penalty on the weights"},
    {"rounds", CONFIG_COUNT, FIELD(rounds), NULL, 1, 10000, "N",
     "boosting: most rounds (200); forest: trees (100)"},
    {"depth", CONFIG_COUNT, FIELD(depth), NULL, 1, 16, "N",
     "of a tree at most (boosting 5, forest 10)"},
    {"learning-rate", CONFIG_REAL, FIELD(learning_rate), "0.1", 0, 0, "RATE",
     "boosting: how much a round may change"},
    {"min-child-weight", CONFIG_REAL, FIELD(min_child_weight), "1", 0, 0, "WEIGHT",
     "least sum of second derivatives in a leaf; forest: least records"},
    {"subsample", CONFIG_REAL, FIELD(subsample), NULL, 0, 0, "FRACTION",
     "of the records, drawn for each tree (boosting 1, forest 0.632)"},
    {"colsample", CONFIG_REAL, FIELD(colsample), NULL, 0, 0, "FRACTION",
     "of the inputs, for each tree (boosting 1) or split (forest 0.3)"},
    {"lambda", CONFIG_REAL, FIELD(lambda), "1", 0, 0, "WEIGHT",
     "penalty on the leaves of boosting and forest"},
    {"early-stopping", CONFIG_COUNT, FIELD(early_stopping), "20", 0, 10000, "N",
     "boosting: stop after N rounds without gain in validation; 0: never"},
    {"threads", CONFIG_COUNT, FIELD(threads), "1", 1, 256, "N",
     "of boosting and forest: no more than there are idle cores"},
    {"split-out", CONFIG_TEXT, FIELD(split_out), NULL, 0, 0, "FILE.csv",
     "write each row's part: train, heldout or excluded"},
    {"predictions-out", CONFIG_TEXT, FIELD(predictions_out), NULL, 0, 0, "FILE.csv",
     "write the held-out rows' outcomes and probabilities"},
    {"report", CONFIG_TEXT, FIELD(report), NULL, 0, 0, "FILE.json",
     "write metrics and lineage in full precision"},
    {"config", CONFIG_TEXT, FIELD(config), NULL, 0, 0, "FILE.yaml",
     "read options from a YAML file"},
};

static const struct config_spec spec = {
    .program = "chw-train",
    .summary = "Train a model on a table (.csv or .csv.gz) and publish it.",
    .operands = "FILE",
    .operands_min = 1,
    .operands_max = 1,
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .notes =
        "Example:\n"
        "  chw train heart.csv.gz --target HeartDisease --name chd --id-column row_id "
        "\\\n"
        "      --promote champion\n"
        "\n"
        "A column is numeric where every value is a number, else a category. A "
        "dictionary\n"
        "says otherwise:\n"
        "  columns:\n"
        "    BMI:    {type: numeric, missing: invalid}    # or impute; trees: keep\n"
        "    income: {type: category, missing: indicator, unknown: missing}\n"
        "    visit:  {type: id}                           # or drop; required: true\n"
        "\n"
        "Exit codes: 0 published, 64 wrong options, 65 the table cannot be used, 66 no "
        "such\n"
        "file or column, 69 and 75 the store is away, 74 a file cannot be written.\n",
};

int main(int argc, char **argv)
{
    struct train_options options = {.subsample = NAN, .colsample = NAN};
    struct config_list operands = {0};
    int exit_code;
    if (!config_load(&spec, argc, argv, &options, &operands, &exit_code))
        return exit_code;
    struct error_text error = {.text = ""};
    enum status status = train_run(&options, operands.items[0], &error);
    exit_code = error_exit(&error, status, "chw-train");
    config_free(&spec, &options, &operands);
    return exit_code;
}
