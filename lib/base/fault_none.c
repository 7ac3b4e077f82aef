/* SPDX-License-Identifier: Apache-2.0 */
/* fault_none.c - what is shipped has no faults of its own making. */
#include "base/fault.h"

void fault_point(const char *name)
{
    (void)name;
}
