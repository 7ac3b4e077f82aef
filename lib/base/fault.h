/* SPDX-License-Identifier: Apache-2.0 */
/* fault.h - named places where a test can stop or kill a real process.
 *
 * Programs link fault_none, which does nothing; a test builds the same program with its
 * own (tests/lib/fault_env.c). So what is shipped has no switch that could be left on. */

#ifndef BASE_FAULT_H
#define BASE_FAULT_H

void fault_point(const char *name);

#endif
