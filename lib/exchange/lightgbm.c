/* SPDX-License-Identifier: Apache-2.0 */
/* lightgbm.c - the head of the text, and its trees one after the other. */
#include "exchange/lightgbm.h"

#include "exchange/assemble.h"
#include "exchange/format.h"
#include "exchange/lightgbm_features.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum output {
    OUTPUT_NUMBER,   /* the margin is the score */
    OUTPUT_OUTCOME,  /* of two classes, the probability of the second */
    OUTPUT_SHARE,    /* a number between 0 and 1 */
    OUTPUT_CLASSES,  /* a margin for each */
    OUTPUT_EACH_ONE, /* a probability for each, by itself */
};

static const struct objective {
    const char *name;
    enum output output;
} objectives[] = {
    {"binary", OUTPUT_OUTCOME},      {"regression", OUTPUT_NUMBER},
    {"multiclass", OUTPUT_CLASSES},  {"multiclassova", OUTPUT_EACH_ONE},
    {"cross_entropy", OUTPUT_SHARE}, {"xentropy", OUTPUT_SHARE},
};
enum { OBJECTIVE_COUNT = sizeof objectives / sizeof objectives[0] };

/* A model being read. */
struct reading {
    struct span head, rest; /* what is behind the trees, in the end */
    const struct exchange_options *options;
    const struct objective *objective;
    double sigmoid; /* what a margin is multiplied by */
    size_t class_count, chosen, tree_count;
    bool mean;
    Chw__Trees *outputs[EXCHANGE_CLASSES_MAX]; /* the model's own, or NULL */
    Chw__Trees *unused;                        /* takes the trees of other classes */
    struct lightgbm_forest forest;
};

/* ---- the head ---- */

static const char *const keys[] = {
    "tree",          "version",         "num_class",
    "label_index",   "max_feature_idx", "num_tree_per_iteration",
    "objective",     "average_output",  "feature_names",
    "feature_infos", "tree_sizes",      "monotone_constraints",
};

static enum status check_version(const struct span *head, struct error_text *error)
{
    static const char *const known[] = {"v2", "v3", "v4"};
    struct span value = {"", ""};
    bool found = section_find(head, "version", &value);
    for (size_t i = 0; found && i < sizeof known / sizeof known[0]; i++)
        if (span_is(&value, known[i]))
            return section_check(head, keys, sizeof keys / sizeof keys[0], error);
    return error_set(
        error, STATUS_INVALID, "version %.*s is not supported: expected v2, v3, v4",
        (int)(value.end - value.at < 20 ? value.end - value.at : 20), value.at);
}

static enum status refuse_objective(const struct span *name, struct error_text *error)
{
    char names[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < OBJECTIVE_COUNT && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                                 i == 0 ? "" : ", ", objectives[i].name);
    return error_set(
        error, STATUS_INVALID, "objective %.*s is not supported: expected %s",
        (int)(name->end - name->at < 60 ? name->end - name->at : 60), name->at, names);
}

/* "sigmoid:0.5"; "num_class:3" is said elsewhere too; "sqrt" would square the score. */
static enum status read_setting(struct reading *self, const struct span *word,
                                struct error_text *error)
{
    static const char sigmoid[] = "sigmoid:";
    struct span value = *word;
    if (span_starts(word, sigmoid)) {
        value.at += strlen(sigmoid);
        if (span_number(&value, &self->sigmoid) && self->sigmoid > 0)
            return STATUS_OK;
    } else if (span_starts(word, "num_class:") || word->at == word->end) {
        return STATUS_OK;
    }
    return error_set(error, STATUS_INVALID, "objective's %.*s is not supported",
                     (int)(word->end - word->at < 40 ? word->end - word->at : 40),
                     word->at);
}

static enum status read_objective(struct reading *self, struct error_text *error)
{
    struct span line, name, word;
    if (!section_find(&self->head, "objective", &line) || line.at == line.end)
        return error_set(error, STATUS_INVALID,
                         "objective is absent: what the margins mean is not known");
    const struct span whole = line;
    (void)span_word(&line, &name);
    for (size_t i = 0; i < OBJECTIVE_COUNT; i++)
        if (span_is(&name, objectives[i].name))
            self->objective = &objectives[i];
    if (self->objective == NULL)
        return refuse_objective(&whole, error);
    self->sigmoid = 1;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && span_word(&line, &word))
        status = read_setting(self, &word, error);
    return status;
}

