/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c - the two clocks. */
#include "base/clock.h"

#include <assert.h>
#include <time.h>

uint64_t clock_monotonic_us(void)
{
    struct timespec now;
    int read = clock_gettime(CLOCK_MONOTONIC, &now);
    assert(read == 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_monotonic_ms(void)
{
    return clock_monotonic_us() / 1000;
}

int32_t clock_today(void)
{
    return (int32_t)(time(NULL) / 86400);
}
