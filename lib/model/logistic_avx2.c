/* SPDX-License-Identifier: Apache-2.0 */
/* logistic_avx2.c - probabilities of many margins, by AVX2. */
#define LOGISTIC_NAME logistic_avx2
#include "model/logistic_run.h"
