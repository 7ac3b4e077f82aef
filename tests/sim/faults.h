/* SPDX-License-Identifier: Apache-2.0 */
/* faults.h - what goes wrong, one thing after another, until the chaos ends. */

#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

struct world;

void faults_begin(struct world *world);
/* Everybody is well again, or will be when his pause is over. */
void faults_end(struct world *world);

#endif
