/* SPDX-License-Identifier: Apache-2.0 */
/* allocation.c - reads the YAML by tables of keys; every refusal names its line. */
#include "optimizer/allocation.h"

#include "base/file.h"
#include "base/yaml.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 20 };

/* What is being read, and where a refusal goes. */
struct reading {
    const char *path;
    struct allocation *allocation;
    struct error_text *error;
};

static enum status refuse(const struct reading *self, const struct yaml_node *node,
                          const char *format, ...) __attribute__((format(printf, 3, 4)));

static enum status refuse(const struct reading *self, const struct yaml_node *node,
                          const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_set(self->error, STATUS_MALFORMED, "%s:%zu: %s", self->path, node->line,
                     text);
}

/* ---- values ---- */

struct range {
    double min;
    bool above; /* min itself is not allowed */
};

static const struct range from_zero = {0, false}, above_zero = {0, true};

/* No sum of products of such numbers overflows, and the solver takes none of them for
 * infinite. */
static const double number_max = 1e12;

static enum status read_number(const struct reading *self, const struct yaml_node *node,
                               const char *name, const struct range *range, double *out)
{
    char *end = NULL;
    bool scalar = node->kind == YAML_SCALAR && node->text[0] != '\0';
    double value = scalar ? strtod(node->text, &end) : NAN;
    bool enough = range->above ? value > range->min : value >= range->min;
    if (!scalar || *end != '\0' || !isfinite(value) || !enough || value > number_max)
        return refuse(self, node, "%s is %.40s; expected a number %s %g, at most %g",
                      name, scalar ? node->text : "no number",
                      range->above ? "above" : "from", range->min, number_max);
    *out = value;
    return STATUS_OK;
}

static enum status read_text(const struct reading *self, const struct yaml_node *node,
                             const char *name, size_t room, char *out)
{
    if (node->kind != YAML_SCALAR || node->text[0] == '\0' || strlen(node->text) >= room)
        return refuse(self, node, "%s is a word of 1 to %zu bytes", name, room - 1);
    snprintf(out, room, "%s", node->text);
    return STATUS_OK;
}

static enum status read_flag(const struct reading *self, const struct yaml_node *node,
                             const char *name, bool *out)
{
    *out = node->kind == YAML_SCALAR && strcmp(node->text, "true") == 0;
    if (!*out && (node->kind != YAML_SCALAR || strcmp(node->text, "false") != 0))
        return refuse(self, node, "%s is true or false", name);
    return STATUS_OK;
}

static int by_region(const void *a, const void *b)
{
    const struct allocation_number *one = a, *other = b;
    return strcmp(one->region, other->region);
}

static enum status read_regions(const struct reading *self, const struct yaml_node *map,
                                const struct range *range, struct allocation_numbers *out)
{
    if (map->kind != YAML_MAP)
        return refuse(self, map, "regions is a map from regions to numbers");
    out->items = calloc(map->count + 1, sizeof *out->items);
    if (out->items == NULL)
        return error_set(self->error, STATUS_NOMEM, "out of memory");
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < map->count; i++) {
        struct allocation_number *number = &out->items[out->count++];
        status = read_text(self, &map->keys[i], "a region", sizeof number->region,
                           number->region);
        if (status == STATUS_OK)
            status =
                read_number(self, &map->items[i], number->region, range, &number->value);
    }
    qsort(out->items, out->count, sizeof *out->items, by_region);
    return status;
}

/* ---- keys ---- */

/* A map's keys in a table: unknown ones are refused, missing ones too where they must be
 * there. */
struct key {
    const char *name;
    bool required;
};

static enum status check_keys(const struct reading *self, const struct yaml_node *map,
                              const char *what, const struct key *keys, size_t count)
{
    char list[160] = "";
    for (size_t i = 0; i < count; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s",
                 i == 0 ? "" : ", ", keys[i].name);
    if (map->kind != YAML_MAP)
        return refuse(self, map, "%s is a map of %s", what, list);
    for (size_t i = 0; i < map->count; i++) {
        size_t k = 0;
        while (k < count && strcmp(keys[k].name, map->keys[i].text) != 0)
            k++;
        if (k == count)
            return refuse(self, &map->keys[i], "unknown key %.40s of %s: expected %s",
                          map->keys[i].text, what, list);
    }
    for (size_t i = 0; i < count; i++)
        if (keys[i].required && yaml_find(map, keys[i].name) == NULL)
            return refuse(self, map, "%s has no %s", what, keys[i].name);
    return STATUS_OK;
}

/* ---- resources ---- */

