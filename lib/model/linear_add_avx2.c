/* SPDX-License-Identifier: Apache-2.0 */
/* linear_add_avx2.c - by AVX2. */
#define LINEAR_NAME(name) name##_avx2
#include "model/linear_add_run.h"

#include "model/linear_bits_run.h"
