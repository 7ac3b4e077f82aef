/* SPDX-License-Identifier: Apache-2.0 */
/* plan_print.c - what is scarce and what one more would be worth, then what each region
 * gets. */
#include "optimizer/plan_print.h"

#include "optimizer/list.h"
#include "table/csv_writer.h"
#include "table/json_text.h"
#include "table/text_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION_SHOWN = 12 };

static bool is_binding(const Chw__PlanCapacity *capacity)
{
    return capacity->shadow_price > 0;
}

static const Chw__PlanService *service_of(const Chw__Plan *plan,
                                          const Chw__PlanLine *line)
{
    return plan->services[line->service];
}

static double reached(const Chw__PlanLine *line)
{
    return line->served * line->probability;
}

/* ---- table: the resources ---- */

/* A local resource is one line: its regions summed, and the highest price of them. */
struct resource_sum {
    double capacity, used, price;
    size_t regions, binding;
};

static struct resource_sum sum_resource(const Chw__Plan *plan, size_t resource)
{
    struct resource_sum sum = {0};
    for (size_t i = 0; i < plan->n_capacities; i++) {
        const Chw__PlanCapacity *capacity = plan->capacities[i];
        if (capacity->resource != resource)
            continue;
        sum.capacity += capacity->capacity;
        sum.used += capacity->used;
        sum.price = fmax(sum.price, capacity->shadow_price);
        sum.regions++;
        sum.binding += is_binding(capacity);
    }
    return sum;
}

static void add_binding(struct text_table *table, const Chw__PlanResource *resource,
                        const struct resource_sum *sum)
{
    if (sum->binding == 0)
        text_table_add(table, "enough");
    else if (!resource->local)
        text_table_add(table, "all used");
    else
        text_table_add(table, "all used in %zu of %zu regions", sum->binding,
                       sum->regions);
}

static void print_resources(const Chw__Plan *plan, FILE *file)
{
    struct text_table *table = text_table_new("llrrrl");
    if (table == NULL)
        return;
    static const char *const heading[] = {"resource",          "unit", "capacity", "used",
                                          "one more is worth", ""};
    for (size_t i = 0; i < sizeof heading / sizeof heading[0]; i++)
        text_table_add(table, "%s", heading[i]);
    for (size_t i = 0; i < plan->n_resources; i++) {
        const Chw__PlanResource *resource = plan->resources[i];
        struct resource_sum sum = sum_resource(plan, i);
        text_table_add(table, "%s", resource->name);
        text_table_add(table, "%s", resource->unit);
        text_table_add(table, "%.1f", sum.capacity);
        text_table_add(table, "%.1f", sum.used);
        text_table_add(table, resource->local && sum.binding > 0 ? "up to %.6f" : "%.6f",
                       sum.price);
        add_binding(table, resource, &sum);
    }
    text_table_print(table, file);
    text_table_free(table);
}

/* ---- table: the regions ---- */

struct region_sum {
    double people, served, expected, reached;
};

/* A cell that several services may serve is a line for each: its people count once. */
static bool repeats_cell(const Chw__Plan *plan, size_t i)
{
    if (i == 0)
        return false;
    const Chw__PlanLine *line = plan->lines[i], *before = plan->lines[i - 1];
    return strcmp(line->region, before->region) == 0 &&
           strcmp(line->tier, before->tier) == 0 &&
           strcmp(service_of(plan, line)->target, service_of(plan, before)->target) == 0;
}

static void add_to(struct region_sum *sum, const Chw__Plan *plan, size_t i)
{
    const Chw__PlanLine *line = plan->lines[i];
    if (!repeats_cell(plan, i)) {
        sum->people += (double)line->people;
        sum->expected += (double)line->people * line->probability;
    }
    sum->served += line->served;
    sum->reached += reached(line);
}

static void add_region(struct text_table *table, const char *region,
                       const struct region_sum *sum)
{
    text_table_add(table, "%s", region);
    text_table_count(table, (int64_t)sum->people);
    text_table_add(table, "%.1f", sum->served);
    text_table_add(table, "%.0f%%",
                   sum->people > 0 ? 100 * sum->served / sum->people : 0);
    text_table_add(table, "%.1f", sum->expected);
    text_table_add(table, "%.1f", sum->reached);
}

/* The region's own services: "home_visit 12.0, review 3.5". */
static void add_services(struct text_table *table, const Chw__Plan *plan, size_t first,
                         size_t end)
{
    char text[200] = "", word[100];
    for (size_t s = 0; s < plan->n_services; s++) {
        double served = 0;
        for (size_t i = first; i < end; i++)
            served += plan->lines[i]->service == s ? plan->lines[i]->served : 0;
        if (served > 0) {
            snprintf(word, sizeof word, "%s %.1f", plan->services[s]->name, served);
            list_add(text, sizeof text, word);
        }
    }
    text_table_add(table, "%s", text[0] == '\0' ? "nothing" : text);
}

static void print_regions(const Chw__Plan *plan, FILE *file)
{
    static const char *const heading[] = {"region",   "people",  "served",  "",
                                          "expected", "reached", "services"};
    struct text_table *table = text_table_new("lrrrrrl");
    struct region_sum total = {0};
    if (table == NULL)
        return;
    for (size_t i = 0; i < sizeof heading / sizeof heading[0]; i++)
        text_table_add(table, "%s", heading[i]);
    for (size_t i = 0; i < plan->n_lines;) {
        struct region_sum sum = {0};
        const char *region = plan->lines[i]->region;
        size_t first = i;
        for (; i < plan->n_lines && strcmp(plan->lines[i]->region, region) == 0; i++) {
            add_to(&sum, plan, i);
            add_to(&total, plan, i);
        }
        add_region(table, region, &sum);
        add_services(table, plan, first, i);
    }
    add_region(table, "all regions", &total);
    text_table_add(table, " ");
    text_table_print(table, file);
    text_table_free(table);
}

