/* SPDX-License-Identifier: Apache-2.0 */
/* arrivals.c - gaps added up. */
#include "bench/arrivals.h"

#include <math.h>

/* splitmix64; above 0, at most 1. */
static double random_share(struct arrivals *self)
{
    uint64_t z = self->random += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (double)(((z ^ (z >> 31)) >> 11) + 1) * 0x1p-53;
}

static double gap_ns(struct arrivals *self)
{
    return self->kind == ARRIVALS_FIXED ? self->gap_ns
                                        : -log(random_share(self)) * self->gap_ns;
}

void arrivals_init(struct arrivals *self, enum arrivals_kind kind, double per_s,
                   uint64_t seed)
{
    *self = (struct arrivals){.kind = kind, .gap_ns = 1e9 / per_s, .random = seed};
    self->next_ns = kind == ARRIVALS_FIXED ? 0 : gap_ns(self);
}

uint64_t arrivals_next(struct arrivals *self)
{
    uint64_t now_ns = (uint64_t)self->next_ns;
    self->next_ns += gap_ns(self);
    return now_ns;
}
