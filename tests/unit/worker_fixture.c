/* SPDX-License-Identifier: Apache-2.0 */
/* worker_fixture.c - a store with small models for tests of the worker. */
#include "worker_fixture.h"

#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PARTS = 160 }; /* of the slow model */

void worker_fixture_open(struct worker_fixture *self)
{
    struct error_text error = {""};
    strcpy(self->folder, "/tmp/chw-worker-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    snprintf(self->url, sizeof self->url, "sqlite:%s/store.db", self->folder);
    if (store_open(self->url, &self->store, &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

void worker_fixture_close(struct worker_fixture *self)
{
    char command[128];
    store_close(self->store);
    snprintf(command, sizeof command, "rm -r %s", self->folder);
    assert_int_equal(system(command), 0);
    build_reset();
}

static char *copy_text(const char *text, size_t size)
{
    char *copy = build_alloc(size + 1);
    memcpy(copy, text, size);
    return copy;
}

Chw__Model *worker_model(const char *name, float weight)
{
    Chw__Model *model = build_linear(-1.5, &weight, 1);
    model->name = copy_text(name, strlen(name));
    build_numeric(model, "age", 50, 0.1);
    return model;
}

static Chw__Part *linear_part(Chw__Linear *linear)
{
    Chw__Part *part = build_alloc(sizeof *part);
    chw__part__init(part);
    part->estimator_case = CHW__PART__ESTIMATOR_LINEAR;
    part->linear = linear;
    part->link = CHW__LINK__LINK_LOGISTIC;
    return part;
}

Chw__Model *worker_slow_model(const char *name)
{
    Chw__Model *model = worker_model(name, 1);
    Chw__Parts *parts = build_alloc(sizeof *parts);
    chw__parts__init(parts);
    parts->combine = CHW__PARTS__COMBINE__MEAN;
    parts->n_parts = PARTS;
    parts->parts = build_alloc(PARTS * sizeof(Chw__Part *));
    for (int i = 0; i < PARTS; i++)
        parts->parts[i] = linear_part(model->linear);
    model->estimator_case = CHW__MODEL__ESTIMATOR_PARTS;
    model->parts = parts;
    model->link = CHW__LINK__LINK_IDENTITY;
    return model;
}

static struct digest put(struct worker_fixture *self, enum artifact_kind kind,
                         const char *name, const uint8_t *bytes, size_t size)
{
    struct digest version;
    assert_int_equal(store_put(self->store, kind, name, bytes, size, &version, NULL),
                     STATUS_OK);
    return version;
}

struct digest worker_publish(struct worker_fixture *self, const Chw__Model *model,
                             const char *name, const char *alias)
{
    size_t size;
    const uint8_t *bytes = build_pack(&model->base, &size);
    struct digest version = put(self, ARTIFACT_MODEL, name, bytes, size);
    assert_int_equal(
        store_alias_move(self->store, ARTIFACT_MODEL, name, alias, &version, NULL),
        STATUS_OK);
    return version;
}

struct digest worker_publish_program(struct worker_fixture *self, const char *targets)
{
    struct program program = {.target_count = 0};
    uint8_t *bytes;
    size_t size;
    for (const char *at = targets; *at != '\0'; at += *at == ',') {
        size_t length = strcspn(at, ",");
        program_target_init(&program.targets[program.target_count++],
                            copy_text(at, length), "champion");
        at += length;
    }
    assert_int_equal(program_save(&program, &bytes, &size), STATUS_OK);
    struct digest version = put(self, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME, bytes, size);
    free(bytes);
    assert_int_equal(store_alias_move(self->store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME,
                                      STORE_PROGRAM_ALIAS, &version, NULL),
                     STATUS_OK);
    return version;
}

uint8_t *worker_body(const float *ages, size_t count, size_t *size)
{
    Chw__Batch *batch = build_batch((uint32_t)count);
    build_floats(batch, "age", ages, count);
    return build_pack(&batch->base, size);
}

static bool add_people(void *arg, const struct demand_cell *cell)
{
    int64_t *people = arg;
    *people += cell->people;
    return true;
}

int64_t worker_people(struct worker_fixture *self)
{
    int64_t people = 0;
    assert_int_equal(store_demand(self->store, 0, add_people, &people, NULL), STATUS_OK);
    return people;
}
