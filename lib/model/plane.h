/* SPDX-License-Identifier: Apache-2.0 */
/* plane.h - a plane of 64 * PLANE_WORDS records, which whoever includes this has set.
 * Private to lib/model. */

#ifndef MODEL_PLANE_H
#define MODEL_PLANE_H

#include <stdint.h>

typedef uint64_t plane __attribute__((vector_size(8 * PLANE_WORDS), may_alias));

enum { PLANE_RECORDS = 64 * PLANE_WORDS };

#endif
