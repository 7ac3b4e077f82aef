/* SPDX-License-Identifier: Apache-2.0 */
/* results.h - from answers per batch back to a row per input row, in input order.
 *
 *      row,region,status,chd_probability,chd_tier,chd_version,...
 *
 * and with factors, behind the version of each target:
 *
 *      chd_base,chd_factor1,chd_contribution1,chd_factor2,...
 *
 * `status` is "ok", "invalid: COLUMN: what", "invalid: why the batch is" or "dead: why".
 * The other cells are empty unless it is "ok"; a factor's, too, where no feature
 * contributed any more, or the model gives none. */

#ifndef CLIENT_RESULTS_H
#define CLIENT_RESULTS_H

#include "base/error_text.h"
#include "client/chw.h"

#include <stddef.h>
#include <stdint.h>

struct results;

/* `factors`: as many as were asked for. NULL: out of memory. */
struct results *results_new(const char *region_column, size_t factors);
void results_free(struct results *self);

/* Where the rows went, in input order. Row numbers are counted from 1. */
MUST_CHECK enum status results_place(struct results *self, uint64_t row,
                                     uint64_t sequence);
MUST_CHECK enum status results_refuse(struct results *self,
                                      uint64_t row); /* its region */

/* Batch `sequence`, from 1 upwards, is of this region. */
MUST_CHECK enum status results_batch(struct results *self, uint64_t sequence,
                                     const char *region);

/* An answer names its targets, so that the header has them in order of first appearance.
 */
MUST_CHECK enum status results_note(struct results *self,
                                    const struct chw_result *result);

struct results_version {
    char target[64];
    uint8_t version[32];
    uint64_t rows;
    bool explains, in_log_odds;
    char unexplained[160]; /* why it does not; "" where none was asked to */
};

struct results_summary {
    uint64_t rows, ok, invalid, dead;
    struct results_version versions[64]; /* more are not listed */
    size_t version_count;
};

/* Write path.part from the answers in the client's journal, sync it, rename it over
 * `path`. */
MUST_CHECK enum status results_write(struct results *self, struct chw_client *client,
                                     const char *path, struct results_summary *summary,
                                     struct error_text *error);

#endif