static bool has_classes(const struct reading *self)
{
    return self->objective->output == OUTPUT_CLASSES ||
           self->objective->output == OUTPUT_EACH_ONE;
}

static enum status read_counts(struct reading *self, struct error_text *error)
{
    size_t outputs = 0, last = 0;
    struct span value;
    enum status status = section_count(&self->head, "num_class", EXCHANGE_CLASSES_MAX,
                                       &self->class_count, error);
    if (status == STATUS_OK)
        status = section_count(&self->head, "num_tree_per_iteration",
                               EXCHANGE_CLASSES_MAX, &outputs, error);
    if (status == STATUS_OK)
        status = section_count(&self->head, "max_feature_idx", EXCHANGE_FEATURES_MAX - 1,
                               &last, error);
    if (status != STATUS_OK)
        return status;
    if (outputs != self->class_count || (has_classes(self) ? outputs < 2 : outputs != 1))
        return error_set(error, STATUS_INVALID,
                         "num_class is %zu and num_tree_per_iteration %zu, expected %s",
                         self->class_count, outputs,
                         has_classes(self) ? "the same, 2 or more" : "1");
    self->forest.input_count = last + 1;
    self->mean = section_find(&self->head, "average_output", &value);
    if (self->mean && section_find(&self->head, "version", &value) &&
        span_is(&value, "v2"))
        return error_set(error, STATUS_INVALID,
                         "average_output of version v2 is not supported: its releases "
                         "differ in what it means");
    return STATUS_OK;
}

static enum status choose(struct reading *self, struct error_text *error)
{
    if (self->objective->output == OUTPUT_OUTCOME)
        return format_choose(self->options, NULL, 2, &self->chosen, error);
    if (has_classes(self))
        return format_choose(self->options, NULL, self->class_count, &self->chosen,
                             error);
    return format_choose_none(self->options, error);
}

static enum status read_head(struct reading *self, struct error_text *error)
{
    enum status status = check_version(&self->head, error);
    if (status == STATUS_OK)
        status = read_objective(self, error);
    if (status == STATUS_OK)
        status = read_counts(self, error);
    return status == STATUS_OK ? choose(self, error) : status;
}

/* ---- trees ---- */

static Chw__Trees *make_output(const struct reading *self)
{
    Chw__Trees *trees = assemble_trees();
    if (trees != NULL && self->mean)
        trees->aggregate = CHW__TREES__AGGREGATE__MEAN;
    return trees;
}

/* Of classes that are judged each by itself, only one is scored. */
static enum status open_outputs(struct reading *self, Chw__Model *model)
{
    struct lightgbm_forest *forest = &self->forest;
    forest->nodes_left = EXCHANGE_NODES_MAX;
    forest->uses = calloc(forest->input_count, sizeof forest->uses[0]);
    forest->missing = calloc(forest->input_count, sizeof forest->missing[0]);
    self->unused = assemble_trees();
    bool several = self->objective->output == OUTPUT_CLASSES;
    size_t count = several ? self->class_count : 1;
    if (forest->uses == NULL || forest->missing == NULL || self->unused == NULL ||
        !assemble_outputs(model, count, self->chosen))
        return STATUS_NOMEM;
    for (size_t i = 0; i < count; i++) {
        Chw__Trees *trees = make_output(self);
        if (trees == NULL)
            return STATUS_NOMEM;
        assemble_output_trees(model, i, trees);
        self->outputs[has_classes(self) && !several ? self->chosen : i] = trees;
    }
    return STATUS_OK;
}

static enum status read_tree(struct reading *self, struct error_text *error)
{
    size_t index = self->tree_count++;
    Chw__Trees *trees = self->outputs[index % self->class_count];
    self->forest.trees = trees != NULL ? trees : self->unused;
    if (index == EXCHANGE_TREES_MAX)
        return error_set(error, STATUS_FULL, "more than %d trees", EXCHANGE_TREES_MAX);
    struct span section = section_take(&self->rest);
    enum status status = lightgbm_tree_read(&self->forest, &section, error);
    return status == STATUS_OK ? STATUS_OK
                               : error_prefix(error, status, "tree %zu", index);
}

