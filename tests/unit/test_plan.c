/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a problem means what its header says, and a plan's bytes are read as they were
 * written or refused.
 * Method: small problems whose optimum can be worked out by hand; the same inputs twice;
 * bytes of another format and with indexes that point outside. Larger ones are held
 * against another solver in tests/integration/test_optimizer.py. */
#include "optimizer/list.h"
#include "optimizer/plan.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char two_services[] =
    "resources:\n"
    "  hours: {capacity: 10, travel: true}\n"
    "  slots: {capacity: 2, scope: local, regions: {B: 1}}\n"
    "services:\n"
    "  visit:  {target: chd, tiers: [high], benefit: 1, uses: {hours: 1}}\n"
    "  review: {target: chd, tiers: [high], benefit: 3, uses: {hours: 1, slots: 1}}\n"
    "travel: {default: 1, regions: {B: 2}}\n";

struct fixture {
    struct allocation *allocation;
    struct demand demand;
    Chw__Plan *plan;
};

static void add_cell(struct demand *demand, const char *region, const char *tier,
                     int64_t people, double p)
{
    struct demand_cell *cells =
        realloc(demand->cells, (demand->count + 1) * sizeof *cells);
    assert_non_null(cells);
    demand->cells = cells;
    struct demand_cell *cell = &cells[demand->count++];
    *cell = (struct demand_cell){.period = 202611,
                                 .target = "chd",
                                 .people = people,
                                 .sum_p = (int64_t)(p * 4294967296.0) * people};
    snprintf(cell->region, sizeof cell->region, "%s", region);
    snprintf(cell->tier, sizeof cell->tier, "%s", tier);
}

static void parse(struct fixture *self, const char *text)
{
    struct error_text error = {""};
    enum status status =
        allocation_parse("a.yaml", text, strlen(text), &self->allocation, &error);
    if (status != STATUS_OK)
        fail_msg("%s", error.text);
    self->demand.period = 202611;
}

static void solve(struct fixture *self)
{
    struct error_text error = {""};
    uint8_t *bytes;
    size_t size;
    assert_int_equal(plan_make(self->allocation, &self->demand, &bytes, &size, &error),
                     STATUS_OK);
    assert_int_equal(plan_unpack(bytes, size, &self->plan, &error), STATUS_OK);
    free(bytes);
}

static int open_fixture(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return *state == NULL;
}

static int close_fixture(void **state)
{
    struct fixture *self = *state;
    plan_free(self->plan);
    demand_release(&self->demand);
    allocation_free(self->allocation);
    free(self);
    return 0;
}

static double served(const Chw__Plan *plan, const char *region, const char *service)
{
    for (size_t i = 0; i < plan->n_lines; i++)
        if (strcmp(plan->lines[i]->region, region) == 0 &&
            strcmp(plan->services[plan->lines[i]->service]->name, service) == 0)
            return plan->lines[i]->served;
    fail_msg("no line of %s and %s", region, service);
    return 0;
}

static const Chw__PlanCapacity *capacity(const Chw__Plan *plan, const char *resource,
                                         const char *region)
{
    for (size_t i = 0; i < plan->n_capacities; i++)
        if (strcmp(plan->resources[plan->capacities[i]->resource]->name, resource) == 0 &&
            strcmp(plan->capacities[i]->region, region) == 0)
            return plan->capacities[i];
    fail_msg("no capacity of %s in '%s'", resource, region);
    return NULL;
}

/* A: 2 slots to reviews, worth 1.5 an hour; then B's slot, .75 an hour by its travel;
 * the remaining 6 hours to visits in A, .5 an hour. B's visits are worth .25. */
static void scarce_hours_go_where_an_hour_is_worth_most(void **state)
{
    struct fixture *self = *state;
    parse(self, two_services);
    add_cell(&self->demand, "A", "high", 100, .5);
    add_cell(&self->demand, "B", "high", 100, .5);
    solve(self);
    assert_float_equal(served(self->plan, "A", "review"), 2, 1e-9);
    assert_float_equal(served(self->plan, "B", "review"), 1, 1e-9);
    assert_float_equal(served(self->plan, "A", "visit"), 6, 1e-9);
    assert_float_equal(served(self->plan, "B", "visit"), 0, 1e-9);
    assert_float_equal(self->plan->objective, 3 + 1.5 + 3, 1e-9);
    assert_float_equal(capacity(self->plan, "hours", "")->shadow_price, .5, 1e-9);
    assert_float_equal(capacity(self->plan, "slots", "A")->shadow_price, 1, 1e-9);
    assert_float_equal(capacity(self->plan, "slots", "B")->shadow_price, .5, 1e-9);
    assert_float_equal(capacity(self->plan, "hours", "")->used, 10, 1e-9);
    assert_int_equal(capacity(self->plan, "slots", "B")->capacity, 1);
}

static void person_gets_one_service_for_a_target(void **state)
{
    struct fixture *self = *state;
    parse(self, two_services);
    add_cell(&self->demand, "A", "high", 3, .5);
    solve(self);
    assert_float_equal(served(self->plan, "A", "review"), 2, 1e-9);
    assert_float_equal(served(self->plan, "A", "visit"), 1, 1e-9);
    assert_float_equal(capacity(self->plan, "hours", "")->shadow_price, 0, 1e-9);
}

static void tier_that_no_service_is_for_gets_nothing_and_no_line(void **state)
{
    struct fixture *self = *state;
    parse(self, two_services);
    add_cell(&self->demand, "A", "high", 3, .5);
    add_cell(&self->demand, "A", "low", 300, .01);
    solve(self);
    assert_int_equal(self->plan->n_lines, 2);
    for (size_t i = 0; i < self->plan->n_lines; i++)
        assert_string_equal(self->plan->lines[i]->tier, "high");
}

