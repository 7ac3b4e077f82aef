/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: each option takes its value from the strongest source that gives one, and a value
 * that is none, a key that is none, a flag that is none end in a sentence with its
 * source. Method: one small table of keys of every type; config_read with argv and
 * environment as lists, files in a folder of the test; config_load with its streams
 * caught. */

#include "base/config.h"
#include "tests/lib/test.h"
#include "tests/unit/folder_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { ARGS_MAX = 32 };

struct options {
    char *config, *front, *output;
    uint64_t lease_ms, threads;
    double rate;
    bool insecure;
    struct config_list drop;
};

#define FIELD(name) offsetof(struct options, name)
static const struct config_key keys[] = {
    {"config", CONFIG_TEXT, FIELD(config), NULL, 0, 0, "FILE", "more options"},
    {"front", CONFIG_TEXT, FIELD(front), "ipc://front", 0, 0, "ENDPOINT", "clients' end"},
    {"output", CONFIG_TEXT, FIELD(output), NULL, 0, 0, "FILE", "results"},
    {"lease-ms", CONFIG_COUNT, FIELD(lease_ms), "10000", 100, 20000, "MS", "the lease"},
    {"threads", CONFIG_COUNT, FIELD(threads), NULL, 0, 0, "N", "how many"},
    {"rate", CONFIG_REAL, FIELD(rate), "0.5", 0, 0, "P", "a share"},
    {"insecure", CONFIG_FLAG, FIELD(insecure), NULL, 0, 0, NULL, "allow it"},
    {"drop", CONFIG_LIST, FIELD(drop), "id", 0, 0, "COLUMN", "leave it out"},
};
static const struct config_spec spec = {
    .program = "chw test",
    .summary = "Tests options.",
    .operands = "FILE",
    .operands_min = 1,
    .operands_max = 2,
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .notes = "Exit codes: many.",
};
static const struct config_spec bare = {
    /* no --config, no operands */
    .program = "chw bare",
    .summary = "Less.",
    .keys = keys + 1,
    .key_count = 4,
};

static struct error_text error;
static struct options options;
static struct config_list operands;
static char *no_variables[] = {NULL};

/* A list of arguments from one text, parted by spaces. */
static int split(const char *text, char **args)
{
    static char copy[1024];
    int count = 0;
    snprintf(copy, sizeof copy, "chw %s", text);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(count + 1 < ARGS_MAX);
        args[count++] = word;
    }
    args[count] = NULL;
    return count;
}

static enum status read_spec(const struct config_spec *which, const char *text,
                             char *const *environment)
{
    static char *args[ARGS_MAX];
    int count = split(text, args);
    config_free(&spec, &options, &operands); /* all the keys there are */
    memset(&options, 0, sizeof options);
    error.text[0] = '\0';
    return config_read(which, count, args, environment, &options, &operands, &error);
}

static void accept(const char *text, char *const *environment)
{
    if (read_spec(&spec, text, environment) != STATUS_OK)
        fail_msg("%s: %s", text, error.text);
}

static void refuse(const char *text, char *const *environment, const char *sentence)
{
    enum status status = read_spec(&spec, text, environment);
    if (status != STATUS_INVALID)
        fail_msg("%s: %s", text, status_text(status));
    assert_says(&error, sentence);
}

/* With a file of these lines. */
static void refuse_file(struct folder_fixture *folder, const char *lines,
                        const char *sentence)
{
    char text[256];
    snprintf(text, sizeof text, "x --config %s",
             folder_write_text(folder, "c.yaml", lines));
    refuse(text, no_variables, sentence);
}

static void accept_file(struct folder_fixture *folder, const char *lines)
{
    char text[256];
    snprintf(text, sizeof text, "x --config %s",
             folder_write_text(folder, "c.yaml", lines));
    accept(text, no_variables);
}

static int close_options(void **state)
{
    config_free(&spec, &options, &operands);
    return folder_fixture_close(state);
}

/* ---- values ---- */

static void defaults_hold_where_nothing_is_said(void **state)
{
    (void)state;
    accept("x.csv", no_variables);
    assert_null(options.config);
    assert_null(options.output);
    assert_string_equal(options.front, "ipc://front");
    assert_int_equal(options.lease_ms, 10000);
    assert_int_equal(options.threads, 0);
    assert_true(options.rate == 0.5);
    assert_false(options.insecure);
    assert_int_equal(options.drop.count, 1);
    assert_string_equal(options.drop.items[0], "id");
    assert_int_equal(operands.count, 1);
    assert_string_equal(operands.items[0], "x.csv");
}

