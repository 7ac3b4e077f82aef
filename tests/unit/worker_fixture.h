/* SPDX-License-Identifier: Apache-2.0 */
/* worker_fixture.h - a store in a folder of its own, with small models in it, for tests
 * of the worker. A model reads one number, "age", and its weight tells it from others. */

#ifndef TESTS_UNIT_WORKER_FIXTURE_H
#define TESTS_UNIT_WORKER_FIXTURE_H

#include "model/program.h"
#include "store/store.h"

#include "model.pb-c.h"

struct worker_fixture {
    char folder[64];
    char url[128];
    struct store *store;
};

/* Fails the test where it cannot. */
void worker_fixture_open(struct worker_fixture *self);

/* Also forgets what tests/lib/build.h made. */
void worker_fixture_close(struct worker_fixture *self);

/* A model named `name`; of tests/lib/build.h's arena. */
Chw__Model *worker_model(const char *name, float weight);

/* One that takes long, for it is the mean of many: a batch of as many records as there
 * may be keeps a worker busy for longer than its heartbeats are apart. */
Chw__Model *worker_slow_model(const char *name);

/* Put it into the store under `name` and move the alias there. */
struct digest worker_publish(struct worker_fixture *self, const Chw__Model *model,
                             const char *name, const char *alias);

/* The program of these targets ("chd,diabetes"), all served by `champion`. */
struct digest worker_publish_program(struct worker_fixture *self, const char *targets);

/* The body of a batch of these ages; of the arena. */
uint8_t *worker_body(const float *ages, size_t count, size_t *size);

/* People counted in all cells. */
int64_t worker_people(struct worker_fixture *self);

#endif
