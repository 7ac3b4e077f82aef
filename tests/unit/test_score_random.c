/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the scorer agrees to the bit with a second evaluation that knows nothing of
 * columns, and neither the order and type of the columns nor the place in the batch
 * changes a bit. Method: seeded random models; records as rows of text, scored here one
 * feature after the other, and sent twice, each time in other columns and another order.
 * A failure prints its seed (TEST_SEED). */
#include "model/model.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 400, FEATURES_MAX = 6, ROWS_MAX = 40, INPUTS_MAX = 64, SPELLINGS = 3 };

struct field {
    const char *text; /* NULL: missing */
    bool unreadable;
};

struct answer {
    float p;
    Chw__RecordFault fault;
    uint32_t feature;
};

/* What a column's cells are drawn from, each in several spellings of the same. */
static const struct flavour {
    const char *words[5][SPELLINGS];
    size_t count;
    bool numbers, small_integers, bits;
} flavours[] = {
    {{{"0", "0.0", "-0"}, {"1", "01", "1.00"}}, 2, true, true, true},
    {{{"0", "00", "0e5"},
      {"2", "+2", "2."},
      {"7", "7.0", "70e-1"},
      {"200", "2e2", "200.0"}},
     4,
     true,
     true,
     false},
    {{{"0.5", ".5", "5e-1"},
      {"-3", "-3.0", "-03"},
      {"7", "7.", "7"},
      {"0.1", "0.10", ".1"},
      {"1e30", "1E30", "1e+30"}},
     5,
     true,
     false,
     false},
    {{{"red", "red", "red"},
      {"green", "green", "green"},
      {"Red", "Red", "Red"},
      {"7", "07", "7.00"},
      {"2x", "2x", "2x"}},
     5,
     false,
     false,
     false},
};

static struct field rows[ROWS_MAX][FEATURES_MAX];
static const struct flavour *flavour_of[FEATURES_MAX];
static bool absent[FEATURES_MAX];
static uint64_t round_seed, seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(seed >> 33) % below;
}

static float draw_float(void)
{
    return ((float)draw(2001) - 1000.0F) / 128.0F;
}

/* ---- a random model ---- */

static void draw_names(Chw__Feature *feature, const struct flavour *flavour)
{
    feature->category->n_names = 0;
    feature->category->names = build_alloc(5 * sizeof(char *));
    for (size_t i = 0; i < flavour->count; i++)
        if (i == 0 || draw(4) > 0) {
            char *name = build_alloc(16);
            snprintf(name, 16, "%s", flavour->words[i][draw(SPELLINGS)]);
            feature->category->names[feature->category->n_names++] = name;
        }
    feature->category->impute = draw((uint32_t)feature->category->n_names);
    feature->category->encoding = (Chw__CategoryEncoding)draw(2);
    feature->category->unknown = (Chw__UnknownPolicy)draw(2);
}

/* Returns the number of its inputs. */
static uint32_t draw_feature(Chw__Model *model, size_t index, bool keep)
{
    char name[16];
    snprintf(name, sizeof name, "f%zu", index);
    const struct flavour *flavour = &flavours[draw(4)];
    flavour_of[index] = flavour;
    bool numeric = flavour->numbers && draw(2) == 0;
    Chw__Feature *feature =
        numeric ? build_numeric(model, name, (double)draw_float(), 0.1 + (double)draw(9))
                : build_category(model, name, "x");
    feature->missing = (Chw__MissingPolicy)draw(keep ? 3 : 2);
    if (numeric) {
        feature->numeric->impute = draw_float();
        return 1;
    }
    draw_names(feature, flavour);
    if (feature->category->encoding == CHW__CATEGORY_ENCODING__ENCODING_CODE)
        return 1;
    if (draw(3) == 0)
        feature->missing = CHW__MISSING_POLICY__MISSING_INDICATOR;
    return (uint32_t)feature->category->n_names +
           (feature->missing == CHW__MISSING_POLICY__MISSING_INDICATOR);
}