static enum status read_scope(const struct reading *self, const struct yaml_node *node,
                              bool *local)
{
    if (node == NULL)
        return STATUS_OK;
    *local = node->kind == YAML_SCALAR && strcmp(node->text, "local") == 0;
    if (!*local && (node->kind != YAML_SCALAR || strcmp(node->text, "central") != 0))
        return refuse(self, node, "scope is central or local");
    return STATUS_OK;
}

static enum status read_resource(const struct reading *self, const struct yaml_node *name,
                                 const struct yaml_node *map,
                                 struct allocation_resource *out)
{
    static const struct key keys[] = {
        {"capacity", true}, {"scope", false},   {"unit", false},
        {"travel", false},  {"regions", false},
    };
    enum status status =
        read_text(self, name, "a resource's name", sizeof out->name, out->name);
    if (status == STATUS_OK)
        status = check_keys(self, map, out->name, keys, sizeof keys / sizeof keys[0]);
    if (status == STATUS_OK)
        status = read_scope(self, yaml_find(map, "scope"), &out->local);
    if (status == STATUS_OK)
        status = read_number(self, yaml_find(map, "capacity"), "capacity", &from_zero,
                             &out->capacity.fallback);
    const struct yaml_node *unit = yaml_find(map, "unit");
    const struct yaml_node *travel = yaml_find(map, "travel");
    const struct yaml_node *regions = yaml_find(map, "regions");
    if (status == STATUS_OK && unit != NULL)
        status = read_text(self, unit, "unit", sizeof out->unit, out->unit);
    if (status == STATUS_OK && travel != NULL)
        status = read_flag(self, travel, "travel", &out->travels);
    if (status == STATUS_OK && regions != NULL && !out->local)
        status = refuse(self, regions, "only a resource of scope local has regions");
    if (status == STATUS_OK && regions != NULL)
        status = read_regions(self, regions, &from_zero, &out->capacity);
    return status;
}

static enum status read_resources(const struct reading *self, const struct yaml_node *map)
{
    struct allocation *allocation = self->allocation;
    if (map->kind != YAML_MAP || map->count == 0 || map->count > ALLOCATION_RESOURCES_MAX)
        return refuse(self, map, "resources is a map of 1 to %d names",
                      ALLOCATION_RESOURCES_MAX);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < map->count; i++)
        status = read_resource(self, &map->keys[i], &map->items[i],
                               &allocation->resources[allocation->resource_count++]);
    return status;
}

/* ---- services ---- */

static enum status read_tiers(const struct reading *self, const struct yaml_node *list,
                              struct allocation_service *out)
{
    if (list->kind != YAML_LIST || list->count == 0 || list->count > ALLOCATION_TIERS_MAX)
        return refuse(self, list, "tiers is a list such as [moderate, high]");
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < list->count; i++) {
        char *tier = out->tiers[out->tier_count];
        status = read_text(self, &list->items[i], "a tier", sizeof out->tiers[0], tier);
        for (size_t k = 0; status == STATUS_OK && k < out->tier_count; k++)
            if (strcmp(out->tiers[k], tier) == 0)
                status = refuse(self, &list->items[i], "tier %s is there twice", tier);
        out->tier_count++;
    }
    return status;
}

static enum status read_use(const struct reading *self, const struct yaml_node *name,
                            const struct yaml_node *amount,
                            struct allocation_service *out)
{
    const struct allocation *allocation = self->allocation;
    for (size_t i = 0; i < allocation->resource_count; i++)
        if (strcmp(allocation->resources[i].name, name->text) == 0)
            return read_number(self, amount, name->text, &from_zero, &out->uses[i]);
    return refuse(self, name, "%s uses %.60s, which is none of the resources", out->name,
                  name->text);
}

/* What uses nothing would be given to all: then there is nothing to plan. */
static enum status read_uses(const struct reading *self, const struct yaml_node *map,
                             struct allocation_service *out)
{
    if (map->kind != YAML_MAP)
        return refuse(self, map, "uses is a map from resources to amounts per person");
    double sum = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < map->count; i++)
        status = read_use(self, &map->keys[i], &map->items[i], out);
    for (size_t i = 0; i < self->allocation->resource_count; i++)
        sum += out->uses[i];
    return status == STATUS_OK && sum == 0
               ? refuse(self, map, "%s uses nothing", out->name)
               : status;
}

