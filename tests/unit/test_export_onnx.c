/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the ONNX file says what the model says, and what ONNX cannot say is named, also
 * where no ONNX Runtime is there to run it. Method: models written by hand; the file is
 * parsed and its operators' attributes are read. What the graph computes is compared with
 * ONNX Runtime in tests/integration/test_export.py. */

#include "exchange/export.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include "onnx.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- both sides of an export ---- */

static enum status export_to(const Chw__Model *model, uint8_t **bytes, size_t *size,
                             struct error_text *error)
{
    const struct export_format *format;
    assert_int_equal(export_format_find("onnx", &format, error), STATUS_OK);
    return exchange_export(model, format, bytes, size, error);
}

static Chw__Onnx__Model *parsed(const Chw__Model *model)
{
    struct error_text error = {""};
    uint8_t *bytes;
    size_t size;
    if (export_to(model, &bytes, &size, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    Chw__Onnx__Model *file = chw__onnx__model__unpack(NULL, size, bytes);
    free(bytes);
    assert_non_null(file);
    return file;
}

static void refuse(const Chw__Model *model, const char *text)
{
    struct error_text error = {""};
    uint8_t *bytes;
    size_t size;
    assert_int_equal(export_to(model, &bytes, &size, &error), STATUS_INVALID);
    assert_null(bytes);
    assert_string_equal(error.text, text);
}

static const Chw__Onnx__Attribute *attribute(const Chw__Onnx__Model *file,
                                             const char *type, const char *name)
{
    const Chw__Onnx__Graph *graph = file->graph;
    for (size_t i = 0; i < graph->n_node; i++) {
        const Chw__Onnx__Node *node = graph->node[i];
        for (size_t k = 0; k < node->n_attribute; k++)
            if (strcmp(node->op_type, type) == 0 &&
                strcmp(node->attribute[k]->name, name) == 0)
                return node->attribute[k];
    }
    fail_msg("there is no %s of %s", name, type);
    return NULL;
}

/* ---- trees ---- */

static Chw__Model *stump(void)
{
    const struct build_node nodes[] = {
        {.threshold = 0.5F, .left = 1, .right = 2}, {.threshold = -1}, {.threshold = 2}};
    Chw__Model *model = build_trees(0.25F);
    build_numeric(model, "age", 0, 1)->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    build_tree(model, nodes, 3);
    return model;
}

static void is_text(const ProtobufCBinaryData *text, const char *expected)
{
    assert_int_equal(text->len, strlen(expected));
    assert_memory_equal(text->data, expected, text->len);
}

static void a_tree_keeps_its_comparison_its_ways_and_its_base(void **state)
{
    static const char name[] = "TreeEnsembleRegressor";
    Chw__Model *model = stump();
    (void)state;
    for (uint8_t left = 0; left < 2; left++) {
        model->trees->trees[0]->default_left.data[0] = left;
        Chw__Onnx__Model *file = parsed(model);
        is_text(&attribute(file, name, "nodes_modes")->strings[0], "BRANCH_LT");
        assert_int_equal(attribute(file, name, "nodes_truenodeids")->ints[0], 1);
        assert_int_equal(attribute(file, name, "nodes_falsenodeids")->ints[0], 2);
        assert_int_equal(
            attribute(file, name, "nodes_missing_value_tracks_true")->ints[0], left);
        assert_true(attribute(file, name, "nodes_values")->floats[0] == 0.5F);
        assert_true(attribute(file, name, "target_weights")->floats[0] == -1.0F);
        assert_true(attribute(file, name, "target_weights")->floats[1] == 2.0F);
        assert_true(attribute(file, name, "base_values")->floats[0] == 0.25F);
        is_text(&attribute(file, name, "aggregate_function")->s, "SUM");
        chw__onnx__model__free_unpacked(file, NULL);
    }
}

static void inputs_and_outputs_have_their_names(void **state)
{
    Chw__Model *model = stump();
    (void)state;
    build_category(model, "smoker", "Yes,No");
    Chw__Onnx__Model *file = parsed(model);
    const Chw__Onnx__Graph *graph = file->graph;
    assert_int_equal(graph->n_input, 2);
    assert_string_equal(graph->input[0]->name, "age");
    assert_string_equal(graph->input[1]->name, "smoker");
    assert_int_equal(graph->n_output, 2);
    assert_string_equal(graph->output[0]->name, "label");
    assert_string_equal(graph->output[1]->name, "probabilities");
    chw__onnx__model__free_unpacked(file, NULL);
}

/* ---- what ONNX cannot say ---- */

static void names_of_other_tensors_are_refused(void **state)
{
    static const char *const names[] = {"label", "probabilities", "chw/7"};
    Chw__Model *model = stump();
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[32], expected[128];
        snprintf(name, sizeof name, "%s", names[i]);
        snprintf(expected, sizeof expected,
                 "ONNX cannot say: feature %s: an input by this name, which is taken for "
                 "another tensor",
                 name);
        model->features[0]->name = name;
        refuse(model, expected);
    }
}

static void a_category_without_a_name_is_refused(void **state)
{
    char none[] = "";
    Chw__Model *model = stump();
    (void)state;
    build_category(model, "smoker", "Yes,No")->category->names[1] = none;
    refuse(model,
           "ONNX cannot say: feature smoker: a category without a name, which is a "
           "missing value there");
}

static int teardown(void **state)
{
    (void)state;
    build_reset();
    return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_tree_keeps_its_comparison_its_ways_and_its_base),
        TEST(inputs_and_outputs_have_their_names),
        TEST(names_of_other_tensors_are_refused),
        TEST(a_category_without_a_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