static void same_inputs_make_the_same_bytes(void **state)
{
    struct fixture *self = *state;
    uint8_t *bytes[2];
    size_t sizes[2];
    parse(self, two_services);
    add_cell(&self->demand, "A", "high", 100, .5);
    add_cell(&self->demand, "B", "high", 70, .3);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            plan_make(self->allocation, &self->demand, &bytes[i], &sizes[i], NULL),
            STATUS_OK);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
}

static void demand_for_no_service_is_named(void **state)
{
    struct fixture *self = *state;
    struct error_text error = {""};
    uint8_t *bytes;
    size_t size;
    parse(self, two_services);
    add_cell(&self->demand, "A", "low", 100, .01);
    assert_int_equal(plan_make(self->allocation, &self->demand, &bytes, &size, &error),
                     STATUS_NOT_FOUND);
    assert_non_null(strstr(error.text, "its targets are chd"));
}

/* ---- bytes ---- */

static enum status unpack(const Chw__Plan *plan, struct error_text *error)
{
    uint8_t bytes[4096];
    Chw__Plan *read;
    assert_true(chw__plan__get_packed_size(plan) <= sizeof bytes);
    enum status status = plan_unpack(bytes, chw__plan__pack(plan, bytes), &read, error);
    plan_free(read);
    return status;
}

static void plan_of_another_format_is_refused_by_number(void **state)
{
    struct fixture *self = *state;
    struct error_text error = {""};
    parse(self, two_services);
    add_cell(&self->demand, "A", "high", 3, .5);
    solve(self);
    assert_int_equal(unpack(self->plan, &error), STATUS_OK);
    self->plan->format = PLAN_FORMAT + 1;
    assert_int_equal(unpack(self->plan, &error), STATUS_MALFORMED);
    assert_non_null(strstr(error.text, "format 2"));
}

static void plan_that_points_outside_itself_is_refused(void **state)
{
    struct fixture *self = *state;
    struct error_text error = {""};
    parse(self, two_services);
    add_cell(&self->demand, "A", "high", 3, .5);
    solve(self);
    uint32_t *const indexes[] = {&self->plan->lines[0]->service,
                                 &self->plan->capacities[0]->resource};
    for (size_t i = 0; i < 2; i++) {
        uint32_t sound = *indexes[i];
        *indexes[i] = 2;
        assert_int_equal(unpack(self->plan, &error), STATUS_MALFORMED);
        *indexes[i] = sound;
    }
    self->plan->services[0]->n_uses--;
    assert_int_equal(unpack(self->plan, &error), STATUS_MALFORMED);
    self->plan->services[0]->n_uses++;
    assert_int_equal(unpack(self->plan, &error), STATUS_OK);
}

/* ---- sentences ---- */

static void list_has_whole_words_once_and_says_when_some_are_left_out(void **state)
{
    static const char *const words[] = {"chd2", "chd", "chd2", "diabetes", "chd", "ckd"};
    static const struct {
        size_t room;
        const char *list;
    } expected[] = {{40, "chd2, chd, diabetes, ckd"},
                    {30, "chd2, chd, diabetes, ckd"},
                    {29, "chd2, chd, diabetes, ..."},
                    {15, "chd2, chd, ..."},
                    {8, "..."}};
    char list[40];
    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        list[0] = '\0';
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
            list_add(list, expected[i].room, words[k]);
        assert_string_equal(list, expected[i].list);
    }
}

/* ---- the adapter ---- */

static void program_without_columns_has_an_optimum_of_nothing(void **state)
{
    struct lp lp;
    struct lp_solution solution;
    (void)state;
    assert_int_equal(lp_open(&lp, 0, 1, 0), STATUS_OK);
    lp.row_count = 1;
    assert_int_equal(lp_solve(&lp, &solution, NULL), STATUS_OK);
    assert_float_equal(solution.objective, 0, 0);
    lp_solution_release(&solution);
    lp_close(&lp);
}

static void region_has_its_own_number_or_the_one_for_all(void **state)
{
    struct fixture *self = *state;
    parse(self, "resources:\n"
                "  q: {capacity: 7, scope: local, regions: {M: 3, A: 1, Z: 9, AA: 2}}\n"
                "services:\n"
                "  s: {target: t, tiers: [x], benefit: 1, uses: {q: 1}}\n");
    static const struct {
        const char *region;
        double capacity;
    } expected[] = {{"A", 1}, {"AA", 2}, {"M", 3}, {"Z", 9},
                    {"B", 7}, {"", 7},   {"ZZ", 7}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_float_equal(allocation_number(&self->allocation->resources[0].capacity,
                                             expected[i].region),
                           expected[i].capacity, 0);
    assert_float_equal(allocation_number(&self->allocation->travel, "A"), 1, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    static const struct CMUnitTest tests[] = {
        TEST(scarce_hours_go_where_an_hour_is_worth_most),
        TEST(person_gets_one_service_for_a_target),
        TEST(tier_that_no_service_is_for_gets_nothing_and_no_line),
        TEST(same_inputs_make_the_same_bytes),
        TEST(demand_for_no_service_is_named),
        TEST(plan_of_another_format_is_refused_by_number),
        TEST(plan_that_points_outside_itself_is_refused),
        TEST(list_has_whole_words_once_and_says_when_some_are_left_out),
        TEST(program_without_columns_has_an_optimum_of_nothing),
        TEST(region_has_its_own_number_or_the_one_for_all),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
