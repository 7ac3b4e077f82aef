/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what is served follows the store, except where a version proves unfit; readers
 * never see half a change, nor anything that was freed.
 * Method: a real store in a folder of its own; for the swap, threads that score with
 * whatever they hold while versions come and go (run under ThreadSanitizer too). The log
 * is read back from a file. */
#include "worker/snapshot.h"

#include "base/file.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"
#include "worker_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READERS = 3, SWAPS = 40 };

struct fixture {
    struct worker_fixture store;
    struct snapshot *snapshot;
};

static int setup(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);
    *state = self;
    worker_fixture_open(&self->store);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *self = *state;
    snapshot_drop(self->snapshot);
    worker_fixture_close(&self->store);
    free(self);
    return 0;
}

/* Read the store again, with the errors of doing so in a log of its own. */
static void reload(struct fixture *self)
{
    struct snapshot *newer;
    char path[128];
    snprintf(path, sizeof path, "%s/log", self->store.folder);
    int log = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), saved = dup(STDERR_FILENO);
    assert_true(log >= 0 && saved >= 0 && dup2(log, STDERR_FILENO) >= 0);
    enum status status = snapshot_load(self->store.store, self->snapshot, &newer, NULL);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(log);
    close(saved);
    assert_int_equal(status, STATUS_OK);
    snapshot_drop(self->snapshot);
    self->snapshot = newer;
}

/* Whether the last reload said so. */
static bool has_logged(const struct fixture *self, const char *what)
{
    char path[128];
    uint8_t *bytes;
    size_t size;
    snprintf(path, sizeof path, "%s/log", self->store.folder);
    assert_int_equal(file_read(path, 1 << 20, &bytes, &size, NULL), STATUS_OK);
    bool found = strstr((const char *)bytes, what) != NULL;
    free(bytes);
    return found;
}

static void assert_serves(const struct fixture *self, const char *alias,
                          const struct digest *version)
{
    struct loaded *loaded = snapshot_alias(self->snapshot, "chd", alias);
    assert_non_null(loaded);
    assert_memory_equal(model_version(loaded_model(loaded)), version, sizeof *version);
}

static Chw__Model *model_with_golden(float weight, float probability)
{
    static const float age = 50;
    Chw__Model *model = worker_model("chd", weight);
    Chw__Batch *batch = build_batch(1);
    build_floats(batch, "age", &age, 1);
    build_golden(model, batch, &probability, 1);
    return model;
}

/* ---- what is served ---- */

static void empty_store_serves_nothing_and_is_no_error(void **state)
{
    struct fixture *self = *state;
    reload(self);
    assert_null(snapshot_program(self->snapshot));
    assert_null(snapshot_alias(self->snapshot, "chd", "champion"));
}

static void promotion_is_seen_and_what_was_loaded_is_shared(void **state)
{
    struct fixture *self = *state;
    struct digest first =
        worker_publish(&self->store, worker_model("chd", 1), "chd", "champion");
    worker_publish_program(&self->store, "chd");
    reload(self);
    assert_serves(self, "champion", &first);
    assert_string_equal(snapshot_program(self->snapshot)->targets[0].name, "chd");
    struct loaded *loaded =
        loaded_hold(snapshot_alias(self->snapshot, "chd", "champion"));

    struct digest second =
        worker_publish(&self->store, worker_model("chd", 2), "chd", "champion");
    worker_publish(&self->store, worker_model("chd", 1), "chd", "previous");
    reload(self);
    assert_serves(self, "champion", &second);
    assert_serves(self, "previous", &first);
    assert_ptr_equal(snapshot_alias(self->snapshot, "chd", "previous"), loaded);
    assert_ptr_equal(snapshot_version(self->snapshot, &first), loaded);
    loaded_drop(loaded);
}

/* ---- what is refused ---- */

static void assert_refused(struct fixture *self, const struct digest *serving,
                           const char *reason)
{
    reload(self);
    assert_serves(self, "champion", serving);
    assert_true(has_logged(self, "model_refused"));
    if (!has_logged(self, reason))
        fail_msg("the log does not say '%s'", reason);
}

static void model_that_fails_its_golden_records_leaves_the_old_one_serving(void **state)
{
    struct fixture *self = *state;
    float right = (float)0.18242552; /* 1 / (1 + exp(1.5)) */
    struct digest good =
        worker_publish(&self->store, model_with_golden(1, right), "chd", "champion");
    reload(self);
    assert_serves(self, "champion", &good);

    worker_publish(&self->store, model_with_golden(2, 0.5F), "chd", "champion");
    assert_refused(self, &good, "golden");

    struct digest better =
        worker_publish(&self->store, model_with_golden(3, right), "chd", "champion");
    reload(self);
    assert_serves(self, "champion", &better);
}

