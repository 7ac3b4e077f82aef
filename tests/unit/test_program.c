/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a program survives its bytes, a bad one is refused with what and where, and each
 * probability falls into one tier.
 * Method: programs saved from a struct; bad ones packed by hand, one thing wrong in each.
 */
#include "model/program.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include "program.pb-c.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static Chw__Tier tiers[17];
static Chw__Tier *tier_list[17];
static Chw__Target target;
static Chw__Target *target_list[17];
static Chw__Program program;

/* chd by champion: low from 0, high from .5. */
static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < 17; i++) {
        chw__tier__init(&tiers[i]);
        tiers[i].from = (float)i / 16.0F;
        tier_list[i] = &tiers[i];
        target_list[i] = &target;
    }
    static char low[] = "low", high[] = "high", name[] = "chd", alias[] = "champion";
    tiers[0].name = low;
    tiers[1].name = high;
    tiers[1].from = 0.5F;
    for (size_t i = 2; i < 17; i++)
        tiers[i].name = high;
    chw__target__init(&target);
    target.name = name;
    target.alias = alias;
    target.n_tiers = 2;
    target.tiers = tier_list;
    chw__program__init(&program);
    program.format = PROGRAM_FORMAT;
    program.n_targets = 1;
    program.targets = target_list;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    build_reset();
    return 0;
}

static enum status load(struct program *out, struct error_text *error)
{
    size_t size;
    uint8_t *bytes = build_pack(&program.base, &size);
    return program_load(bytes, size, out, error);
}

