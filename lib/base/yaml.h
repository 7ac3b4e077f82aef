/* SPDX-License-Identifier: Apache-2.0 */
/* yaml.h - a YAML document as a tree that knows its lines: the one home of libyaml.
 *
 * Bounded: at most 1 MiB of text, 64 levels and 10,000 keys of a map. Aliases and anchors
 * are refused (a configuration needs none, and they let a small file grow without bound),
 * and so are two equal keys of a map, keys that are no scalars and a second document. */

#ifndef BASE_YAML_H
#define BASE_YAML_H

#include "base/error_text.h"

#include <stddef.h>

struct yaml; /* the document; owns every node */

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    size_t line;                   /* from 1 */
    const char *text;              /* of a scalar, else NULL */
    size_t count;                  /* items of a list, pairs of a map */
    const struct yaml_node *keys;  /* count scalars of a map, else NULL */
    const struct yaml_node *items; /* count values of a list or map */
};

/* STATUS_MALFORMED: `error` names the line; STATUS_FULL: too large. *out is then NULL. An
 * empty file is an empty map. */
MUST_CHECK enum status yaml_parse(const char *text, size_t size, struct yaml **out,
                                  struct error_text *error);
/* Also STATUS_NOT_FOUND and STATUS_IO; `error` names the file. */
MUST_CHECK enum status yaml_read(const char *path, struct yaml **out, struct error_text *error);
void yaml_free(struct yaml *self);

const struct yaml_node *yaml_root(const struct yaml *self);

/* The value of a key of a map, or NULL. */
const struct yaml_node *yaml_find(const struct yaml_node *map, const char *key);

#endif
