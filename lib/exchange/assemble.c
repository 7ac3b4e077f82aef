/* SPDX-License-Identifier: Apache-2.0 */
/* assemble.c - allocates each message, sets its defaults and hangs it where it belongs.
 */
#include "exchange/assemble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1 };

/* Room for one more in a list that doubles: NULL where there is no memory. The list stays
 * as it is then. */
static void *grown(void *list, size_t count, size_t item_size)
{
    if ((count & (count - 1)) != 0) /* 0 and the powers of two are full */
        return list;
    return realloc(list, (count == 0 ? 1 : 2 * count) * item_size);
}

bool assemble_text(char **field, const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        return false;
    if (*field != protobuf_c_empty_string)
        free(*field);
    *field = copy;
    return true;
}

Chw__Model *assemble_model(const char *name)
{
    Chw__Model *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    chw__model__init(self);
    self->format = FORMAT;
    self->lineage = calloc(1, sizeof *self->lineage);
    if (self->lineage != NULL) {
        chw__lineage__init(self->lineage);
        if (assemble_text(&self->name, name))
            return self;
    }
    chw__model__free_unpacked(self, NULL);
    return NULL;
}

/* ---- features ---- */

static Chw__Feature *add_feature(Chw__Model *self, const char *name)
{
    Chw__Feature **list = grown(self->features, self->n_features, sizeof *list);
    if (list == NULL)
        return NULL;
    self->features = list;
    Chw__Feature *feature = calloc(1, sizeof *feature);
    if (feature == NULL)
        return NULL;
    chw__feature__init(feature);
    list[self->n_features++] = feature;
    feature->required = true;
    return assemble_text(&feature->name, name) ? feature : NULL;
}

Chw__Feature *assemble_numeric(Chw__Model *self, const char *name)
{
    Chw__Feature *feature = add_feature(self, name);
    Chw__Numeric *numeric = calloc(1, sizeof *numeric);
    if (feature == NULL || numeric == NULL) {
        free(numeric);
        return NULL;
    }
    chw__numeric__init(numeric);
    numeric->scale = 1.0;
    feature->kind_case = CHW__FEATURE__KIND_NUMERIC;
    feature->numeric = numeric;
    return feature;
}

Chw__Feature *assemble_category(Chw__Model *self, const char *name)
{
    Chw__Feature *feature = add_feature(self, name);
    Chw__Category *category = calloc(1, sizeof *category);
    if (feature == NULL || category == NULL) {
        free(category);
        return NULL;
    }
    chw__category__init(category);
    category->encoding = CHW__CATEGORY_ENCODING__ENCODING_CODE;
    category->unknown = CHW__UNKNOWN_POLICY__UNKNOWN_OTHER;
    feature->kind_case = CHW__FEATURE__KIND_CATEGORY;
    feature->category = category;
    return feature;
}

bool assemble_category_name(Chw__Category *self, const char *name)
{
    char **list = grown(self->names, self->n_names, sizeof *list);
    if (list == NULL)
        return false;
    self->names = list;
    char *copy = strdup(name);
    if (copy == NULL)
        return false;
    list[self->n_names++] = copy;
    return true;
}

/* ---- lineage ---- */

bool assemble_parameter(Chw__Model *self, const char *name, const char *text)
{
    Chw__Lineage *lineage = self->lineage;
    Chw__NamedText **list =
        grown(lineage->parameters, lineage->n_parameters, sizeof *list);
    if (list == NULL)
        return false;
    lineage->parameters = list;
    Chw__NamedText *item = calloc(1, sizeof *item);
    if (item == NULL)
        return false;
    chw__named_text__init(item);
    list[lineage->n_parameters++] = item;
    return assemble_text(&item->name, name) && assemble_text(&item->text, text);
}

bool assemble_outcome(Chw__Model *self, const char *label)
{
    char text[80];
    snprintf(text, sizeof text, "class %s", label);
    return assemble_text(&self->lineage->outcome, text);
}

/* ---- estimators ---- */

Chw__Linear *assemble_linear(size_t weight_count)
{
    Chw__Linear *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    chw__linear__init(self);
    self->weights = calloc(weight_count, sizeof self->weights[0]);
    self->n_weights = weight_count;
    if (self->weights != NULL)
        return self;
    chw__linear__free_unpacked(self, NULL);
    return NULL;
}

Chw__Trees *assemble_trees(void)
{
    Chw__Trees *self = calloc(1, sizeof *self);
    if (self != NULL)
        chw__trees__init(self);
    return self;
}

Chw__Parts *assemble_parts(void)
{
    Chw__Parts *self = calloc(1, sizeof *self);
    if (self != NULL)
        chw__parts__init(self);
    return self;
}

static Chw__Tree *add_tree(Chw__Trees *self)
{
    Chw__Tree **list = grown(self->trees, self->n_trees, sizeof *list);
    if (list == NULL)
        return NULL;
    self->trees = list;
    Chw__Tree *tree = calloc(1, sizeof *tree);
    if (tree == NULL)
        return NULL;
    chw__tree__init(tree);
    list[self->n_trees++] = tree;
    return tree;
}