static void flags_come_in_every_usual_form(void **state)
{
    (void)state;
    accept("a --front=tcp://h --lease-ms 100 b --insecure -o out.csv --rate -1e-3 "
           "--drop x --drop y --threads 18446744073709551615",
           no_variables);
    assert_string_equal(options.front, "tcp://h");
    assert_string_equal(options.output, "out.csv");
    assert_int_equal(options.lease_ms, 100);
    assert_int_equal(options.threads, UINT64_MAX);
    assert_true(options.rate == -1e-3);
    assert_true(options.insecure);
    assert_int_equal(options.drop.count, 2);
    assert_string_equal(options.drop.items[0], "x");
    assert_string_equal(options.drop.items[1], "y");
    assert_int_equal(operands.count, 2);
    assert_string_equal(operands.items[0], "a");
    assert_string_equal(operands.items[1], "b");
}

static void after_two_dashes_all_are_operands(void **state)
{
    (void)state;
    accept("-- --lease-ms -o", no_variables);
    assert_int_equal(operands.count, 2);
    assert_string_equal(operands.items[0], "--lease-ms");
}

static void last_flag_of_one_name_wins(void **state)
{
    (void)state;
    accept("x --lease-ms 200 --front a --lease-ms 300 --front b", no_variables);
    assert_int_equal(options.lease_ms, 300);
    assert_string_equal(options.front, "b");
}

static void file_gives_values_of_every_type(void **state)
{
    accept_file(*state, "front: tcp://h\nlease-ms: 100\nrate: 0.25\ninsecure: yes\n"
                        "drop: [a, b]\noutput: o\n");
    assert_string_equal(options.front, "tcp://h");
    assert_string_equal(options.output, "o");
    assert_int_equal(options.lease_ms, 100);
    assert_true(options.rate == 0.25);
    assert_true(options.insecure);
    assert_int_equal(options.drop.count, 2);
    assert_string_equal(options.drop.items[1], "b");
}

static void list_in_a_file_may_be_one_value_or_none(void **state)
{
    accept_file(*state, "drop: only\n");
    assert_int_equal(options.drop.count, 1);
    assert_string_equal(options.drop.items[0], "only");
    accept_file(*state, "drop: []\n");
    assert_int_equal(options.drop.count, 0);
    accept_file(*state, "");
    assert_int_equal(options.drop.count, 1);
}

static void truth_has_six_words(void **state)
{
    static const struct {
        const char *line;
        bool value;
    } words[] = {{"insecure: true", true}, {"insecure: false", false},
                 {"insecure: yes", true},  {"insecure: no", false},
                 {"insecure: 1", true},    {"insecure: 0", false}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        accept_file(*state, words[i].line);
        assert_int_equal(options.insecure, words[i].value);
    }
}

/* ---- who wins ---- */

static void flag_beats_variable_beats_file_beats_default(void **state)
{
    struct folder_fixture *folder = *state;
    char text[256], *variables[] = {"CHW_LEASE_MS=300",
                                    "CHW_FRONT=variable",
                                    "CHW_DROP=variable",
                                    "CHW_INSECURE=false",
                                    "PATH=/",
                                    NULL};
    folder_write_text(folder, "c.yaml",
                      "lease-ms: 400\nfront: file\nrate: 0.125\n"
                      "drop: [f, g]\ninsecure: true\n");
    snprintf(text, sizeof text, "x --lease-ms 200 --config %s", folder->file);
    accept(text, variables);
    assert_int_equal(options.lease_ms, 200);
    assert_string_equal(options.front, "variable");
    assert_true(options.rate == 0.125);
    assert_int_equal(options.threads, 0);
    assert_false(options.insecure);
    assert_int_equal(options.drop.count, 1); /* replaced, not appended to */
    assert_string_equal(options.drop.items[0], "variable");

    snprintf(text, sizeof text, "x --config=%s --drop p --drop q", folder->file);
    accept(text, variables);
    assert_int_equal(options.drop.count, 2);
    assert_string_equal(options.drop.items[0], "p");
}

