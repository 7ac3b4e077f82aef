/* SPDX-License-Identifier: Apache-2.0 */
/* scenario.h - a cluster of a size that a file says, under a load that it says, with the
 * programs' own limits; one part of it may fail. tests/sim/scenarios has some. */

#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "base/error_text.h"

#include <stdio.h>

/* Runs it and prints its figures. STATUS_INVALID: the file; `error` says what of it. */
MUST_CHECK enum status scenario_run(const char *path, FILE *out,
                                    struct error_text *error);

#endif