static enum status read_service(const struct reading *self, const struct yaml_node *name,
                                const struct yaml_node *map,
                                struct allocation_service *out)
{
    static const struct key keys[] = {
        {"target", true}, {"tiers", true}, {"benefit", true}, {"uses", true}};
    enum status status =
        read_text(self, name, "a service's name", sizeof out->name, out->name);
    if (status == STATUS_OK)
        status = check_keys(self, map, out->name, keys, sizeof keys / sizeof keys[0]);
    if (status == STATUS_OK)
        status = read_text(self, yaml_find(map, "target"), "target", sizeof out->target,
                           out->target);
    if (status == STATUS_OK)
        status = read_tiers(self, yaml_find(map, "tiers"), out);
    if (status == STATUS_OK)
        status = read_number(self, yaml_find(map, "benefit"), "benefit", &above_zero,
                             &out->benefit);
    return status == STATUS_OK ? read_uses(self, yaml_find(map, "uses"), out) : status;
}

static enum status read_services(const struct reading *self, const struct yaml_node *map)
{
    struct allocation *allocation = self->allocation;
    if (map->kind != YAML_MAP || map->count == 0 || map->count > ALLOCATION_SERVICES_MAX)
        return refuse(self, map, "services is a map of 1 to %d names",
                      ALLOCATION_SERVICES_MAX);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < map->count; i++)
        status = read_service(self, &map->keys[i], &map->items[i],
                              &allocation->services[allocation->service_count++]);
    return status;
}

/* ---- the whole ---- */

static enum status read_travel(const struct reading *self, const struct yaml_node *map)
{
    static const struct key keys[] = {{"default", false}, {"regions", false}};
    struct allocation_numbers *travel = &self->allocation->travel;
    travel->fallback = 1;
    if (map == NULL)
        return STATUS_OK;
    enum status status =
        check_keys(self, map, "travel", keys, sizeof keys / sizeof keys[0]);
    if (status != STATUS_OK)
        return status;
    const struct yaml_node *fallback = yaml_find(map, "default");
    const struct yaml_node *regions = yaml_find(map, "regions");
    if (fallback != NULL)
        status = read_number(self, fallback, "default", &above_zero, &travel->fallback);
    return status == STATUS_OK && regions != NULL
               ? read_regions(self, regions, &above_zero, travel)
               : status;
}

static enum status read_root(const struct reading *self, const struct yaml_node *root)
{
    static const struct key keys[] = {
        {"resources", true}, {"services", true}, {"travel", false}};
    enum status status =
        check_keys(self, root, "an allocation", keys, sizeof keys / sizeof keys[0]);
    if (status == STATUS_OK)
        status = read_resources(self, yaml_find(root, "resources"));
    if (status == STATUS_OK)
        status = read_services(self, yaml_find(root, "services"));
    return status == STATUS_OK ? read_travel(self, yaml_find(root, "travel")) : status;
}

enum status allocation_parse(const char *path, const char *text, size_t size,
                             struct allocation **out, struct error_text *error)
{
    struct yaml *yaml = NULL;
    *out = NULL;
    enum status status = yaml_parse(text, size, &yaml, error);
    if (status != STATUS_OK)
        return error_prefix(error, status, "%s", path);
    struct reading reading = {path, calloc(1, sizeof *reading.allocation), error};
    status = reading.allocation == NULL ? error_set(error, STATUS_NOMEM, "out of memory")
                                        : read_root(&reading, yaml_root(yaml));
    yaml_free(yaml);
    if (status != STATUS_OK) {
        allocation_free(reading.allocation);
        return status;
    }
    reading.allocation->digest = digest_sha256(text, size);
    *out = reading.allocation;
    return STATUS_OK;
}

enum status allocation_read(const char *path, struct allocation **out,
                            struct error_text *error)
{
    uint8_t *bytes = NULL;
    size_t size;
    *out = NULL;
    enum status status = file_read(path, TEXT_MAX, &bytes, &size, error);
    if (status == STATUS_OK)
        status = allocation_parse(path, (const char *)bytes, size, out, error);
    free(bytes);
    return status;
}

void allocation_free(struct allocation *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->resource_count; i++)
        free(self->resources[i].capacity.items);
    free(self->travel.items);
    free(self);
}

double allocation_number(const struct allocation_numbers *self, const char *region)
{
    size_t low = 0, high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(self->items[middle].region, region);
        if (order == 0)
            return self->items[middle].value;
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return self->fallback;
}

bool allocation_serves(const struct allocation_service *self, const char *target,
                       const char *tier)
{
    if (strcmp(self->target, target) != 0)
        return false;
    for (size_t i = 0; i < self->tier_count; i++)
        if (strcmp(self->tiers[i], tier) == 0)
            return true;
    return false;
}
