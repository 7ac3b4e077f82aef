/* SPDX-License-Identifier: Apache-2.0 */
/* dictionary.h - the data dictionary: what a person says about columns, in YAML.
 *
 *      columns:
 *        visit_id: {type: id}
 *        BMI:      {type: numeric, missing: invalid}
 *        income:   {type: category, missing: indicator, unknown: missing}
 *
 * Every key is optional; what is not said is inferred from the data. */

#ifndef TRAINER_DICTIONARY_H
#define TRAINER_DICTIONARY_H

#include "base/error_text.h"

#include <stdbool.h>
#include <stddef.h>

enum dictionary_type {
    DICTIONARY_INFER,
    DICTIONARY_NUMERIC,
    DICTIONARY_CATEGORY,
    DICTIONARY_ID,   /* names a person or a row: never a feature */
    DICTIONARY_DROP, /* left out */
};

enum dictionary_missing {
    DICTIONARY_MISSING_INFER,
    DICTIONARY_MISSING_INVALID,
    DICTIONARY_MISSING_IMPUTE,
    DICTIONARY_MISSING_KEEP,      /* tree models only */
    DICTIONARY_MISSING_INDICATOR, /* categories only */
};

enum dictionary_unknown {
    DICTIONARY_UNKNOWN_INFER,
    DICTIONARY_UNKNOWN_INVALID,
    DICTIONARY_UNKNOWN_MISSING,
};

struct dictionary_column {
    char *name;
    size_t line;
    enum dictionary_type type;
    enum dictionary_missing missing;
    enum dictionary_unknown unknown;
    bool required;
};

struct dictionary {
    char *path;
    struct dictionary_column *columns;
    size_t count;
};

/* `error` names file and line: an unknown key, an unknown word, a type that does not go
 * with its policies, a column twice. */
MUST_CHECK enum status dictionary_read(const char *path, struct dictionary **out,
                                       struct error_text *error);
void dictionary_free(struct dictionary *self);

/* NULL: nothing is said about the column. `self` may be NULL. */
const struct dictionary_column *dictionary_find(const struct dictionary *self,
                                                const char *name);

/* Whether the column's policies go with what it is; `error` names file and line. */
MUST_CHECK enum status dictionary_check(const struct dictionary *self,
                                        const struct dictionary_column *column,
                                        bool numeric, struct error_text *error);

/* Whether the policies are such that a linear model can have. `self` may be NULL. */
MUST_CHECK enum status dictionary_check_linear(const struct dictionary *self,
                                               struct error_text *error);

#endif
