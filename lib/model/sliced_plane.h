/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_plane.h - a plane of as many records as SLICED_WORDS says. Private to
 * lib/model/sliced*. */

#ifndef MODEL_SLICED_PLANE_H
#define MODEL_SLICED_PLANE_H

#include "model/sliced_state.h"

typedef uint64_t plane __attribute__((vector_size(8 * SLICED_WORDS), may_alias));

enum { PLANE_RECORDS = 64 * SLICED_WORDS };

#endif
