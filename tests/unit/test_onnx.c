/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: an ONNX file that is damaged, contradicts itself or has something that is not
 * understood is refused by name. Method: the golden models, each with one thing changed;
 * tests/integration/test_onnx_parity.py compares what is taken with ONNX Runtime. */

#include "exchange/exchange.h"
#include "tests/lib/test.h"

#include "onnx.pb-c.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 16 };

static struct {
    uint8_t bytes[FILE_MAX];
    size_t size;
    Chw__Onnx__Model *model;
    Chw__Model *imported;
    struct error_text error;
} it;

static void open_golden(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s/model.onnx", GOLDEN_FOLDER, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    it.size = fread(it.bytes, 1, sizeof it.bytes, file);
    fclose(file);
    it.model = chw__onnx__model__unpack(NULL, it.size, it.bytes);
    assert_non_null(it.model);
}

static enum status import(const uint8_t *bytes, size_t size)
{
    const struct exchange_options options = {.name = "chd", .chosen = NULL};
    it.error.text[0] = '\0';
    return exchange_import(bytes, size, &options, &it.imported, &it.error);
}

static enum status import_changed(void)
{
    assert_true(chw__onnx__model__get_packed_size(it.model) <= FILE_MAX);
    it.size = chw__onnx__model__pack(it.model, it.bytes);
    return import(it.bytes, it.size);
}

static int reset(void **state)
{
    (void)state;
    chw__onnx__model__free_unpacked(it.model, NULL);
    chw__model__free_unpacked(it.imported, NULL);
    memset(&it, 0, sizeof it);
    return 0;
}

/* ---- changes ---- */

static Chw__Onnx__Node *node_of(const char *type)
{
    for (size_t i = 0; i < it.model->graph->n_node; i++)
        if (strcmp(it.model->graph->node[i]->op_type, type) == 0)
            return it.model->graph->node[i];
    fail_msg("no node %s", type);
    return NULL;
}

static Chw__Onnx__Attribute *attribute_of(const char *type, const char *name)
{
    Chw__Onnx__Node *node = node_of(type);
    for (size_t i = 0; i < node->n_attribute; i++)
        if (strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    fail_msg("no attribute %s", name);
    return NULL;
}

static void set_text(char **field, const char *text)
{
    free(*field);
    *field = strdup(text);
    assert_non_null(*field);
}

static const char classifier[] = "TreeEnsembleClassifier", ensemble[] = "TreeEnsemble";

static void nothing(void)
{
}
static void drop_graph(void)
{
    chw__onnx__graph__free_unpacked(it.model->graph, NULL);
    it.model->graph = NULL;
}
static void newer_opset(void)
{
    it.model->opset_import[1]->version = 99;
}
static void other_domain(void)
{
    set_text(&node_of(classifier)->domain, "com.example");
}
static void other_operator(void)
{
    set_text(&node_of(classifier)->op_type, "SVMClassifier");
}
static void other_attribute(void)
{
    set_text(&attribute_of(classifier, "nodes_hitrates")->name, "nodes_novelty");
}
static void unknown_width(void)
{
    it.model->graph->input[0]->type->tensor_type->shape->dim[1]->has_dim_value = false;
}
static void strange_elements(void)
{
    it.model->graph->input[0]->type->tensor_type->elem_type = 14;
}
static void short_list(void)
{
    attribute_of(classifier, "nodes_truenodeids")->n_ints--;
}
static void no_trees(void)
{
    attribute_of(classifier, "nodes_treeids")->n_ints = 0;
    set_text(&attribute_of(classifier, "nodes_treeids")->name, "nodes_modes");
}
static void absent_child(void)
{
    attribute_of(classifier, "nodes_truenodeids")->ints[0] = 999;
}
static void circle(void)
{
    attribute_of(classifier, "nodes_truenodeids")->ints[0] = 0;
}
static void absent_column(void)
{
    attribute_of(classifier, "nodes_featureids")->ints[0] = 3;
}
static void unknown_mode(void)
{
    attribute_of(classifier, "nodes_modes")->strings[0].data[7] = 'X';
}
static void absent_leaf(void)
{
    attribute_of(classifier, "class_nodeids")->ints[0] = -1;
}
static void probit(void)
{
    memcpy(attribute_of(classifier, "post_transform")->s.data, "PROB", 4);
}
static void fewer_bases(void)
{
    attribute_of(classifier, "base_values")->n_floats = 2;
}
static void dangling_input(void)
{
    set_text(&node_of(classifier)->input[0], "nobody");
}
static void same_name_twice(void)
{
    set_text(&node_of(classifier)->output[0], it.model->graph->input[0]->name);
}
static void dangling_output(void)
{
    set_text(&it.model->graph->output[0]->name, "nobody");
}
static void labels_only(void)
{
    set_text(&it.model->graph->output[0]->name, node_of(classifier)->output[0]);
}
static void unended_set(void)
{
    attribute_of(ensemble, "membership_values")->t->n_float_data--;
}
static void broken_category(void)
{
    attribute_of(ensemble, "membership_values")->t->float_data[0] = 1.5F;
}
static void high_category(void)
{
    attribute_of(ensemble, "membership_values")->t->float_data[0] = 255;
}
static void absent_root(void)
{
    attribute_of(ensemble, "tree_roots")->ints[0] = 2;
}
static void least(void)
{
    attribute_of(ensemble, "aggregate_function")->i = 2;
}
static void logistic_number(void)
{
    attribute_of(ensemble, "post_transform")->i = 2;
}
static void replaces_zero(void)
{
    attribute_of("Imputer", "replaced_value_float")->f = 0;
}
static void fewer_scales(void)
{
    attribute_of("Scaler", "scale")->n_floats = 0;
}
static void max_norm(void)
{
    memcpy(attribute_of("Normalizer", "norm")->s.data, "L2", 2);
}
static void joined_records(void)
{
    attribute_of("Concat", "axis")->i = 0;
}
static void other_file(void)
{
    it.model->graph->initializer[0]->has_data_location = true;
    it.model->graph->initializer[0]->data_location = 1;
}
static void weight_too_few(void)
{
    attribute_of("LinearClassifier", "coefficients")->n_floats--;
}

static const struct {
    const char *golden;
    void (*change)(void);
    const char *reason;
} refusals[] = {
    {"onnx_forest", drop_graph, "its graph is absent"},
    {"onnx_forest", newer_opset, "opset 99 of ai.onnx.ml is not supported"},
    {"onnx_forest", other_domain, "not supported, of com.example"},
    {"onnx_forest", other_operator, "(SVMClassifier): the operator is not supported"},
    {"onnx_forest", other_attribute, "attribute nodes_novelty is not supported"},
    {"onnx_forest", unknown_width, "input X: its width is not said"},
    {"onnx_forest", strange_elements, "input X: elements of type 14"},
    {"onnx_forest", short_list, "differ in length"},
    {"onnx_forest", no_trees, "it has 0 nodes"},
    {"onnx_forest", absent_child, "has no node 999"},
    {"onnx_forest", circle, "a node is reached twice"},
    {"onnx_forest", absent_column, "reads column 3 of 3"},
    {"onnx_forest", unknown_mode, "mode BRANCH_XEQ is not supported"},
    {"onnx_forest", absent_leaf, "has no node -1"},
    {"onnx_histogram", probit, "post_transform is not supported"},
    {"onnx_classes", fewer_bases, "2 base_values for 3 classes"},
    {"onnx_classes", nothing, "it has 3 classes, and which is the score is not said"},
    {"onnx_forest", dangling_input, "input 0 is not there"},
    {"onnx_forest", same_name_twice, "X: a value of this name exists"},
    {"onnx_forest", dangling_output, "output 0 is not there"},
    {"onnx_forest", labels_only, "none of its outputs is an estimator's score"},
    {"onnx_sets", unended_set, "membership_values end before node 1"},
    {"onnx_sets", broken_category, "a category of 1.5"},
    {"onnx_sets", high_category, "a category of 255"},
    {"onnx_sets", absent_root, "has child 2 of 2"},
    {"onnx_sets", least, "aggregate_function is not supported"},
    {"onnx_sets", logistic_number, "post_transform 2 of 1 targets"},
    {"onnx_pipeline", replaces_zero, "it replaces 0"},
    {"onnx_pipeline", fewer_scales, "scale has 0 numbers for 2 columns"},
    {"onnx_pipeline", max_norm, "its norm is not supported"},
    {"onnx_pipeline", joined_records, "axis 0 joins records"},
    {"onnx_pipeline", other_file, "is in another file"},
    {"onnx_pipeline", weight_too_few, "11 coefficients"},
};

static void what_is_wrong_is_refused_by_name(void **state)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        open_golden(refusals[i].golden);
        refusals[i].change();
        assert_int_not_equal(import_changed(), STATUS_OK);
        assert_null(it.imported);
        if (strstr(it.error.text, refusals[i].reason) == NULL)
            fail_msg("%zu: \"%s\" does not say \"%s\"", i, it.error.text,
                     refusals[i].reason);
        reset(state);
    }
}