/* A full tree of random depth, its nodes in breadth-first order. */
static void draw_tree(Chw__Model *model, uint32_t input_count)
{
    uint32_t depth = draw(4), splits = (1U << depth) - 1;
    struct build_node nodes[31] = {{0}};
    for (uint32_t i = 0; i < 2 * splits + 1; i++) {
        nodes[i].threshold = draw(3) == 0 ? 0.5F : draw_float();
        if (i < splits) {
            nodes[i].input = draw(input_count);
            nodes[i].left = 2 * i + 1 + draw(2);
            nodes[i].right = 4 * i + 3 - nodes[i].left;
            nodes[i].default_left = (uint8_t)draw(2);
        }
    }
    build_tree(model, nodes, 2 * splits + 1);
}

static void draw_calibration(Chw__Model *model)
{
    uint32_t choice = draw(3);
    if (choice == 1) {
        model->calibration_case = CHW__MODEL__CALIBRATION_PLATT;
        model->platt = build_alloc(sizeof *model->platt);
        chw__platt__init(model->platt);
        model->platt->slope = (double)draw_float();
        model->platt->intercept = (double)draw_float();
    } else if (choice == 2) {
        model->calibration_case = CHW__MODEL__CALIBRATION_ISOTONIC;
        model->isotonic = build_alloc(sizeof *model->isotonic);
        chw__isotonic__init(model->isotonic);
        size_t count = 1 + draw(6);
        model->isotonic->n_x = model->isotonic->n_y = count;
        model->isotonic->x = build_alloc(count * sizeof(float));
        model->isotonic->y = build_alloc(count * sizeof(float));
        for (size_t i = 0; i < count; i++) {
            model->isotonic->x[i] = ((float)i + 0.5F) / 6.3F;
            model->isotonic->y[i] = ((float)i + (float)draw(2)) / 7.1F;
        }
    }
}

static Chw__Model *draw_model(void)
{
    bool linear = draw(2) == 0;
    Chw__Model *model =
        linear ? build_linear((double)draw_float(), NULL, 0) : build_trees(draw_float());
    size_t feature_count = 1 + draw(FEATURES_MAX);
    uint32_t input_count = 0;
    for (size_t i = 0; i < feature_count; i++)
        input_count += draw_feature(model, i, !linear);
    if (linear) {
        model->linear->n_weights = input_count;
        model->linear->weights = build_alloc(input_count * sizeof(float));
        for (size_t i = 0; i < input_count; i++)
            model->linear->weights[i] = draw_float() / 3.0F;
    } else {
        for (uint32_t left = 1 + draw(7); left > 0; left--)
            draw_tree(model, input_count);
        model->trees->aggregate = (Chw__Trees__Aggregate)draw(2);
    }
    model->link = (Chw__Link)draw(2);
    draw_calibration(model);
    return model;
}

/* ---- random records ---- */

static void draw_rows(const Chw__Model *model, uint32_t row_count)
{
    for (size_t i = 0; i < model->n_features; i++)
        absent[i] = draw(12) == 0;
    for (uint32_t row = 0; row < row_count; row++)
        for (size_t i = 0; i < model->n_features; i++) {
            const struct flavour *flavour = flavour_of[i];
            struct field *field = &rows[row][i];
            field->text = flavour->words[draw((uint32_t)flavour->count)][0];
            field->unreadable = !absent[i] && draw(20) == 0;
            if (absent[i] || draw(8) == 0)
                field->text = NULL;
        }
}

/* The place of the field's text among the flavour's words; 0 where it is missing. */
static size_t word_of(const struct flavour *flavour, const struct field *field)
{
    size_t word = 0;
    while (field->text != NULL && flavour->words[word][0] != field->text)
        word++;
    return word;
}

static void set_bit(uint8_t *bits, uint32_t row)
{
    bits[row / 8] = (uint8_t)(bits[row / 8] | 1U << row % 8);
}