static void variable_may_name_the_file_and_a_flag_another(void **state)
{
    struct folder_fixture *folder = *state;
    char text[256], variable[160], *variables[] = {variable, NULL};
    snprintf(variable, sizeof variable, "CHW_CONFIG=%s",
             folder_write_text(folder, "one.yaml", "lease-ms: 111\n"));
    accept("x", variables);
    assert_int_equal(options.lease_ms, 111);
    snprintf(text, sizeof text, "x --config %s",
             folder_write_text(folder, "two.yaml", "front: two\n"));
    accept(text, variables);
    assert_int_equal(options.lease_ms, 10000); /* the other file is not read */
    assert_string_equal(options.front, "two");
}

static void program_without_a_config_key_reads_no_file(void **state)
{
    (void)state;
    char *variables[] = {"CHW_CONFIG=/nonexistent", NULL};
    assert_int_equal(read_spec(&bare, "", variables), STATUS_OK);
    assert_int_equal(read_spec(&bare, "--config x", no_variables), STATUS_INVALID);
}

/* ---- refusals ---- */

static void count_must_be_whole_and_in_range(void **state)
{
    (void)state;
    static const char *const bad[] = {"99",    "20001", "-100",
                                      "+100",  "1e3",   "100.0",
                                      "0x100", "100ms", "18446744073709551716"};
    char text[64], *variables[] = {"CHW_LEASE_MS= 200", NULL};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "x --lease-ms=%s", bad[i]);
        refuse(text, no_variables,
               "--lease-ms: lease-ms must be a whole number from 100 to 20000");
    }
    refuse("x --lease-ms=", no_variables, "whole number");
    refuse("x", variables, "CHW_LEASE_MS: lease-ms must be");
    refuse("x --threads -1", no_variables, "threads must be a whole number");
    refuse("x --threads 18446744073709551616", no_variables, "must be a whole number");
    accept("x --lease-ms=20000", no_variables);
}

static void real_must_be_a_finite_number(void **state)
{
    (void)state;
    static const char *const bad[] = {"x", "nan", "inf", "1e999", "1,5", "1x", ""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "x --rate=%s", bad[i]);
        refuse(text, no_variables, "--rate: rate must be a number");
    }
}

static void unknown_key_names_file_and_line(void **state)
{
    refuse_file(*state, "front: x\n\nlease_ms: 5\n",
                "c.yaml: line 3: unknown key 'lease_ms'; `chw test --help`");
    refuse_file(*state, "config: other.yaml\n", "line 1: unknown key 'config'");
    refuse_file(*state, "Front: x\n", "line 1: unknown key 'Front'");
}

static void bad_value_in_a_file_names_file_and_line(void **state)
{
    refuse_file(*state, "front: x\nlease-ms: 5\n",
                "c.yaml: line 2: lease-ms must be a whole number from 100 to 20000");
    refuse_file(*state, "lease-ms:\n", "line 1: lease-ms must be a whole number");
    refuse_file(*state, "insecure: maybe\n", "line 1: insecure must be true or false");
    refuse_file(*state, "front: [a]\n", "line 1: front must be one value");
    refuse_file(*state, "drop: {a: b}\n", "line 1: drop must be a list");
    refuse_file(*state, "drop: [a, [b]]\n", "line 1: drop must be a list of texts");
    refuse_file(*state, "- front\n", "c.yaml: expected `key: value` lines");
}

static void file_that_cannot_be_read_is_no_silent_default(void **state)
{
    struct folder_fixture *folder = *state;
    char text[256];
    snprintf(text, sizeof text, "x --config %s", folder_path(folder, "none"));
    assert_int_equal(read_spec(&spec, text, no_variables), STATUS_NOT_FOUND);
    assert_says(&error, "none: No such file");
    snprintf(text, sizeof text, "x --config %s",
             folder_write_text(folder, "c.yaml", "a: [\n"));
    assert_int_equal(read_spec(&spec, text, no_variables), STATUS_MALFORMED);
    assert_says(&error, "c.yaml: line ");
}

static void flag_that_is_none_or_lacks_its_value_is_refused(void **state)
{
    (void)state;
    refuse("x --colour", no_variables,
           "--colour is not an option; try `chw test --help`");
    refuse("x -q", no_variables, "is not an option");
    refuse("x --front", no_variables, "--front needs a value");
    refuse("x -o", no_variables, "-o needs a value");
    refuse("x --insecure=yes", no_variables, "--insecure=yes");
    assert_int_equal(read_spec(&bare, "--rate 1", no_variables), STATUS_INVALID);
}