static void no_part_of_a_file_is_taken_for_a_model(void **state)
{
    (void)state;
    open_golden("onnx_sets");
    for (size_t size = 0; size < it.size; size++) {
        enum status status = import(it.bytes, size);
        if (status == STATUS_OK) /* what is left out is an opset, which nothing needs */
            assert_true(size + 32 > it.size);
        else
            assert_string_not_equal(it.error.text, "");
        chw__model__free_unpacked(it.imported, NULL);
        it.imported = NULL;
    }
}

static void signature_has_names_and_types(void **state)
{
    (void)state;
    open_golden("onnx_pipeline");
    assert_int_equal(import(it.bytes, it.size), STATUS_OK);
    const Chw__Model *model = it.imported;
    assert_int_equal(model->n_features, 3);
    assert_string_equal(model->features[0]->name, "age");
    assert_string_equal(model->features[1]->name, "bmi");
    assert_int_equal(model->features[1]->missing, CHW__MISSING_POLICY__MISSING_IMPUTE);
    assert_true(model->features[1]->numeric->single);
    const Chw__Category *county = model->features[2]->category;
    assert_string_equal(model->features[2]->name, "county");
    assert_int_equal(county->n_names, 4);
    assert_string_equal(county->names[3], "Turkana");
    assert_int_equal(county->encoding, CHW__CATEGORY_ENCODING__ENCODING_ONE_HOT);
    assert_int_equal(model->linear->n_weights, 6);
    assert_string_equal(model->lineage->outcome, "class yes");
}

static void average_of_folds_is_one_part_for_each(void **state)
{
    (void)state;
    open_golden("onnx_calibrated");
    assert_int_equal(import(it.bytes, it.size), STATUS_OK);
    assert_int_equal(it.imported->parts->n_parts, 3);
    assert_int_equal(it.imported->parts->combine, CHW__PARTS__COMBINE__MEAN);
    assert_int_equal(it.imported->parts->parts[0]->link, CHW__LINK__LINK_LOGISTIC);
    assert_non_null(it.imported->parts->parts[0]->platt);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, reset)
    const struct CMUnitTest tests[] = {
        TEST(what_is_wrong_is_refused_by_name),
        TEST(no_part_of_a_file_is_taken_for_a_model),
        TEST(signature_has_names_and_types),
        TEST(average_of_folds_is_one_part_for_each),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
