/* SPDX-License-Identifier: Apache-2.0 */
/* people.h - the synthetic people as the columns of a batch. Pure. */

#ifndef BENCH_PEOPLE_H
#define BENCH_PEOPLE_H

#include "client/population.h"

struct people_cell {
    float number;     /* NaN: missing */
    const char *name; /* NULL: missing */
};

struct people_column {
    const char *name;
    struct people_cell (*read)(const struct person *person);
};

/* NULL: people have no such column. */
const struct people_column *people_column(const char *name);

#endif