static void bytes_that_are_no_model_leave_the_old_one_serving(void **state)
{
    struct fixture *self = *state;
    struct digest good =
        worker_publish(&self->store, worker_model("chd", 1), "chd", "champion");
    struct digest junk;
    reload(self);
    assert_int_equal(
        store_put(self->store.store, ARTIFACT_MODEL, "chd", "junk", 4, &junk, NULL),
        STATUS_OK);
    assert_int_equal(store_alias_move(self->store.store, ARTIFACT_MODEL, "chd",
                                      "champion", &junk, NULL),
                     STATUS_OK);
    assert_refused(self, &good, "reason=");
}

static void run_sql(struct fixture *self, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(strchr(self->store.url, ':') + 1, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void bytes_that_were_altered_in_the_store_leave_the_old_one_serving(void **state)
{
    struct fixture *self = *state;
    struct digest good =
        worker_publish(&self->store, worker_model("chd", 1), "chd", "champion");
    reload(self);
    worker_publish(&self->store, worker_model("chd", 2), "chd", "champion");
    run_sql(self, "UPDATE artifact SET bytes = CAST(bytes || x'00' AS BLOB)");
    assert_refused(self, &good, "do not have that digest");
}

static void model_under_another_models_name_is_refused(void **state)
{
    struct fixture *self = *state;
    struct digest good =
        worker_publish(&self->store, worker_model("chd", 1), "chd", "champion");
    reload(self);
    worker_publish(&self->store, worker_model("diabetes", 2), "chd", "champion");
    assert_refused(self, &good, "calls itself diabetes");
}

static void model_of_another_format_leaves_the_old_one_serving(void **state)
{
    struct fixture *self = *state;
    struct digest good =
        worker_publish(&self->store, worker_model("chd", 1), "chd", "champion");
    reload(self);
    Chw__Model *newer = worker_model("chd", 2);
    newer->format = MODEL_FORMAT + 1;
    worker_publish(&self->store, newer, "chd", "champion");
    assert_refused(self, &good, "model format 2, expected 1");
}

static void version_is_refused_once_until_the_alias_moves(void **state)
{
    struct fixture *self = *state;
    struct digest good =
        worker_publish(&self->store, worker_model("chd", 1), "chd", "champion");
    reload(self);
    const Chw__Model *bad = model_with_golden(2, 0.5F);
    worker_publish(&self->store, bad, "chd", "champion");
    assert_refused(self, &good, "golden");
    reload(self);
    assert_false(has_logged(self, "model_refused"));
    assert_serves(self, "champion", &good);

    worker_publish(&self->store, worker_model("chd", 1), "chd", "champion");
    reload(self);
    worker_publish(&self->store, bad, "chd", "champion");
    assert_refused(self, &good, "golden");
}

static void refused_first_version_is_no_model_at_all(void **state)
{
    struct fixture *self = *state;
    worker_publish(&self->store, model_with_golden(2, 0.5F), "chd", "champion");
    reload(self);
    assert_null(snapshot_alias(self->snapshot, "chd", "champion"));
    reload(self);
    assert_false(has_logged(self, "model_refused"));
}

static void program_that_does_not_load_leaves_the_old_one_serving(void **state)
{
    struct fixture *self = *state;
    struct digest junk, good = worker_publish_program(&self->store, "chd");
    reload(self);
    assert_int_equal(store_put(self->store.store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME,
                               "junk", 4, &junk, NULL),
                     STATUS_OK);
    assert_int_equal(store_alias_move(self->store.store, ARTIFACT_PROGRAM,
                                      STORE_PROGRAM_NAME, STORE_PROGRAM_ALIAS, &junk,
                                      NULL),
                     STATUS_OK);
    reload(self);
    assert_true(has_logged(self, "program_refused"));
    assert_memory_equal(&snapshot_program(self->snapshot)->version, &good, sizeof good);
}

static void plan_is_no_model(void **state)
{
    struct fixture *self = *state;
    struct digest plan;
    assert_int_equal(store_put(self->store.store, ARTIFACT_PLAN, STORE_PLAN_NAME, "plan",
                               4, &plan, NULL),
                     STATUS_OK);
    assert_int_equal(store_alias_move(self->store.store, ARTIFACT_PLAN, STORE_PLAN_NAME,
                                      STORE_PLAN_ALIAS, &plan, NULL),
                     STATUS_OK);
    reload(self);
    assert_null(snapshot_alias(self->snapshot, STORE_PLAN_NAME, STORE_PLAN_ALIAS));
    assert_false(has_logged(self, "refused"));
}

/* ---- the current one ---- */

static void older_snapshot_does_not_replace_a_newer_one(void **state)
{
    struct fixture *self = *state;
    struct snapshot *older, *newer, *held = NULL;
    struct current *current = current_new();
    current_hold(current, &held);
    assert_null(held);

    assert_int_equal(snapshot_load(self->store.store, NULL, &older, NULL), STATUS_OK);
    worker_publish(&self->store, worker_model("chd", 1), "chd", "champion");
    assert_int_equal(snapshot_load(self->store.store, NULL, &newer, NULL), STATUS_OK);
    current_publish(current, newer);
    current_publish(current, older);
    current_hold(current, &held);
    assert_ptr_equal(held, newer);
    assert_non_null(snapshot_alias(held, "chd", "champion"));
    snapshot_drop(held);
    current_free(current);
}

struct reader {
    struct current *current;
    const atomic_bool *stop;
    uint64_t batches;
    uint64_t went_back; /* times that an older generation followed a newer one */
    uint64_t wrong;     /* scores that are not those of the version held */
};

/* The weight of the model is in its score: p at age 60 is 1 / (1 + exp(1.5 - weight)). */
static bool scores_as_its_weight(const struct model *model)
{
    static float age[] = {60};
    struct column column = {.name = "age", .type = COLUMN_FLOATS, .floats = age};
    struct columns columns = {.rows = 1, .count = 1, .items = &column};
    struct binding *binding;
    struct record_fault fault;
    float p, margin;
    if (model_bind(model, &columns, &binding, NULL) != STATUS_OK)
        return false;
    model_score(binding, 0, 1, &p, &fault);
    model_margins(binding, 0, 1, &margin, &fault);
    binding_free(binding);
    float weight = model_message(model)->linear->weights[0];
    return p > 0 && margin == (float)(-1.5 + (double)weight);
}

static void *read_on(void *arg)
{
    struct reader *self = arg;
    struct snapshot *held = NULL;
    uint64_t generation = 0;
    while (!atomic_load(self->stop)) {
        current_hold(self->current, &held);
        if (held == NULL)
            continue;
        self->went_back += snapshot_generation(held) < generation;
        generation = snapshot_generation(held);
        const struct loaded *loaded = snapshot_alias(held, "chd", "champion");
        self->wrong += loaded == NULL || !scores_as_its_weight(loaded_model(loaded));
        self->batches++;
    }
    snapshot_drop(held);
    return NULL;
}

static void swaps_under_readers_are_whole_and_free_nothing_in_use(void **state)
{
    struct fixture *self = *state;
    struct current *current = current_new();
    struct snapshot *held = NULL;
    struct reader readers[READERS];
    pthread_t threads[READERS];
    atomic_bool stop = false;
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.current = current, .stop = &stop};
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    }
    for (int swap = 0; swap < SWAPS; swap++) {
        struct snapshot *next;
        worker_publish(&self->store, worker_model("chd", (float)swap / 8), "chd",
                       "champion");
        assert_int_equal(snapshot_load(self->store.store, held, &next, NULL), STATUS_OK);
        current_publish(current, next);
        current_hold(current, &held);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(readers[i].batches > 0);
        assert_int_equal(readers[i].went_back, 0);
        assert_int_equal(readers[i].wrong, 0);
    }
    snapshot_drop(held);
    current_free(current);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(empty_store_serves_nothing_and_is_no_error),
        TEST(promotion_is_seen_and_what_was_loaded_is_shared),
        TEST(model_that_fails_its_golden_records_leaves_the_old_one_serving),
        TEST(bytes_that_are_no_model_leave_the_old_one_serving),
        TEST(bytes_that_were_altered_in_the_store_leave_the_old_one_serving),
        TEST(model_under_another_models_name_is_refused),
        TEST(model_of_another_format_leaves_the_old_one_serving),
        TEST(version_is_refused_once_until_the_alias_moves),
        TEST(refused_first_version_is_no_model_at_all),
        TEST(program_that_does_not_load_leaves_the_old_one_serving),
        TEST(plan_is_no_model),
        TEST(older_snapshot_does_not_replace_a_newer_one),
        TEST(swaps_under_readers_are_whole_and_free_nothing_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
