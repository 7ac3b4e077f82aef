/* SPDX-License-Identifier: Apache-2.0 */
/* allocation.h - what there is to plan with: resources, the services that use them, and
 * how far people travel, as a YAML file says it (docs/planning.md). */

#ifndef OPTIMIZER_ALLOCATION_H
#define OPTIMIZER_ALLOCATION_H

#include "base/crypto.h"
#include "base/error_text.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    ALLOCATION_NAME_MAX = 63,
    ALLOCATION_UNIT_MAX = 31,
    ALLOCATION_TIER_MAX = 31,
    ALLOCATION_RESOURCES_MAX = 32,
    ALLOCATION_SERVICES_MAX = 32,
    ALLOCATION_TIERS_MAX = 16, /* of a service */
};

/* A number for every region: its own, or the one for all others. */
struct allocation_numbers {
    double fallback;
    struct allocation_number {
        char region[ALLOCATION_NAME_MAX + 1];
        double value;
    } * items; /* sorted by region */
    size_t count;
};

struct allocation_resource {
    char name[ALLOCATION_NAME_MAX + 1], unit[ALLOCATION_UNIT_MAX + 1];
    bool local;   /* each region has its own capacity; else one for all */
    bool travels; /* a person uses it times the region's travel multiplier */
    struct allocation_numbers capacity; /* not local: the fallback; >= 0 */
};

struct allocation_service {
    char name[ALLOCATION_NAME_MAX + 1], target[ALLOCATION_NAME_MAX + 1];
    char tiers[ALLOCATION_TIERS_MAX][ALLOCATION_TIER_MAX + 1];
    size_t tier_count;
    double benefit;                        /* per expected case reached; > 0 */
    double uses[ALLOCATION_RESOURCES_MAX]; /* per person; >= 0, one at least > 0 */
};

struct allocation {
    struct digest digest; /* SHA-256 of the text */
    struct allocation_resource resources[ALLOCATION_RESOURCES_MAX];
    size_t resource_count;
    struct allocation_service services[ALLOCATION_SERVICES_MAX];
    size_t service_count;
    struct allocation_numbers travel; /* > 0 */
};

/* STATUS_MALFORMED: `error` names `path`, the line and what was expected. */
MUST_CHECK enum status allocation_parse(const char *path, const char *text, size_t size,
                                        struct allocation **out,
                                        struct error_text *error);
/* Also STATUS_NOT_FOUND and STATUS_IO. */
MUST_CHECK enum status allocation_read(const char *path, struct allocation **out,
                                       struct error_text *error);
void allocation_free(struct allocation *self);

double allocation_number(const struct allocation_numbers *self, const char *region);

bool allocation_serves(const struct allocation_service *self, const char *target,
                       const char *tier);

#endif
