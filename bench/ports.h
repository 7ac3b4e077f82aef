/* SPDX-License-Identifier: Apache-2.0 */
/* ports.h - TCP ports of this machine that nobody has. */

#ifndef BENCH_PORTS_H
#define BENCH_PORTS_H

/* The first of `count` ports in a row that were free on loopback a moment ago; 0: none
 * were found. */
unsigned ports_free(unsigned count);

#endif