/* "Tree=7" begins one. */
static bool is_tree(const struct span *line, size_t index)
{
    char expected[32];
    snprintf(expected, sizeof expected, "Tree=%zu", index);
    return span_is(line, expected);
}

static size_t count_words(struct span words)
{
    struct span word;
    size_t count = 0;
    while (span_word(&words, &word))
        count += word.at < word.end;
    return count;
}

static enum status check_count(const struct reading *self, struct error_text *error)
{
    struct span sizes;
    size_t expected = self->tree_count;
    if (section_find(&self->head, "tree_sizes", &sizes))
        expected = count_words(sizes);
    if (self->tree_count == 0 || self->tree_count != expected ||
        self->tree_count % self->class_count != 0)
        return error_set(error, STATUS_INVALID,
                         "%zu trees, expected %zu, as many for each class",
                         self->tree_count, expected);
    return STATUS_OK;
}

static enum status read_trees(struct reading *self, struct error_text *error)
{
    enum status status = STATUS_OK;
    struct span line, ahead = self->rest;
    while (status == STATUS_OK && span_line(&ahead, &line)) {
        if (line.at == line.end) {
            self->rest = ahead;
            continue;
        }
        if (!is_tree(&line, self->tree_count))
            break;
        self->rest = ahead;
        status = read_tree(self, error);
        ahead = self->rest;
    }
    return status == STATUS_OK ? check_count(self, error) : status;
}

/* ---- the whole ---- */

/* A logistic link of sigmoid * margin; the first of two classes has the opposite one. */
static bool set_link(const struct reading *self, Chw__Model *model)
{
    char label[24];
    enum output output = self->objective->output;
    double slope =
        output == OUTPUT_OUTCOME && self->chosen == 0 ? -self->sigmoid : self->sigmoid;
    bool logistic = output != OUTPUT_NUMBER && output != OUTPUT_CLASSES;
    if (logistic)
        model->link = CHW__LINK__LINK_LOGISTIC;
    if (logistic && slope != 1 && !assemble_platt(model, slope, 0))
        return false;
    snprintf(label, sizeof label, "%zu", self->chosen);
    return output == OUTPUT_NUMBER || output == OUTPUT_SHARE ||
           assemble_outcome(model, label);
}

static enum status read_model(struct reading *self, Chw__Model *model,
                              struct error_text *error)
{
    self->head = section_take(&self->rest);
    enum status status = read_head(self, error);
    if (status == STATUS_OK)
        status = open_outputs(self, model);
    if (status == STATUS_OK)
        status = read_trees(self, error);
    if (status == STATUS_OK)
        status =
            lightgbm_add_features(&self->head, &self->rest, &self->forest, model, error);
    if (status == STATUS_OK && !set_link(self, model))
        status = STATUS_NOMEM;
    return status;
}

bool lightgbm_is_text(const uint8_t *bytes, size_t size)
{
    static const char start[] = "tree";
    size_t length = strlen(start);
    return size > length && memcmp(bytes, start, length) == 0 &&
           (bytes[length] == '\n' || bytes[length] == '\r');
}

enum status lightgbm_import_text(const uint8_t *bytes, size_t size,
                                 const struct exchange_options *options,
                                 Chw__Model *model, struct error_text *error)
{
    if (memchr(bytes, '\0', size) != NULL)
        return error_set(error, STATUS_MALFORMED, "it holds a zero byte");
    char *text = malloc(size + 1);
    if (text == NULL)
        return STATUS_NOMEM;
    memcpy(text, bytes, size);
    text[size] = '\0';
    struct reading reading = {.options = options, .rest = {text, text + size}};
    enum status status = read_model(&reading, model, error);
    if (reading.unused != NULL)
        chw__trees__free_unpacked(reading.unused, NULL);
    free(reading.forest.uses);
    free(reading.forest.missing);
    free(text);
    return status;
}
