/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_state.h - what a run of the sliced kernel holds between its steps. The runner is
 * compiled several times and must agree on it. Private to lib/model/sliced*. */

#ifndef MODEL_SLICED_STATE_H
#define MODEL_SLICED_STATE_H

#include "model/answers.h"
#include "model/sliced.h"

struct sliced_run {
    const struct sliced *compiled;
    struct answers *answers;
};

/* What kernel_type.block does, by planes of 256, 256, 256 and 512 records. */
void sliced_block_portable(void *run, uint32_t first, uint32_t count, double *margins);
void sliced_block_avx2(void *run, uint32_t first, uint32_t count, double *margins);
void sliced_block_avx512_few(void *run, uint32_t first, uint32_t count, double *margins);
void sliced_block_avx512(void *run, uint32_t first, uint32_t count, double *margins);

#endif
