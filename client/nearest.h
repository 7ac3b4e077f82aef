/* SPDX-License-Identifier: Apache-2.0 */
/* nearest.h - what a person probably meant. Pure. */

#ifndef CLIENT_NEAREST_H
#define CLIENT_NEAREST_H

#include <stddef.h>

/* The name that `word` most likely is a slip of: the fewest letters added, left out,
 * exchanged or swapped, at most a third of the word and one.
 * NULL: none is near. */
const char *nearest_name(const char *word, const char *const *names, size_t count);

#endif