/* Codes with names: each word under two of its spellings, taken in turn. */
static Chw__Column *send_named(Chw__Batch *batch, const char *name, size_t feature,
                               const uint32_t *order)
{
    const struct flavour *flavour = flavour_of[feature];
    char names[256] = "";
    uint32_t start = draw((uint32_t)flavour->count);
    for (size_t i = 0; i < 2 * flavour->count; i++) {
        size_t word = (start + i) % flavour->count;
        const char *comma = i == 0 ? "" : ",";
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", comma,
                 flavour->words[word][draw(SPELLINGS)]);
    }
    uint8_t codes[ROWS_MAX];
    for (uint32_t row = 0; row < batch->rows; row++) {
        size_t word = word_of(flavour, &rows[order[row]][feature]);
        size_t code = (word + flavour->count - start) % flavour->count;
        codes[row] = (uint8_t)(code + (row % 2) * flavour->count);
    }
    return build_codes(batch, name, codes, batch->rows, names);
}

static Chw__Column *send_numbers(Chw__Batch *batch, const char *name, size_t feature,
                                 const uint32_t *order, uint32_t type)
{
    float floats[ROWS_MAX];
    uint8_t codes[ROWS_MAX], bits[ROWS_MAX] = {0};
    for (uint32_t row = 0; row < batch->rows; row++) {
        const struct field *field = &rows[order[row]][feature];
        floats[row] = field->text == NULL ? 0.0F : strtof(field->text, NULL);
        codes[row] = type == COLUMN_FLOATS ? 0 : (uint8_t)floats[row];
        if (codes[row] == 1)
            set_bit(bits, row);
        if (field->text == NULL && draw(2) == 0)
            floats[row] = NAN; /* what a missing value holds does not matter */
    }
    if (type == COLUMN_FLOATS)
        return build_floats(batch, name, floats, batch->rows);
    if (type == COLUMN_CODES)
        return build_codes(batch, name, codes, batch->rows, NULL);
    return build_bitmap(batch, name, bits, (batch->rows + 7) / 8,
                        draw(2) == 0 ? NULL : "0.0,1");
}

static void send_column(Chw__Batch *batch, size_t feature, const uint32_t *order)
{
    const struct flavour *flavour = flavour_of[feature];
    char name[16];
    snprintf(name, sizeof name, "f%zu", feature);
    uint32_t type = draw(4);
    bool numbers = (type == COLUMN_FLOATS && flavour->numbers) ||
                   (type == COLUMN_CODES && flavour->small_integers) ||
                   (type == COLUMN_BITMAP && flavour->bits);
    Chw__Column *column = numbers ? send_numbers(batch, name, feature, order, type)
                                  : send_named(batch, name, feature, order);
    uint8_t valid[ROWS_MAX] = {0}, unreadable[ROWS_MAX] = {0};
    for (uint32_t row = 0; row < batch->rows; row++) {
        if (rows[order[row]][feature].text != NULL)
            set_bit(valid, row);
        if (rows[order[row]][feature].unreadable)
            set_bit(unreadable, row);
    }
    column->valid = build_bytes(valid, (batch->rows + 7) / 8);
    column->unreadable = build_bytes(unreadable, (batch->rows + 7) / 8);
}

/* The rows in the order given, the columns in any. */
static Chw__Batch *send_batch(size_t feature_count, uint32_t row_count,
                              const uint32_t *order)
{
    Chw__Batch *batch = build_batch(row_count);
    uint32_t start = draw((uint32_t)feature_count);
    for (size_t i = 0; i < feature_count; i++) {
        size_t feature = (start + i) % feature_count;
        if (!absent[feature])
            send_column(batch, feature, order);
    }
    return batch;
}

/* ---- the second evaluation ---- */

static bool same_category(const char *name, const char *text)
{
    char *name_end, *text_end;
    double a = strtod(name, &name_end), b = strtod(text, &text_end);
    return *name_end == '\0' && *text_end == '\0' ? a == b : strcmp(name, text) == 0;
}

static uint32_t find_category(const Chw__Category *category, const char *text)
{
    uint32_t index = 0;
    while (index < category->n_names && !same_category(category->names[index], text))
        index++;
    return index;
}

