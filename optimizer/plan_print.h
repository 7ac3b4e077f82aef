/* SPDX-License-Identifier: Apache-2.0 */
/* plan_print.h - a plan for people (a table) and for programs (CSV, JSON). */

#ifndef OPTIMIZER_PLAN_PRINT_H
#define OPTIMIZER_PLAN_PRINT_H

#include "base/crypto.h"

#include "plan.pb-c.h"

#include <stdio.h>

/* `version`: of the plan's bytes. Errors are the caller's to see by ferror(). */
typedef void plan_print(const Chw__Plan *plan, const struct digest *version, FILE *file);

/* "table", "csv" or "json"; NULL: another word. */
plan_print *plan_print_find(const char *format);

#endif
