/* SPDX-License-Identifier: Apache-2.0 */
/* dice.h - chance that is the same on every machine: all of a run follows from its seed.
 */

#ifndef SIM_DICE_H
#define SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

void dice_init(struct dice *self, uint64_t seed);
uint64_t dice_next(struct dice *self);

/* 0 to `below` - 1; 0 where `below` is 0. */
uint32_t dice_roll(struct dice *self, uint32_t below);
uint32_t dice_between(struct dice *self, uint32_t least, uint32_t most);
/* Between the two, each order of magnitude as likely as the others; `least` above 0. */
uint32_t dice_scaled(struct dice *self, uint32_t least, uint32_t most);
bool dice_chance(struct dice *self, uint32_t per_mille);
/* Exponential, at most twelve times its mean. */
uint64_t dice_wait(struct dice *self, uint64_t mean);

#endif
