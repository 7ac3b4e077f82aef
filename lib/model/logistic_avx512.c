/* SPDX-License-Identifier: Apache-2.0 */
/* logistic_avx512.c - probabilities of many margins, by AVX-512. */
#define LOGISTIC_NAME logistic_avx512
#include "model/logistic_run.h"
