/* SPDX-License-Identifier: Apache-2.0 */
/* references.h - what each batch's probabilities must be, to the bit, under each version
 * of the model: computed beforehand, or as they were answered first. Pure. */

#ifndef BENCH_REFERENCES_H
#define BENCH_REFERENCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REFERENCES_MAX = 8, REFERENCES_VERSION_SIZE = 32 };

struct references {
    size_t batches, count;
    bool complete; /* computed beforehand: no version is taken at its word */
    struct reference {
        uint8_t version[REFERENCES_VERSION_SIZE];
        uint64_t *hashes; /* of each batch; 0: not known yet */
    } of[REFERENCES_MAX];
};

void references_open(struct references *self, size_t batches);
void references_close(struct references *self);

/* Of probabilities; never 0. */
uint64_t references_hash(const float *probabilities, size_t count);

/* What `batch` must be under `version`. False: out of memory, or too many versions. */
bool references_set(struct references *self, size_t batch, const uint8_t *version,
                    uint64_t hash);

/* False: another was expected. One that is not known is taken as the first answer, unless
 * the references are complete. */
bool references_check(struct references *self, size_t batch, const uint8_t *version,
                      uint64_t hash);

#endif
