/* SPDX-License-Identifier: Apache-2.0 */
/* linear_add.c - the ways of adding, by processor. */
#include "model/linear_add.h"

#include "model/cpu.h"

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)

/* AVX2 has no table look-up that beats one load for each code. */
const struct linear_way linear_ways[] = {
    {cpu_has_avx512, linear_bits_avx512, linear_codes_avx512, linear_numbers_avx512},
    {cpu_has_avx2, linear_bits_avx2, linear_codes_portable, linear_numbers_avx2},
    {always, linear_bits_portable, linear_codes_portable, linear_numbers_portable},
};

#else

const struct linear_way linear_ways[] = {
    {always, linear_bits_portable, linear_codes_portable, linear_numbers_portable},
};

#endif

const size_t linear_way_count = sizeof linear_ways / sizeof linear_ways[0];