static void refuse(const char *part)
{
    struct program loaded;
    struct error_text error = {{0}};
    assert_int_equal(load(&loaded, &error), STATUS_INVALID);
    if (strstr(error.text, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, part);
}

static void accept(void)
{
    struct program loaded;
    struct error_text error = {{0}};
    if (load(&loaded, &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

static void saved_program_loads_as_it_was(void **state)
{
    (void)state;
    struct program saved = {.target_count = 2}, loaded;
    program_target_init(&saved.targets[0], "chd", "champion");
    program_target_init(&saved.targets[1], "diabetes", "challenger");
    uint8_t *bytes;
    size_t size;
    assert_int_equal(program_save(&saved, &bytes, &size), STATUS_OK);
    assert_int_equal(program_load(bytes, size, &loaded, NULL), STATUS_OK);
    assert_int_equal(loaded.target_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(loaded.targets[i].name, saved.targets[i].name);
        assert_string_equal(loaded.targets[i].alias, saved.targets[i].alias);
        assert_int_equal(loaded.targets[i].tier_count, 3);
        for (size_t j = 0; j < 3; j++) {
            assert_string_equal(loaded.targets[i].tiers[j].name,
                                saved.targets[i].tiers[j].name);
            assert_true(loaded.targets[i].tiers[j].from ==
                        saved.targets[i].tiers[j].from);
        }
    }
    struct digest version = digest_sha256(bytes, size);
    assert_memory_equal(&loaded.version, &version, sizeof version);
    free(bytes);
}

static void default_tiers_are_low_moderate_high(void **state)
{
    (void)state;
    struct program_target made;
    program_target_init(&made, "chd", "champion");
    static const struct {
        float p;
        const char *tier;
    } cases[] = {
        {0.0F, "low"},          {0.049999F, "low"}, {0.05F, "moderate"},
        {0.19999F, "moderate"}, {0.20F, "high"},    {1.0F, "high"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t tier = UINT8_MAX;
        program_tiers(&made, &cases[i].p, 1, &tier);
        assert_string_equal(made.tiers[tier].name, cases[i].tier);
    }
}

static void target_is_found_by_name(void **state)
{
    (void)state;
    struct program loaded;
    assert_int_equal(load(&loaded, NULL), STATUS_OK);
    assert_ptr_equal(program_find(&loaded, "chd"), &loaded.targets[0]);
    assert_null(program_find(&loaded, "ch"));
    assert_null(program_find(&loaded, ""));
}

static void broken_bytes_are_malformed(void **state)
{
    (void)state;
    struct program loaded;
    struct error_text error = {{0}};
    assert_int_equal(program_load((const uint8_t *)"\x12\x09", 2, &loaded, &error),
                     STATUS_MALFORMED);
    assert_non_null(strstr(error.text, "not a program"));
    assert_int_equal(program_load(NULL, 0, &loaded, &error), STATUS_INVALID);
}

static void another_format_is_refused(void **state)
{
    (void)state;
    program.format = 2;
    refuse("program format 2, expected 1");
}

static void targets_are_counted_and_unique(void **state)
{
    (void)state;
    program.n_targets = 0;
    refuse("0 targets");
    program.n_targets = 17;
    refuse("17 targets");
    program.n_targets = 2;
    refuse("chd is there twice");
}

static void sixteen_targets_are_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < 16; i++) {
        target_list[i] = build_alloc(sizeof target);
        *target_list[i] = target;
        target_list[i]->name = build_alloc(8);
        snprintf(target_list[i]->name, 8, "t%zu", i);
    }
    program.n_targets = 16;
    accept();
}

static void names_are_there_and_fit(void **state)
{
    (void)state;
    char text[PROGRAM_NAME_MAX + 2] = {0};
    memset(text, 'x', PROGRAM_NAME_MAX);
    target.name = target.alias = text;
    accept();
    text[PROGRAM_NAME_MAX] = 'x';
    refuse("target 0: a name or alias is longer than 63");
    text[0] = '\0';
    refuse("it has no name");
    static char name[] = "chd";
    target.name = name;
    refuse("target 0 (chd): it has no alias");
}

static void tier_names_are_there_and_fit(void **state)
{
    (void)state;
    char text[PROGRAM_TIER_NAME_MAX + 2] = {0};
    memset(text, 'x', PROGRAM_TIER_NAME_MAX);
    tiers[1].name = text;
    accept();
    text[PROGRAM_TIER_NAME_MAX] = 'x';
    refuse("tier 1 is longer than 31");
    text[0] = '\0';
    refuse("tier 1 has no name");
}

static void tiers_are_counted(void **state)
{
    (void)state;
    target.n_tiers = 0;
    refuse("0 tiers");
    target.n_tiers = 17;
    refuse("17 tiers");
    tiers[1].from = 1.0F / 16.0F;
    target.n_tiers = 16;
    accept();
    target.n_tiers = 1;
    accept();
}

static void tiers_begin_at_zero_and_ascend(void **state)
{
    (void)state;
    tiers[0].from = 0.1F;
    refuse("does not begin at 0");
    tiers[0].from = NAN;
    refuse("does not begin at 0");
    tiers[0].from = 0.0F;
    static const float bad[] = {0.0F, -0.5F, 1.5F, NAN, INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tiers[1].from = bad[i];
        refuse("tier high begins at");
    }
    tiers[1].from = 1.0F;
    accept();
}

static void bad_program_is_not_saved(void **state)
{
    (void)state;
    struct program draft = {.target_count = 1};
    uint8_t *bytes;
    size_t size;
    char longer[PROGRAM_NAME_MAX + 2] = {0};
    memset(longer, 'x', PROGRAM_NAME_MAX + 1);
    program_target_init(&draft.targets[0], longer, "champion");
    assert_int_equal(program_save(&draft, &bytes, &size), STATUS_INVALID);
    assert_null(bytes);
    program_target_init(&draft.targets[0], "chd", "champion");
    draft.targets[0].tiers[2].from = 0.01F;
    assert_int_equal(program_save(&draft, &bytes, &size), STATUS_INVALID);
    draft.target_count = 0;
    assert_int_equal(program_save(&draft, &bytes, &size), STATUS_INVALID);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(saved_program_loads_as_it_was),  TEST(default_tiers_are_low_moderate_high),
        TEST(target_is_found_by_name),        TEST(broken_bytes_are_malformed),
        TEST(another_format_is_refused),      TEST(targets_are_counted_and_unique),
        TEST(sixteen_targets_are_accepted),   TEST(names_are_there_and_fit),
        TEST(tier_names_are_there_and_fit),   TEST(tiers_are_counted),
        TEST(tiers_begin_at_zero_and_ascend), TEST(bad_program_is_not_saved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
