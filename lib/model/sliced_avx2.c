/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_avx2.c - the sliced kernel for processors with AVX2: compiled with -mavx2 where
 * the compiler's target knows it, else the same as the portable one. */
#define SLICED_BLOCK_NAME sliced_block_avx2
#include "model/sliced_run.h"