static Chw__RecordFault naive_category(const Chw__Feature *feature, const char *text,
                                       float *inputs, size_t *count)
{
    const Chw__Category *category = feature->category;
    uint32_t index = (uint32_t)category->n_names; /* missing */
    bool unknown = text != NULL && find_category(category, text) == index;
    if (unknown && category->unknown == CHW__UNKNOWN_POLICY__UNKNOWN_INVALID)
        return CHW__RECORD_FAULT__RECORD_FAULT_UNKNOWN_CATEGORY;
    if (text != NULL)
        index = find_category(category, text);
    bool missing = index == category->n_names;
    if (missing && feature->missing == CHW__MISSING_POLICY__MISSING_INVALID)
        return CHW__RECORD_FAULT__RECORD_FAULT_MISSING;
    if (missing && feature->missing == CHW__MISSING_POLICY__MISSING_IMPUTE)
        index = category->impute;
    bool keep = missing && feature->missing == CHW__MISSING_POLICY__MISSING_KEEP;
    if (category->encoding == CHW__CATEGORY_ENCODING__ENCODING_CODE) {
        inputs[(*count)++] = keep ? NAN : (float)index;
        return CHW__RECORD_FAULT__RECORD_FAULT_NONE;
    }
    for (uint32_t i = 0; i < category->n_names; i++)
        inputs[(*count)++] = keep ? NAN : i == index ? 1.0F : 0.0F;
    if (feature->missing == CHW__MISSING_POLICY__MISSING_INDICATOR)
        inputs[(*count)++] = missing ? 1.0F : 0.0F;
    return CHW__RECORD_FAULT__RECORD_FAULT_NONE;
}

static Chw__RecordFault naive_number(const Chw__Feature *feature, const char *text,
                                     float *inputs, size_t *count)
{
    double x =
        text == NULL ? (double)feature->numeric->impute : (double)strtof(text, NULL);
    if (text == NULL && feature->missing == CHW__MISSING_POLICY__MISSING_INVALID)
        return CHW__RECORD_FAULT__RECORD_FAULT_MISSING;
    bool keep = text == NULL && feature->missing == CHW__MISSING_POLICY__MISSING_KEEP;
    inputs[(*count)++] =
        keep ? NAN : (float)((x - feature->numeric->center) * feature->numeric->scale);
    return CHW__RECORD_FAULT__RECORD_FAULT_NONE;
}

static float naive_leaf(const Chw__Tree *tree, uint32_t node, const float *inputs)
{
    if (tree->left[node] == 0)
        return tree->threshold[node];
    float input = inputs[tree->input[node]];
    if (input < tree->threshold[node] ||
        (input != input && tree->default_left.data[node] == 1))
        return naive_leaf(tree, tree->left[node], inputs);
    return naive_leaf(tree, tree->right[node], inputs);
}

static double naive_margin(const Chw__Model *model, const float *inputs, size_t count)
{
    if (model->estimator_case == CHW__MODEL__ESTIMATOR_LINEAR) {
        double margin = model->linear->intercept;
        for (size_t i = 0; i < count; i++)
            if (inputs[i] != 0.0F)
                margin += (double)model->linear->weights[i] * (double)inputs[i];
        return margin;
    }
    const Chw__Trees *trees = model->trees;
    bool mean = trees->aggregate == CHW__TREES__AGGREGATE__MEAN;
    float margin = mean ? 0.0F : trees->base_margin;
    for (size_t i = 0; i < trees->n_trees; i++)
        margin += naive_leaf(trees->trees[i], 0, inputs);
    if (mean)
        margin = margin / (float)trees->n_trees + trees->base_margin;
    return (double)margin;
}

static float naive_isotonic(const Chw__Isotonic *points, float p)
{
    for (size_t i = points->n_x; i > 0; i--)
        if (points->x[i - 1] <= p) {
            if (i == points->n_x)
                return points->y[i - 1];
            double run = (double)points->x[i] - (double)points->x[i - 1];
            double rise = (double)points->y[i] - (double)points->y[i - 1];
            double part = ((double)p - (double)points->x[i - 1]) / run;
            return (float)((double)points->y[i - 1] + rise * part);
        }
    return points->y[0];
}

