/* SPDX-License-Identifier: Apache-2.0 */
/* cpu.c - the processor's features. */
#include "model/cpu.h"

#if defined(__x86_64__)

bool cpu_has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

bool cpu_has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("gfni");
}

#else

bool cpu_has_avx2(void)
{
    return false;
}

bool cpu_has_avx512(void)
{
    return false;
}

#endif
