/* SPDX-License-Identifier: Apache-2.0 */
/* layout.h - several arrays in one allocation, each at a cache line: what a small batch
 * needs is bound in less time than a handful of allocations take. Private to lib/model.
 */

#ifndef MODEL_LAYOUT_H
#define MODEL_LAYOUT_H

#include <stddef.h>

enum { LAYOUT_LINE = 64 };

/* Room for a further array at the end of `size` bytes: where it begins. */
size_t layout_add(size_t *size, size_t bytes);

/* Not cleared; NULL: no memory. Freed by layout_free(), of NULL nothing. */
void *layout_alloc(size_t size);
void layout_free(void *block);

#endif