static void print_table(const Chw__Plan *plan, const struct digest *version, FILE *file)
{
    char hex[DIGEST_HEX_SIZE];
    digest_format(version, hex);
    fprintf(file,
            "Plan %.*s for %" PRId32 "-%02" PRId32 ": objective %.6f (benefit times "
            "expected cases reached), by %s\n\n",
            VERSION_SHOWN, hex, plan->period / 100, plan->period % 100, plan->objective,
            plan->solver);
    print_resources(plan, file);
    fputc('\n', file);
    print_regions(plan, file);
    fputs("\n`one more is worth` is the shadow price: what the objective gains by one "
          "more unit.\nA fraction of a person is an average over many.\n",
          file);
}

/* ---- csv: what is served, then the capacities ---- */

static void write_number(FILE *file, double number)
{
    fprintf(file, ",%.17g", number);
}

static void print_csv(const Chw__Plan *plan, const struct digest *version, FILE *file)
{
    (void)version;
    fputs("kind,region,target,tier,service,resource,people,probability,served,capacity,"
          "used,shadow_price\n",
          file);
    for (size_t i = 0; i < plan->n_lines; i++) {
        const Chw__PlanLine *line = plan->lines[i];
        csv_write_text(file, 1, "service");
        csv_write_text(file, 0, line->region);
        csv_write_text(file, 0, service_of(plan, line)->target);
        csv_write_text(file, 0, line->tier);
        csv_write_text(file, 0, service_of(plan, line)->name);
        fprintf(file, ",,%" PRId64, line->people);
        write_number(file, line->probability);
        write_number(file, line->served);
        fputs(",,,\n", file);
    }
    for (size_t i = 0; i < plan->n_capacities; i++) {
        const Chw__PlanCapacity *capacity = plan->capacities[i];
        csv_write_text(file, 1, "capacity");
        csv_write_text(file, 0, capacity->region);
        fputs(",,,", file);
        csv_write_text(file, 0, plan->resources[capacity->resource]->name);
        fputs(",,,", file);
        write_number(file, capacity->capacity);
        write_number(file, capacity->used);
        write_number(file, capacity->shadow_price);
        csv_write_end(file);
    }
}

/* ---- json ---- */

static void write_pair(FILE *file, const char *before, const char *key, const char *text)
{
    fprintf(file, "%s\"%s\": ", before, key);
    json_write_text(file, text);
}

static void write_key(FILE *file, const char *key, double number)
{
    fprintf(file, ", \"%s\": %.17g", key, number);
}

static void print_json_capacity(const Chw__Plan *plan, const Chw__PlanCapacity *capacity,
                                FILE *file)
{
    const Chw__PlanResource *resource = plan->resources[capacity->resource];
    write_pair(file, "    {", "resource", resource->name);
    write_pair(file, ", ", "unit", resource->unit);
    if (resource->local)
        write_pair(file, ", ", "region", capacity->region);
    write_key(file, "capacity", capacity->capacity);
    write_key(file, "used", capacity->used);
    write_key(file, "shadow_price", capacity->shadow_price);
    fprintf(file, ", \"binding\": %s}", is_binding(capacity) ? "true" : "false");
}

static void print_json_line(const Chw__Plan *plan, const Chw__PlanLine *line, FILE *file)
{
    write_pair(file, "    {", "region", line->region);
    write_pair(file, ", ", "target", service_of(plan, line)->target);
    write_pair(file, ", ", "tier", line->tier);
    write_pair(file, ", ", "service", service_of(plan, line)->name);
    fprintf(file, ", \"people\": %" PRId64, line->people);
    write_key(file, "probability", line->probability);
    write_key(file, "served", line->served);
    fputc('}', file);
}

static void print_json(const Chw__Plan *plan, const struct digest *version, FILE *file)
{
    char hex[DIGEST_HEX_SIZE];
    digest_format(version, hex);
    fprintf(file,
            "{\n  \"version\": \"%s\",\n  \"period\": \"%" PRId32 "-%02" PRId32 "\",\n",
            hex, plan->period / 100, plan->period % 100);
    write_pair(file, "  ", "solver", plan->solver);
    fprintf(file, ",\n  \"objective\": %.17g,\n  \"capacities\": [\n", plan->objective);
    for (size_t i = 0; i < plan->n_capacities; i++) {
        print_json_capacity(plan, plan->capacities[i], file);
        fputs(i + 1 < plan->n_capacities ? ",\n" : "\n", file);
    }
    fputs("  ],\n  \"services\": [\n", file);
    for (size_t i = 0; i < plan->n_lines; i++) {
        print_json_line(plan, plan->lines[i], file);
        fputs(i + 1 < plan->n_lines ? ",\n" : "\n", file);
    }
    fputs("  ]\n}\n", file);
}

plan_print *plan_print_find(const char *format)
{
    static const struct {
        const char *name;
        plan_print *print;
    } formats[] = {{"table", print_table}, {"csv", print_csv}, {"json", print_json}};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(formats[i].name, format) == 0)
            return formats[i].print;
    return NULL;
}
