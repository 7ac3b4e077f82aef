/* SPDX-License-Identifier: Apache-2.0 */
/* kernel.h - margins of many records at once: chosen when a model is loaded, for each of
 * its parts; prepared for the columns of a batch when it is bound. Private to lib/model.
 *
 *   part   --compile-->  kernel   (once; immutable, shared by threads)
 *   batch  --prepare-->  run      (once per binding, when it is needed; one thread)
 *          --block--->   margins of up to KERNEL_BLOCK records
 *
 * Every kernel gives the reference scorer's margins to the bit (scorer.c): the same
 * additions in the same order and precision. */

#ifndef MODEL_KERNEL_H
#define MODEL_KERNEL_H

#include "model/internal.h"

enum { KERNEL_BLOCK = 512 };

struct kernel_type {
    const char *name;
    uint32_t rows_min;  /* fewer records are for the kernel before, or the reference */
    uint32_t rows_best; /* up to so many, it is better than the kernel behind */
    /* NULL in *out: this part is not for this kernel. Those for fewer records are in
     * `part` already. */
    enum status (*compile)(const struct model *model, const struct part *part,
                           void **out);
    void (*free)(void *compiled);
    size_t (*bytes)(const void *compiled); /* that it takes */
    enum status (*prepare)(const void *compiled, const struct binding *binding,
                           void **out);
    void (*release)(void *run);
    /* `count` up to KERNEL_BLOCK records from `first`; those with a fault have any
     * margin. */
    void (*block)(void *run, uint32_t first, uint32_t count, double *margins);
};

extern const struct kernel_type kernel_lanes;
extern const struct kernel_type kernel_linear;
extern const struct kernel_type kernel_sliced;
extern const struct kernel_type kernel_sliced_deep;
extern const struct kernel_type kernel_walk;

/* Compile the part for every kernel that takes it. */
MUST_CHECK enum status kernels_compile(const struct model *model, struct part *part);
void kernels_free(struct part *part);
size_t kernels_bytes(const struct part *part);

void kernels_release(struct binding *binding);

/* The margins of a part for `count` records, by the kernel for so many; false: there is
 * none. */
bool kernels_block(const struct binding *binding, size_t part, uint32_t first,
                   uint32_t count, double *margins);

/* The value of a numeric or coded feature's one input. */
float kernel_input(const struct feature *self, float value);

/* Bits [first, first + count) of a bitmap, count up to 64, the first in bit 0. */
uint64_t kernel_bits(const uint8_t *bits, uint32_t first, uint32_t count);

#endif
