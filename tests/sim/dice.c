/* SPDX-License-Identifier: Apache-2.0 */
/* dice.c - splitmix64, and what is made of it. */
#include "tests/sim/dice.h"

#include <math.h>

enum { WAIT_MEANS_MAX = 12 };

void dice_init(struct dice *self, uint64_t seed)
{
    self->state = seed * 0x9e3779b97f4a7c15u + 0x6a09e667f3bcc909u;
}

uint64_t dice_next(struct dice *self)
{
    uint64_t z = self->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t dice_roll(struct dice *self, uint32_t below)
{
    return (uint32_t)((dice_next(self) >> 32) * below >> 32);
}

uint32_t dice_between(struct dice *self, uint32_t least, uint32_t most)
{
    return least + dice_roll(self, most - least + 1);
}

uint32_t dice_scaled(struct dice *self, uint32_t least, uint32_t most)
{
    uint32_t low = least, high = least;
    while (high < most && dice_roll(self, 2) == 0) {
        low = high;
        high = high > most / 3 ? most : high * 3;
    }
    return dice_between(self, low, high);
}

bool dice_chance(struct dice *self, uint32_t per_mille)
{
    return per_mille > 0 && dice_roll(self, 1000) < per_mille;
}

uint64_t dice_wait(struct dice *self, uint64_t mean)
{
    double unit = (double)((dice_next(self) >> 11) + 1) / 9007199254740992.0;
    double means = -log(unit);
    return (uint64_t)((means < WAIT_MEANS_MAX ? means : WAIT_MEANS_MAX) * (double)mean);
}
