/* SPDX-License-Identifier: Apache-2.0 */
/* alone_kernel.h - what the kernels do with the batches when nothing else has to be done:
 * each parsed and bound to the model beforehand. */

#ifndef BENCH_ALONE_KERNEL_H
#define BENCH_ALONE_KERNEL_H

#include "bench/load.h"
#include "model/model.h"

enum { ALONE_THREADS = 2 };

struct alone_kernel {
    double us_per_record; /* CPU, one thread */
    double per_s;         /* records of ALONE_THREADS threads together, by the time that
                           * passes */
};

/* Medians of several passes. Also notes the references of the model's version. */
MUST_CHECK enum status alone_kernel(struct load *load, const struct model *model,
                                    struct alone_kernel *out, struct error_text *error);

#endif
