/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_portable.c - the sliced kernel for any processor. */
#define SLICED_BLOCK_NAME sliced_block_portable
#include "model/sliced_run.h"
