/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as YAML: a tree within its bounds whose lines are in the text and whose keys
 * are found, or a sentence and no tree. */
#include "base/yaml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS_MAX = 64 };

static void require(int holds)
{
    if (!holds)
        abort();
}

static void check_kind(const struct yaml_node *node)
{
    if (node->kind == YAML_SCALAR)
        require(node->text != NULL && node->count == 0);
    else
        require(node->text == NULL);
    require((node->keys != NULL) == (node->kind == YAML_MAP && node->count > 0) ||
            node->count == 0);
}

static void check(const struct yaml_node *node, size_t line_max, size_t level)
{
    require(level <= LEVELS_MAX && node->line >= 1 && node->line <= line_max);
    check_kind(node);
    for (size_t i = 0; i < node->count; i++) {
        if (node->kind == YAML_MAP) {
            check(&node->keys[i], line_max, level + 1);
            require(yaml_find(node, node->keys[i].text) == &node->items[i]);
        }
        check(&node->items[i], line_max, level + 1);
    }
}

/* YAML's own line ends are more than one byte's worth: each byte may be one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yaml *yaml;
    struct error_text error = {""};
    if (yaml_parse((const char *)data, size, &yaml, &error) == STATUS_OK)
        check(yaml_root(yaml), size + 1, 0);
    else
        require(yaml == NULL && error.text[0] != '\0');
    yaml_free(yaml);
    return 0;
}
