/* SPDX-License-Identifier: Apache-2.0 */
/* linear_add.c - the ways of adding, by processor. */
#include "model/linear_add.h"

#include "model/cpu.h"

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)

const struct linear_way linear_ways[] = {
    {cpu_has_avx512, linear_add_avx512},
    {cpu_has_avx2, linear_add_avx2},
    {always, linear_add_portable},
};

#else

const struct linear_way linear_ways[] = {
    {always, linear_add_portable},
};

#endif

const size_t linear_way_count = sizeof linear_ways / sizeof linear_ways[0];