static float naive_probability(const Chw__Model *model, double margin)
{
    if (model->calibration_case == CHW__MODEL__CALIBRATION_PLATT)
        margin = margin * model->platt->slope + model->platt->intercept;
    float p = (float)margin;
    if (model->link == CHW__LINK__LINK_LOGISTIC)
        p = (float)(1.0 / (1.0 + exp(-margin)));
    if (model->calibration_case == CHW__MODEL__CALIBRATION_ISOTONIC)
        p = naive_isotonic(model->isotonic, p);
    return p <= 0.0F ? 0.0F : p >= 1.0F ? 1.0F : p;
}

static struct answer naive_score(const Chw__Model *model, const struct field *row)
{
    float inputs[INPUTS_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < model->n_features; i++) {
        const Chw__Feature *feature = model->features[i];
        Chw__RecordFault fault =
            row[i].unreadable ? CHW__RECORD_FAULT__RECORD_FAULT_NOT_A_NUMBER
            : feature->kind_case == CHW__FEATURE__KIND_NUMERIC
                ? naive_number(feature, row[i].text, inputs, &count)
                : naive_category(feature, row[i].text, inputs, &count);
        if (fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE)
            return (struct answer){0.0F, fault, i};
    }
    float p = naive_probability(model, naive_margin(model, inputs, count));
    return (struct answer){p, CHW__RECORD_FAULT__RECORD_FAULT_NONE, 0};
}

/* ---- the comparison ---- */

static uint32_t compared, faulty;

static void compare_row(const Chw__Model *message, const struct binding *binding,
                        uint32_t place, const struct field *row)
{
    float p;
    struct record_fault fault;
    model_score(binding, place, 1, &p, &fault);
    struct answer expected = naive_score(message, row);
    if (fault.fault != expected.fault || fault.feature != expected.feature)
        fail_msg("fault %d of feature %u, expected %d of %u: TEST_SEED=%llu",
                 (int)fault.fault, fault.feature, (int)expected.fault, expected.feature,
                 (unsigned long long)round_seed);
    if (memcmp(&p, &expected.p, sizeof p) != 0)
        fail_msg("%.9g, expected %.9g: TEST_SEED=%llu", (double)p, (double)expected.p,
                 (unsigned long long)round_seed);
    compared++;
    faulty += fault.fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE;
}

static void compare_batch(const Chw__Model *message, const struct model *model,
                          uint32_t row_count, const uint32_t *order)
{
    Chw__Batch *batch = send_batch(message->n_features, row_count, order);
    struct columns columns;
    struct binding *binding;
    struct error_text error = {{0}};
    if (columns_view(batch, &columns, &error) != STATUS_OK ||
        model_bind(model, &columns, &binding, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    for (uint32_t place = 0; place < row_count; place++)
        compare_row(message, binding, place, rows[order[place]]);
    binding_free(binding);
    columns_release(&columns);
}

static void one_round(void)
{
    Chw__Model *message = draw_model();
    uint32_t row_count = 1 + draw(ROWS_MAX), order[ROWS_MAX] = {0};
    draw_rows(message, row_count);
    size_t size;
    uint8_t *bytes = build_pack(&message->base, &size);
    struct model *model;
    struct error_text error = {{0}};
    if (model_load(bytes, size, &model, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    for (uint32_t i = 0; i < row_count; i++)
        order[i] = i;
    compare_batch(message, model, row_count, order);
    for (uint32_t i = row_count; i > 1; i--) {
        uint32_t other = draw(i), kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
    compare_batch(message, model, row_count, order);
    model_free(model);
}

static void scores_agree_with_rows_of_text(void **state)
{
    (void)state;
    const char *given = getenv("TEST_SEED");
    uint64_t first = given != NULL ? strtoull(given, NULL, 10) : 1;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        round_seed = seed = first + round;
        one_round();
        build_reset();
    }
    print_message("%u records compared, %u of them with a fault\n", compared, faulty);
    assert_true(compared > 5000 && faulty > compared / 10 && faulty < compared / 10 * 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(scores_agree_with_rows_of_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
