/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a YAML text becomes the tree a person meant, each node with its line; what could
 * grow without bound or mean two things is refused with its line.
 * Method: small texts, each with one trait; limits met exactly and passed by one. */

#include "base/yaml.h"
#include "tests/lib/test.h"
#include "tests/unit/folder_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS_MAX = 64, KEYS_MAX = 10000, TEXT_MAX = 1 << 20 };

static struct error_text error;

static struct yaml *parse(const char *text)
{
    struct yaml *yaml = NULL;
    if (yaml_parse(text, strlen(text), &yaml, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return yaml;
}

static void refuse_bytes(const char *text, size_t size, const char *sentence)
{
    struct yaml *yaml = (struct yaml *)&error; /* must be overwritten */
    assert_int_equal(yaml_parse(text, size, &yaml, &error), STATUS_MALFORMED);
    assert_null(yaml);
    assert_says(&error, sentence);
}

static void refuse(const char *text, const char *sentence)
{
    refuse_bytes(text, strlen(text), sentence);
}

static void expect_scalar(const struct yaml_node *node, const char *text, size_t line)
{
    assert_non_null(node);
    assert_int_equal(node->kind, YAML_SCALAR);
    assert_string_equal(node->text, text);
    assert_int_equal(node->line, line);
    assert_int_equal(node->count, 0);
    assert_null(node->keys);
    assert_null(node->items);
}

/* ---- trees ---- */

static void tree_has_every_node_with_its_line(void **state)
{
    (void)state;
    struct yaml *yaml = parse("# comment\n"
                              "front: ipc://x\n"
                              "\n"
                              "targets:\n"
                              "  - chd\n"
                              "  - {name: diabetes, tiers: [0.1, 0.2]}\n"
                              "last: 'it''s'\n");
    const struct yaml_node *root = yaml_root(yaml);
    assert_int_equal(root->kind, YAML_MAP);
    assert_int_equal(root->count, 3);
    assert_null(root->text);
    expect_scalar(&root->keys[0], "front", 2);
    expect_scalar(&root->items[0], "ipc://x", 2);
    expect_scalar(&root->keys[1], "targets", 4);
    expect_scalar(yaml_find(root, "last"), "it's", 7);

    const struct yaml_node *targets = yaml_find(root, "targets");
    assert_int_equal(targets->kind, YAML_LIST);
    assert_int_equal(targets->count, 2);
    assert_int_equal(targets->line, 5);
    assert_null(targets->keys);
    expect_scalar(&targets->items[0], "chd", 5);
    const struct yaml_node *tiers = yaml_find(&targets->items[1], "tiers");
    assert_int_equal(tiers->count, 2);
    expect_scalar(&tiers->items[1], "0.2", 6);
    yaml_free(yaml);
}

static void order_of_keys_is_kept_and_only_given_keys_are_found(void **state)
{
    (void)state;
    struct yaml *yaml = parse("b: 1\na: 2\nlist: [b]\n");
    const struct yaml_node *root = yaml_root(yaml);
    expect_scalar(&root->keys[0], "b", 1);
    expect_scalar(&root->keys[1], "a", 2);
    assert_null(yaml_find(root, "c"));
    assert_null(yaml_find(root, "B"));
    assert_null(yaml_find(yaml_find(root, "list"), "b"));
    assert_null(yaml_find(yaml_find(root, "a"), "b"));
    assert_null(yaml_find(NULL, "b"));
    yaml_free(yaml);
}

static void nothing_is_an_empty_map(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n", "# only a comment\n", "---\n...\n"};
    for (size_t i = 0; i < 3; i++) {
        struct yaml *yaml = parse(texts[i]);
        assert_int_equal(yaml_root(yaml)->kind, YAML_MAP);
        assert_int_equal(yaml_root(yaml)->count, 0);
        assert_int_equal(yaml_root(yaml)->line, 1);
        yaml_free(yaml);
    }
    struct yaml *yaml = parse(texts[3]); /* a document with one empty scalar */
    expect_scalar(yaml_root(yaml), "", 2);
    yaml_free(yaml);
    yaml_free(NULL);
}

static void scalar_or_list_may_be_the_whole(void **state)
{
    (void)state;
    struct yaml *yaml = parse("just words\n");
    expect_scalar(yaml_root(yaml), "just words", 1);
    yaml_free(yaml);
    yaml = parse("- a\n- b\n");
    assert_int_equal(yaml_root(yaml)->kind, YAML_LIST);
    assert_int_equal(yaml_root(yaml)->count, 2);
    yaml_free(yaml);
}

static void empty_collections_and_values_are_kept(void **state)
{
    (void)state;
    struct yaml *yaml = parse("list: []\nmap: {}\nvalue:\n");
    const struct yaml_node *root = yaml_root(yaml);
    assert_int_equal(yaml_find(root, "list")->kind, YAML_LIST);
    assert_int_equal(yaml_find(root, "list")->count, 0);
    assert_int_equal(yaml_find(root, "map")->kind, YAML_MAP);
    assert_int_equal(yaml_find(root, "map")->count, 0);
    assert_string_equal(yaml_find(root, "value")->text, "");
    yaml_free(yaml);
}

/* ---- refusals ---- */

static void anchors_and_aliases_are_refused_with_their_line(void **state)
{
    (void)state;
    refuse("a: 1\nb: &x 2\n", "line 2: anchors are not allowed here");
    refuse("a: &x [1]\n", "line 1: anchors are not allowed here");
    refuse("a: &x {b: 1}\n", "line 1: anchors are not allowed here");
    refuse("a: 1\n\nb: *x\n", "line 3: aliases are not allowed here");
    refuse("<<: *x\n", "line 1: aliases are not allowed here");
}

static void second_document_is_refused(void **state)
{
    (void)state;
    refuse("a: 1\n---\nb: 2\n", "line 2: a second document");
}

static void key_given_twice_is_refused_with_both_lines(void **state)
{
    (void)state;
    refuse("lease: 1\nother: 2\nlease: 3\n",
           "line 3: the key 'lease' was given before, on line 1");
    refuse("a:\n  b: 1\n  'b': 2\n", "line 3: the key 'b' was given before, on line 2");
    yaml_free(parse("a: {x: 1}\nb: {x: 1}\n")); /* not of the same map */
}

static void key_must_be_a_scalar(void **state)
{
    (void)state;
    refuse("a: 1\n[x, y]: 2\n", "line 2: a key must be one word or text");
    refuse("{x: 1}: 2\n", "line 1: a key must be one word or text");
}

static void bad_syntax_is_refused_with_its_line(void **state)
{
    (void)state;
    refuse("a: 1\nb: [1, 2\nc: 3\n", "line 3: ");
    refuse("a: 1\n  b: 2\n", "line 2: ");
    refuse("a: 'x\n\n", "line ");
    refuse("\ta: 1\n", "line 1: ");
    refuse("a: 1\nb: %x\n", "line 2: ");
}

static void bytes_that_are_no_text_are_refused_with_their_line(void **state)
{
    (void)state;
    static const char nul[] = "a: 1\nb: x\0y\n", escaped[] = "a: 1\nb: \"x\\0y\"\n";
    refuse("a: 1\nb: 2\nc: \xff\n", "line 3: ");
    refuse_bytes(nul, sizeof nul - 1, "line 2: ");
    refuse_bytes(escaped, sizeof escaped - 1, "line 2: a NUL byte inside a text");
}

static char *nested(char open, char close, int levels)
{
    static char text[4 * LEVELS_MAX];
    memset(text, open, (size_t)levels);
    memset(text + levels, close, (size_t)levels);
    text[2 * levels] = '\0';
    return text;
}

static void depth_ends_at_64_levels(void **state)
{
    (void)state;
    yaml_free(parse(nested('[', ']', LEVELS_MAX)));
    refuse(nested('[', ']', LEVELS_MAX + 1), "line 1: more than 64 levels");
    refuse(nested('{', '}', LEVELS_MAX + 1), "line 1: ");
    refuse(nested('[', '[', 2 * LEVELS_MAX - 1), "more than 64 levels");
}

static void map_ends_at_10000_keys(void **state)
{
    (void)state;
    static char text[(KEYS_MAX + 1) * 10];
    size_t size = 0, last = 0;
    for (int i = 0; i <= KEYS_MAX; i++) {
        last = size;
        size += (size_t)sprintf(text + size, "k%d: 1\n", i);
    }
    struct yaml *yaml = NULL;
    assert_int_equal(yaml_parse(text, last, &yaml, &error), STATUS_OK);
    assert_int_equal(yaml_root(yaml)->count, KEYS_MAX);
    yaml_free(yaml);
    refuse_bytes(text, size, "line 10001: more than 10,000 keys");
}

static void text_ends_at_one_mebibyte(void **state)
{
    struct folder_fixture *folder = *state;
    static char text[TEXT_MAX + 1];
    struct yaml *yaml = NULL;
    memset(text, ' ', sizeof text);
    memcpy(text, "a: 1\n#", 6);
    assert_int_equal(yaml_parse(text, TEXT_MAX, &yaml, &error), STATUS_OK);
    yaml_free(yaml);
    assert_int_equal(yaml_parse(text, TEXT_MAX + 1, &yaml, &error), STATUS_FULL);
    assert_null(yaml);
    assert_says(&error, "larger than 1048576 bytes");
    const char *path = folder_write(folder, "big.yaml", text, sizeof text);
    assert_int_equal(yaml_read(path, &yaml, &error), STATUS_FULL);
    assert_says(&error, "big.yaml: larger than");
}

/* ---- files ---- */

static void sentence_names_the_file(void **state)
{
    struct folder_fixture *folder = *state;
    struct yaml *yaml = (struct yaml *)&error;
    const char *path = folder_write_text(folder, "x.yaml", "a: 1\na: 2\n");
    assert_int_equal(yaml_read(path, &yaml, &error), STATUS_MALFORMED);
    assert_null(yaml);
    assert_says(&error, "x.yaml: line 2: the key 'a' was given before, on line 1");
    yaml = (struct yaml *)&error;
    path = folder_path(folder, "none.yaml");
    assert_int_equal(yaml_read(path, &yaml, &error), STATUS_NOT_FOUND);
    assert_null(yaml);
    assert_says(&error, "none.yaml: No such file");
    assert_int_equal(yaml_read(folder->path, &yaml, &error), STATUS_IO);
    assert_says(&error, "Is a directory");
}

static void file_is_read(void **state)
{
    struct yaml *yaml = NULL;
    const char *path = folder_write_text(*state, "x.yaml",
                                         "\xef\xbb\xbf"
                                         "a: 1\r\nb: 2\r\n");
    assert_int_equal(yaml_read(path, &yaml, NULL), STATUS_OK);
    expect_scalar(yaml_find(yaml_root(yaml), "a"), "1", 1);
    expect_scalar(yaml_find(yaml_root(yaml), "b"), "2", 2);
    yaml_free(yaml);
}

int main(void)
{
#define TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, folder_fixture_open, folder_fixture_close)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_has_every_node_with_its_line),
        cmocka_unit_test(order_of_keys_is_kept_and_only_given_keys_are_found),
        cmocka_unit_test(nothing_is_an_empty_map),
        cmocka_unit_test(scalar_or_list_may_be_the_whole),
        cmocka_unit_test(empty_collections_and_values_are_kept),
        cmocka_unit_test(anchors_and_aliases_are_refused_with_their_line),
        cmocka_unit_test(second_document_is_refused),
        cmocka_unit_test(key_given_twice_is_refused_with_both_lines),
        cmocka_unit_test(key_must_be_a_scalar),
        cmocka_unit_test(bad_syntax_is_refused_with_its_line),
        cmocka_unit_test(bytes_that_are_no_text_are_refused_with_their_line),
        cmocka_unit_test(depth_ends_at_64_levels),
        cmocka_unit_test(map_ends_at_10000_keys),
        TEST(text_ends_at_one_mebibyte),
        TEST(sentence_names_the_file),
        TEST(file_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
