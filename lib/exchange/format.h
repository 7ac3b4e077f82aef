/* SPDX-License-Identifier: Apache-2.0 */
/* format.h - what a format is to exchange_import(). Inside lib/exchange only.
 *
 * To add one: a file with its two functions, a row in the table of exchange.c, a folder
 * of inputs in tests/fuzz/corpus/exchange. */

#ifndef EXCHANGE_FORMAT_H
#define EXCHANGE_FORMAT_H

#include "exchange/exchange.h"

#include <stdbool.h>

struct exchange_format {
    const char *name;

    /* Whether the bytes claim to be of this format: a look at some of them. */
    bool (*recognise)(const uint8_t *bytes, size_t size);

    /* Fills features, estimator, link, calibration and, where a class is scored, the
     * lineage's outcome of `model`, which has format and name and which the caller frees,
     * whatever is returned. */
    enum status (*import)(const uint8_t *bytes, size_t size,
                          const struct exchange_options *options, Chw__Model *model,
                          struct error_text *error);
};

bool format_contains(const uint8_t *bytes, size_t size, const char *text);

/* The class that the options choose among `count`, two or more, by label or, where
 * `labels` is NULL, by index. STATUS_INVALID: none of them, or not said and not two. */
MUST_CHECK enum status format_choose(const struct exchange_options *options,
                                     const char *const *labels, size_t count,
                                     size_t *index, struct error_text *error);

/* Of a model without classes. */
MUST_CHECK enum status format_choose_none(const struct exchange_options *options,
                                          struct error_text *error);

#endif