Chw__Tree *assemble_tree(Chw__Trees *self, size_t node_count)
{
    Chw__Tree *tree = add_tree(self);
    if (tree == NULL)
        return NULL;
    tree->input = calloc(node_count, sizeof tree->input[0]);
    tree->threshold = calloc(node_count, sizeof tree->threshold[0]);
    tree->left = calloc(node_count, sizeof tree->left[0]);
    tree->right = calloc(node_count, sizeof tree->right[0]);
    tree->default_left.data = calloc(node_count, 1);
    assemble_tree_cut(tree, node_count);
    return tree->input != NULL && tree->threshold != NULL && tree->left != NULL &&
                   tree->right != NULL && tree->default_left.data != NULL
               ? tree
               : NULL;
}

bool assemble_tree_sets(Chw__Tree *self)
{
    self->set = calloc(self->n_left, sizeof self->set[0]);
    self->n_set = self->set == NULL ? 0 : self->n_left;
    return self->set != NULL;
}

bool assemble_tree_covers(Chw__Tree *self)
{
    self->cover = calloc(self->n_left, sizeof self->cover[0]);
    self->n_cover = self->cover == NULL ? 0 : self->n_left;
    return self->cover != NULL;
}

void assemble_tree_cut(Chw__Tree *self, size_t node_count)
{
    self->n_input = self->n_threshold = self->n_left = self->n_right = node_count;
    self->default_left.len = node_count;
    self->n_set = self->set == NULL ? 0 : node_count;
    self->n_cover = self->cover == NULL ? 0 : node_count;
}

bool assemble_set(Chw__Trees *self, const uint8_t *members, size_t size)
{
    Chw__CategorySet **list = grown(self->sets, self->n_sets, sizeof *list);
    if (list == NULL)
        return false;
    self->sets = list;
    Chw__CategorySet *set = calloc(1, sizeof *set);
    if (set == NULL)
        return false;
    chw__category_set__init(set);
    list[self->n_sets++] = set;
    set->members.data = malloc(size);
    if (set->members.data == NULL)
        return false;
    memcpy(set->members.data, members, size);
    set->members.len = size;
    return true;
}

Chw__Part *assemble_part(Chw__Parts *self)
{
    Chw__Part **list = grown(self->parts, self->n_parts, sizeof *list);
    if (list == NULL)
        return NULL;
    self->parts = list;
    Chw__Part *part = calloc(1, sizeof *part);
    if (part == NULL)
        return NULL;
    chw__part__init(part);
    list[self->n_parts++] = part;
    return part;
}

void assemble_model_linear(Chw__Model *self, Chw__Linear *linear)
{
    self->estimator_case = CHW__MODEL__ESTIMATOR_LINEAR;
    self->linear = linear;
}

void assemble_model_trees(Chw__Model *self, Chw__Trees *trees)
{
    self->estimator_case = CHW__MODEL__ESTIMATOR_TREES;
    self->trees = trees;
}

void assemble_model_parts(Chw__Model *self, Chw__Parts *parts)
{
    self->estimator_case = CHW__MODEL__ESTIMATOR_PARTS;
    self->parts = parts;
}

bool assemble_outputs(Chw__Model *self, size_t count, size_t chosen)
{
    if (count == 1)
        return true;
    Chw__Parts *parts = assemble_parts();
    if (parts == NULL)
        return false;
    assemble_model_parts(self, parts);
    parts->combine = CHW__PARTS__COMBINE__SOFTMAX;
    parts->chosen = (uint32_t)chosen;
    for (size_t i = 0; i < count; i++)
        if (assemble_part(parts) == NULL)
            return false;
    return true;
}

static Chw__Part *part_of(Chw__Model *self, size_t output)
{
    return self->estimator_case == CHW__MODEL__ESTIMATOR_PARTS
               ? self->parts->parts[output]
               : NULL;
}

void assemble_output_linear(Chw__Model *self, size_t output, Chw__Linear *linear)
{
    Chw__Part *part = part_of(self, output);
    if (part == NULL) {
        assemble_model_linear(self, linear);
        return;
    }
    part->estimator_case = CHW__PART__ESTIMATOR_LINEAR;
    part->linear = linear;
}

void assemble_output_trees(Chw__Model *self, size_t output, Chw__Trees *trees)
{
    Chw__Part *part = part_of(self, output);
    if (part == NULL) {
        assemble_model_trees(self, trees);
        return;
    }
    part->estimator_case = CHW__PART__ESTIMATOR_TREES;
    part->trees = trees;
}

static Chw__Platt *new_platt(double slope, double intercept)
{
    Chw__Platt *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    chw__platt__init(self);
    self->slope = slope;
    self->intercept = intercept;
    return self;
}

bool assemble_platt(Chw__Model *self, double slope, double intercept)
{
    self->platt = new_platt(slope, intercept);
    if (self->platt != NULL)
        self->calibration_case = CHW__MODEL__CALIBRATION_PLATT;
    return self->platt != NULL;
}

bool assemble_output_platt(Chw__Model *self, size_t output, double slope,
                           double intercept)
{
    Chw__Part *part = part_of(self, output);
    if (part == NULL)
        return assemble_platt(self, slope, intercept);
    part->platt = new_platt(slope, intercept);
    if (part->platt != NULL)
        part->calibration_case = CHW__PART__CALIBRATION_PLATT;
    return part->platt != NULL;
}