static void operands_are_counted(void **state)
{
    (void)state;
    refuse("", no_variables, "expected FILE; try `chw test --help`");
    refuse("a b c", no_variables, "'c' is one argument too many");
    assert_int_equal(read_spec(&bare, "a", no_variables), STATUS_INVALID);
    assert_says(&error, "'a' is one argument too many");
}

/* ---- help and exit codes ---- */

static void help_is_served_before_anything_is_checked(void **state)
{
    (void)state;
    char *variables[] = {"CHW_LEASE_MS=wrong", "CHW_CONFIG=/nonexistent", NULL};
    assert_int_equal(read_spec(&spec, "--help", variables), STATUS_END);
    assert_int_equal(read_spec(&spec, "-h", no_variables), STATUS_END);
    assert_int_equal(read_spec(&spec, "a b c d --lease-ms x -h", variables), STATUS_END);
    assert_int_equal(read_spec(&bare, "--help", variables), STATUS_END);
}

/* Run config_load with one stream going to a file of the folder; its text. */
static const char *load(struct folder_fixture *folder, FILE *stream, const char *text,
                        int *exit_code)
{
    static char caught[4096], *args[ARGS_MAX];
    int count = split(text, args), fd = fileno(stream), kept = dup(fd);
    struct options loaded = {0};
    fflush(stream);
    assert_non_null(freopen(folder_path(folder, "caught"), "w", stream));
    bool going_on = config_load(&spec, count, args, &loaded, &operands, exit_code);
    fflush(stream);
    dup2(kept, fd);
    close(kept);
    FILE *file = fopen(folder->file, "r");
    caught[fread(caught, 1, sizeof caught - 1, file)] = '\0';
    fclose(file);
    if (going_on)
        *exit_code = -1;
    config_free(&spec, &loaded, NULL);
    return caught;
}

static void help_names_every_key_its_argument_and_its_default(void **state)
{
    int code = 99;
    const char *help = load(*state, stdout, "--help", &code);
    assert_int_equal(code, EX_OK);
    static const char *const parts[] = {
        "usage: chw test [OPTION]... FILE\nTests options.\n",
        "--front ENDPOINT",
        "clients' end [ipc://front]\n",
        "--output, -o FILE",
        "--lease-ms MS",
        "the lease [10000]\n",
        "--insecure ",
        "(may be repeated) [id]",
        "--help, -h",
        "CHW_NAME",
        "--config file",
        "\nExit codes: many.\n"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strstr(help, parts[i]) == NULL)
            fail_msg("no '%s' in:\n%s", parts[i], help);
}

static void mistakes_end_in_a_sentence_and_an_exit_code(void **state)
{
    int code = 99;
    const char *said = load(*state, stderr, "x --lease-ms 1", &code);
    assert_int_equal(code, EX_USAGE);
    assert_string_equal(said, "chw test: --lease-ms: lease-ms must be a whole number "
                              "from 100 to 20000\n");
    said = load(*state, stderr, "x --config /nonexistent", &code);
    assert_int_equal(code, EX_CONFIG);
    assert_non_null(strstr(said, "chw test: /nonexistent: No such file"));
    said = load(*state, stderr, "x", &code);
    assert_int_equal(code, -1);
    assert_string_equal(said, "");
}

int main(void)
{
#define TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, folder_fixture_open, close_options)
    const struct CMUnitTest tests[] = {
        TEST(defaults_hold_where_nothing_is_said),
        TEST(flags_come_in_every_usual_form),
        TEST(after_two_dashes_all_are_operands),
        TEST(last_flag_of_one_name_wins),
        TEST(file_gives_values_of_every_type),
        TEST(list_in_a_file_may_be_one_value_or_none),
        TEST(truth_has_six_words),
        TEST(flag_beats_variable_beats_file_beats_default),
        TEST(variable_may_name_the_file_and_a_flag_another),
        TEST(program_without_a_config_key_reads_no_file),
        TEST(count_must_be_whole_and_in_range),
        TEST(real_must_be_a_finite_number),
        TEST(unknown_key_names_file_and_line),
        TEST(bad_value_in_a_file_names_file_and_line),
        TEST(file_that_cannot_be_read_is_no_silent_default),
        TEST(flag_that_is_none_or_lacks_its_value_is_refused),
        TEST(operands_are_counted),
        TEST(help_is_served_before_anything_is_checked),
        TEST(help_names_every_key_its_argument_and_its_default),
        TEST(mistakes_end_in_a_sentence_and_an_exit_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
