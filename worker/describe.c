/* SPDX-License-Identifier: Apache-2.0 */
/* describe.c - the union of what several models read. */
#include "worker/describe.h"

#include <stdlib.h>
#include <string.h>

static Chw__FeatureDescription *find_feature(const Chw__Description *self,
                                             const char *name)
{
    for (size_t i = 0; i < self->n_features; i++)
        if (strcmp(self->features[i]->name, name) == 0)
            return self->features[i];
    return NULL;
}

static Chw__FeatureDescription *add_feature(Chw__Description *self, char *name)
{
    Chw__FeatureDescription **larger =
        realloc(self->features, (self->n_features + 1) * sizeof *larger);
    if (larger == NULL)
        return NULL;
    self->features = larger;
    Chw__FeatureDescription *feature = malloc(sizeof *feature);
    if (feature == NULL)
        return NULL;
    chw__feature_description__init(feature);
    feature->name = name;
    larger[self->n_features++] = feature;
    return feature;
}

static bool has_category(const Chw__FeatureDescription *feature, const char *name)
{
    for (size_t i = 0; i < feature->n_categories; i++)
        if (strcmp(feature->categories[i], name) == 0)
            return true;
    return false;
}

static bool add_categories(Chw__FeatureDescription *feature,
                           const Chw__Category *category)
{
    char **larger = realloc(feature->categories,
                            (feature->n_categories + category->n_names) * sizeof *larger);
    if (larger == NULL)
        return false;
    feature->categories = larger;
    for (size_t i = 0; i < category->n_names; i++)
        if (!has_category(feature, category->names[i]))
            larger[feature->n_categories++] = category->names[i];
    return true;
}

static bool merge_feature(Chw__Description *self, const Chw__Feature *feature)
{
    Chw__FeatureDescription *merged = find_feature(self, feature->name);
    if (merged == NULL)
        merged = add_feature(self, feature->name);
    if (merged == NULL)
        return false;
    merged->required = merged->required || feature->required;
    if (feature->kind_case == CHW__FEATURE__KIND_CATEGORY)
        return add_categories(merged, feature->category);
    merged->numeric = true;
    return true;
}

static bool add_target(Chw__Description *self, const struct serving_target *serving)
{
    const Chw__Model *model = model_message(loaded_model(serving->loaded));
    Chw__TargetScores *target = malloc(sizeof *target);
    if (target == NULL)
        return false;
    chw__target_scores__init(target);
    self->targets[self->n_targets++] = target;
    target->name = model->name;
    target->version.data =
        (uint8_t *)(uintptr_t)model_version(loaded_model(serving->loaded))->bytes;
    target->version.len = DIGEST_SIZE;
    target->tier_names = calloc(serving->rules.tier_count, sizeof(char *));
    if (target->tier_names == NULL)
        return false;
    for (size_t i = 0; i < serving->rules.tier_count; i++)
        target->tier_names[target->n_tier_names++] =
            (char *)(uintptr_t)serving->rules.tiers[i].name;
    for (size_t i = 0; i < model->n_features; i++)
        if (!merge_feature(self, model->features[i]))
            return false;
    return true;
}

Chw__Description *description_new(const struct serving *serving)
{
    Chw__Description *self = malloc(sizeof *self);
    if (self == NULL)
        return NULL;
    chw__description__init(self);
    self->targets = calloc(serving->count, sizeof(Chw__TargetScores *));
    bool added = self->targets != NULL;
    for (size_t i = 0; added && i < serving->count; i++)
        added = add_target(self, &serving->targets[i]);
    if (!added) {
        description_free(self);
        return NULL;
    }
    return self;
}

void description_free(Chw__Description *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->n_features; i++) {
        free(self->features[i]->categories);
        free(self->features[i]);
    }
    for (size_t i = 0; i < self->n_targets; i++) {
        free(self->targets[i]->tier_names);
        free(self->targets[i]);
    }
    free(self->features);
    free(self->targets);
    free(self);
}
