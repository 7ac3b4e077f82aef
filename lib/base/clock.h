/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - the clocks, for the edge; pure code takes the time as an argument. */

#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds that never run back; the zero is arbitrary. */
uint64_t clock_monotonic_ms(void);
uint64_t clock_monotonic_us(void); /* the same in microseconds */

/* Today as days since 1970-01-01, UTC. */
int32_t clock_today(void);

#endif
