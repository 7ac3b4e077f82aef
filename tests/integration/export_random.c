/* SPDX-License-Identifier: Apache-2.0 */
/* A random model as an ONNX file, and random records as what onnx_run.js reads, with what
 * they score here ("expected"): the last line of the output. TEST_SEED says which; WHAT
 * is trees, linear, parts or calibrated.
 *
 * usage: export-random WHAT FILE.onnx */
#include "base/file.h"
#include "exchange/export.h"
#include "tests/lib/any.h"
#include "tests/lib/build.h"
#include "tests/lib/records.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(enum status status, const struct error_text *error)
{
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "export-random: %s: %s\n", status_text(status), error->text);
    exit(EXIT_FAILURE);
}

/* ---- models ---- */

static Chw__Model *trees(void)
{
    return any_trees(any_chance(10));
}

static void add_platt(Chw__Model *model)
{
    model->calibration_case = CHW__MODEL__CALIBRATION_PLATT;
    model->platt = build_alloc(sizeof *model->platt);
    chw__platt__init(model->platt);
    model->platt->slope = any_chance(200) / 77.0 - 1.3;
    model->platt->intercept = any_chance(200) / 77.0 - 1.3;
}

static void add_isotonic(Chw__Model *model)
{
    size_t count = 1 + any_chance(8);
    model->calibration_case = CHW__MODEL__CALIBRATION_ISOTONIC;
    model->isotonic = build_alloc(sizeof *model->isotonic);
    chw__isotonic__init(model->isotonic);
    model->isotonic->n_x = model->isotonic->n_y = count;
    model->isotonic->x = build_alloc(count * sizeof(float));
    model->isotonic->y = build_alloc(count * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        model->isotonic->x[i] = 0.1F * (float)(i + 1);
        model->isotonic->y[i] = 0.09F * (float)i + (float)any_chance(90) / 1000.0F;
    }
}

static Chw__Model *calibrated(void)
{
    Chw__Model *model = any_chance(2) == 0 ? any_linear() : trees();
    if (any_chance(2) == 0)
        add_platt(model);
    else
        add_isotonic(model);
    return model;
}

static const struct {
    const char *name;
    Chw__Model *(*make)(void);
} kinds[] = {
    {"trees", trees},
    {"linear", any_linear},
    {"parts", any_parts},
    {"calibrated", calibrated},
};

static Chw__Model *make(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].make();
    fprintf(stderr, "export-random: there is no %s\n", name);
    exit(EXIT_FAILURE);
}

static void write_onnx(const Chw__Model *message, const char *path)
{
    const struct export_format *format;
    struct error_text error = {""};
    uint8_t *bytes;
    size_t size;
    must(export_format_find("onnx", &format, &error), &error);
    must(exchange_export(message, format, &bytes, &size, &error), &error);
    must(file_replace(path, bytes, size, &error), &error);
    free(bytes);
}

static struct model *load(const Chw__Model *message)
{
    struct error_text error = {""};
    struct model *model;
    size_t size;
    uint8_t *bytes = build_pack(&message->base, &size);
    must(model_load(bytes, size, &model, &error), &error);
    return model;
}

/* ---- JSON ---- */

static void print_float(float value)
{
    if (isfinite(value))
        printf("%.9g", (double)value);
    else
        printf("\"%s\"", isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
}

static void print_name(const Chw__Category *category, float value)
{
    size_t index = (size_t)value;
    printf("\"%s\"", isnan(value)                ? ""
                     : index < category->n_names ? category->names[index]
                                                 : "none of them");
}

static void print_feed(const Chw__Feature *feature, const float *values)
{
    bool category = records_is_category(feature);
    printf("\"%s\": {\"type\": \"%s\", \"dims\": [%d, 1], \"data\": [", feature->name,
           category ? "string" : "float32", RECORDS);
    for (size_t row = 0; row < RECORDS; row++) {
        fputs(row == 0 ? "" : ", ", stdout);
        if (category)
            print_name(feature->category, values[row]);
        else
            print_float(values[row]);
    }
    printf("]}");
}

static void print_task(const Chw__Model *message, const char *path,
                       const struct records *records, const float *expected)
{
    printf("{\"model\": \"%s\", \"feeds\": {", path);
    for (size_t i = 0; i < message->n_features; i++) {
        fputs(i == 0 ? "" : ", ", stdout);
        print_feed(message->features[i], records->values[i]);
    }
    printf("}, \"expected\": [");
    for (size_t row = 0; row < RECORDS; row++) {
        fputs(row == 0 ? "" : ", ", stdout);
        print_float(expected[row]);
    }
    puts("]}");
}

int main(int argc, char **argv)
{
    static struct records records;
    float expected[RECORDS];
    if (argc != 3)
        return EXIT_FAILURE;
    any_seed(NULL);
    Chw__Model *message = make(argv[1]);
    struct model *model = load(message);
    any_records(message, true, &records);
    records_score(model, records_batch(&records, message), expected);
    write_onnx(message, argv[2]);
    print_task(message, argv[2], &records, expected);
    model_free(model);
    build_reset();
    return EXIT_SUCCESS;
}
