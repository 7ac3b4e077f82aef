/* SPDX-License-Identifier: Apache-2.0 */
/* cpu.h - what this processor can, beyond what every one can. Private to lib/model. */

#ifndef MODEL_CPU_H
#define MODEL_CPU_H

#include <stdbool.h>

bool cpu_has_avx2(void);

/* With BW, VL, DQ, VBMI and GFNI, as the files for it are compiled. */
bool cpu_has_avx512(void);

#endif
