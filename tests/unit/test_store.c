/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: every sentence of store.h holds, on each backend.
 * Method: examples on a fresh store for each; then a seeded random walk of settlements
 * against a model of a few lines. Several processes: test_store_shared.c. */

#include "store_fixture.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static struct store *store_of(void **state)
{
    return ((struct store_fixture *)*state)->store;
}

/* ---- names and addresses ---- */

static void address_of_no_known_scheme_is_refused(void **state)
{
    static const char *const urls[] = {
        "",         "sqlite",        "sqlite:", ":x",
        "SQLITE:x", "nosuch:/tmp/x", "/tmp/x",  "sqlitex:y"};
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct error_text error = {""};
        struct store *store = NULL;
        assert_int_equal(store_open(urls[i], &store, &error), STATUS_INVALID);
        assert_null(store);
        assert_non_null(strstr(error.text, "sqlite:PATH"));
    }
}

static void name_is_short_lower_case_and_plain(void **state)
{
    char longest[STORE_NAME_MAX + 2];
    static const char *const good[] = {"a", "9", "chd", "chd-2.1_x", "0..", "a-"};
    static const char *const bad[] = {"",    ".a",   "-a",  "_a", "A",   "aB", "a b",
                                      "a/b", "a\nb", "a@b", "é",  "a:b", "a'", "a\x7f"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(store_name_is_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(store_name_is_valid(bad[i]));
    memset(longest, 'a', sizeof longest);
    longest[STORE_NAME_MAX] = '\0';
    assert_true(store_name_is_valid(longest));
    longest[STORE_NAME_MAX] = 'a';
    longest[STORE_NAME_MAX + 1] = '\0';
    assert_false(store_name_is_valid(longest));
}

static void bad_name_is_refused_wherever_one_is_taken(void **state)
{
    struct store *store = store_of(state);
    struct digest version = digest_of("v1");
    struct error_text error = {""};
    assert_int_equal(store_put(store, ARTIFACT_MODEL, "../x", "v1", 2, &version, &error),
                     STATUS_INVALID);
    assert_non_null(strstr(error.text, "../x"));
    assert_works(store_put(store, ARTIFACT_MODEL, "chd", "v1", 2, &version, &why));
    assert_int_equal(store_alias_move(store, ARTIFACT_MODEL, "chd", "A", &version, NULL),
                     STATUS_INVALID);
    assert_int_equal(store_alias_move(store, ARTIFACT_MODEL, "", "a", &version, NULL),
                     STATUS_INVALID);
    assert_int_equal(store_alias_get(store, ARTIFACT_MODEL, "chd", "@", &version, NULL),
                     STATUS_INVALID);
    assert_int_equal(
        store_alias_rollback(store, ARTIFACT_MODEL, "C", "a", &version, NULL),
        STATUS_INVALID);
}

/* ---- artifacts ---- */

static struct digest put(struct store *store, const char *name, const char *text)
{
    struct digest version = {{0}};
    assert_works(
        store_put(store, ARTIFACT_MODEL, name, text, strlen(text), &version, &why));
    return version;
}

static uint64_t generation_of(struct store *store)
{
    uint64_t generation = 0;
    assert_works(store_generation(store, &generation, &why));
    return generation;
}

static void assert_same_digest(const struct digest *a, const struct digest *b)
{
    assert_memory_equal(a->bytes, b->bytes, DIGEST_SIZE);
}

static void bytes_come_back_under_their_digest(void **state)
{
    struct store *store = store_of(state);
    static const uint8_t bytes[] = {0, 1, 0, 255, 0}; /* zeros are bytes as others */
    struct digest expected = digest_sha256(bytes, sizeof bytes), version;
    uint8_t *found = NULL;
    size_t size = 0;
    assert_works(
        store_put(store, ARTIFACT_MODEL, "chd", bytes, sizeof bytes, &version, &why));
    assert_same_digest(&version, &expected);
    assert_works(store_get(store, ARTIFACT_MODEL, &version, &found, &size, &why));
    assert_int_equal(size, sizeof bytes);
    assert_memory_equal(found, bytes, sizeof bytes);
    free(found);

    struct error_text error = {""};
    assert_int_equal(store_get(store, ARTIFACT_PROGRAM, &version, &found, &size, &error),
                     STATUS_NOT_FOUND);
    assert_null(found);
    assert_non_null(strstr(error.text, "no version"));
}

static void large_artifact_comes_back_whole(void **state)
{
    enum { SIZE = 5 << 20 };
    struct store *store = store_of(state);
    uint8_t *bytes = malloc(SIZE), *found = NULL;
    struct digest version;
    size_t size = 0;
    assert_non_null(bytes);
    random_bytes(bytes, SIZE);
    assert_works(store_put(store, ARTIFACT_MODEL, "large", bytes, SIZE, &version, &why));
    assert_works(store_get(store, ARTIFACT_MODEL, &version, &found, &size, &why));
    assert_int_equal(size, SIZE);
    assert_memory_equal(found, bytes, SIZE);
    free(found);
    free(bytes);
}

static void artifact_of_no_or_too_many_bytes_is_refused(void **state)
{
    struct store *store = store_of(state);
    struct digest version;
    uint64_t before = generation_of(store);
    assert_int_equal(store_put(store, ARTIFACT_MODEL, "chd", "", 0, &version, NULL),
                     STATUS_INVALID);
    assert_int_equal(store_put(store, ARTIFACT_MODEL, "chd", "",
                               (size_t)STORE_ARTIFACT_MAX + 1, &version, NULL),
                     STATUS_INVALID);
    assert_int_equal(generation_of(store), before);
}

struct artifact_list {
    struct artifact items[8];
    size_t count, count_max; /* stop at count_max */
};

static bool gather_artifact(void *arg, const struct artifact *artifact)
{
    struct artifact_list *list = arg;
    assert_true(list->count < list->count_max);
    list->items[list->count++] = *artifact;
    return list->count < list->count_max;
}

static struct artifact_list artifacts(struct store *store, const char *name,
                                      size_t count_max)
{
    struct artifact_list list = {.count_max = count_max};
    assert_works(
        store_artifacts(store, ARTIFACT_MODEL, name, gather_artifact, &list, &why));
    return list;
}

static void publishing_again_changes_nothing(void **state)
{
    struct store *store = store_of(state);
    struct digest first = put(store, "chd", "v1");
    uint64_t before = generation_of(store);
    struct digest second = put(store, "chd", "v1");
    assert_same_digest(&first, &second);
    assert_int_equal(generation_of(store), before);
    assert_int_equal(artifacts(store, NULL, 8).count, 1);
}

static void same_bytes_under_two_names_are_two_artifacts(void **state)
{
    struct store *store = store_of(state);
    struct digest version = put(store, "chd", "v1"), found;
    uint64_t before = generation_of(store);
    put(store, "diabetes", "v1");
    assert_true(generation_of(store) > before);
    assert_int_equal(artifacts(store, NULL, 8).count, 2);
    assert_works(
        store_alias_move(store, ARTIFACT_MODEL, "diabetes", "champion", &version, &why));
    assert_works(
        store_alias_get(store, ARTIFACT_MODEL, "diabetes", "champion", &found, &why));
    assert_same_digest(&found, &version);
}

static void artifacts_are_listed_newest_first(void **state)
{
    struct store *store = store_of(state);
    struct digest program, first = put(store, "chd", "v1");
    put(store, "diabetes", "other");
    struct digest second = put(store, "chd", "longer v2");
    assert_works(
        store_put(store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME, "p", 1, &program, &why));

    struct artifact_list all = artifacts(store, NULL, 8);
    assert_int_equal(all.count, 3);
    assert_same_digest(&all.items[0].version, &second);
    assert_same_digest(&all.items[2].version, &first);
    assert_int_equal(artifacts(store, NULL, 2).count, 2); /* the visitor stopped */

    struct artifact_list chd = artifacts(store, "chd", 8);
    assert_int_equal(chd.count, 2);
    assert_same_digest(&chd.items[0].version, &second);
    assert_string_equal(chd.items[0].name, "chd");
    assert_int_equal(chd.items[0].size, strlen("longer v2"));
    assert_true(chd.items[0].published_s / 86400 >= clock_today() - 1);
    assert_int_equal(artifacts(store, "nobody", 8).count, 0);
}

/* ---- aliases ---- */

static void move(struct store *store, const struct digest *version)
{
    assert_works(
        store_alias_move(store, ARTIFACT_MODEL, "chd", "champion", version, &why));
}

static enum status rollback(struct store *store, struct digest *version)
{
    return store_alias_rollback(store, ARTIFACT_MODEL, "chd", "champion", version, NULL);
}

static void assert_champion(struct store *store, const struct digest *version)
{
    struct digest found;
    assert_works(store_alias_get(store, ARTIFACT_MODEL, "chd", "champion", &found, &why));
    assert_same_digest(&found, version);
}

static void alias_moves_only_to_what_is_there_under_its_name(void **state)
{
    struct store *store = store_of(state);
    struct digest version = put(store, "chd", "v1"), none = digest_of("none");
    uint64_t before = generation_of(store);
    assert_int_equal(
        store_alias_move(store, ARTIFACT_MODEL, "chd", "champion", &none, NULL),
        STATUS_NOT_FOUND);
    assert_int_equal(
        store_alias_move(store, ARTIFACT_MODEL, "diabetes", "champion", &version, NULL),
        STATUS_NOT_FOUND);
    assert_int_equal(
        store_alias_move(store, ARTIFACT_PROGRAM, "chd", "champion", &version, NULL),
        STATUS_NOT_FOUND);
    assert_int_equal(
        store_alias_get(store, ARTIFACT_MODEL, "chd", "champion", &none, NULL),
        STATUS_NOT_FOUND);
    assert_int_equal(rollback(store, &none), STATUS_NOT_FOUND);
    assert_int_equal(generation_of(store), before);
    move(store, &version);
    assert_champion(store, &version);
    assert_true(generation_of(store) > before);
}

static void rollback_goes_back_one_move_at_a_time(void **state)
{
    struct store *store = store_of(state);
    struct digest v1 = put(store, "chd", "v1"), v2 = put(store, "chd", "v2"),
                  v3 = put(store, "chd", "v3"), at;
    move(store, &v1);
    move(store, &v2);
    move(store, &v3);
    uint64_t before = generation_of(store);
    assert_int_equal(rollback(store, &at), STATUS_OK);
    assert_same_digest(&at, &v2);
    assert_true(generation_of(store) > before);
    assert_champion(store, &v2);
    assert_int_equal(rollback(store, &at), STATUS_OK);
    assert_champion(store, &v1);
    before = generation_of(store);
    assert_int_equal(rollback(store, &at), STATUS_NOT_FOUND);
    assert_champion(store, &v1);
    assert_int_equal(generation_of(store), before);
}

static void move_after_a_rollback_starts_from_there(void **state)
{
    struct store *store = store_of(state);
    struct digest v1 = put(store, "chd", "v1"), v2 = put(store, "chd", "v2"),
                  v3 = put(store, "chd", "v3"), at;
    move(store, &v1);
    move(store, &v2);
    assert_int_equal(rollback(store, &at), STATUS_OK);
    move(store, &v3);
    assert_int_equal(rollback(store, &at), STATUS_OK);
    assert_same_digest(&at, &v1);
}

static void move_to_where_it_is_is_no_move(void **state)
{
    struct store *store = store_of(state);
    struct digest v1 = put(store, "chd", "v1"), v2 = put(store, "chd", "v2"), at;
    move(store, &v1);
    move(store, &v2);
    uint64_t before = generation_of(store);
    move(store, &v2);
    assert_int_equal(generation_of(store), before);
    assert_int_equal(rollback(store, &at), STATUS_OK);
    assert_same_digest(&at, &v1);
    /* Back to where it was before is a move all the same. */
    move(store, &v2);
    move(store, &v1);
    assert_int_equal(rollback(store, &at), STATUS_OK);
    assert_same_digest(&at, &v2);
}

struct alias_list {
    struct alias items[8];
    size_t count, count_max;
};

static bool gather_alias(void *arg, const struct alias *alias)
{
    struct alias_list *list = arg;
    assert_true(list->count < list->count_max);
    list->items[list->count++] = *alias;
    return list->count < list->count_max;
}

static void aliases_are_listed_by_kind_name_and_alias(void **state)
{
    struct store *store = store_of(state);
    struct digest program, other = put(store, "zeta", "z"), v1 = put(store, "chd", "v1"),
                           v2 = put(store, "chd", "v2");
    assert_works(
        store_put(store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME, "p", 1, &program, &why));
    assert_works(store_alias_move(store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME,
                                  STORE_PROGRAM_ALIAS, &program, &why));
    assert_works(
        store_alias_move(store, ARTIFACT_MODEL, "zeta", "champion", &other, &why));
    move(store, &v1);
    assert_works(store_alias_move(store, ARTIFACT_MODEL, "chd", "challenger", &v1, &why));
    move(store, &v2);

    struct alias_list all = {.count_max = 8}, few = {.count_max = 3};
    static const char *const expected[][2] = {{"chd", "challenger"},
                                              {"chd", "champion"},
                                              {"zeta", "champion"},
                                              {"default", "current"}};
    assert_works(store_aliases(store, gather_alias, &all, &why));
    assert_int_equal(all.count, 4);
    for (size_t i = 0; i < all.count; i++) {
        assert_string_equal(all.items[i].name, expected[i][0]);
        assert_string_equal(all.items[i].alias, expected[i][1]);
    }
    assert_int_equal(all.items[3].kind, ARTIFACT_PROGRAM);
    assert_same_digest(&all.items[0].version, &v1);
    assert_same_digest(&all.items[1].version, &v2);
    assert_works(store_aliases(store, gather_alias, &few, &why));
    assert_int_equal(few.count, 3);
}

/* ---- watching ---- */

struct watcher {
    struct store *store; /* the thread's own handle */
    uint64_t known, seen, ended_ms;
    uint32_t timeout_ms;
    atomic_bool stop;
    enum status status;
};

static void *watch(void *arg)
{
    struct watcher *self = arg;
    self->status = store_watch(self->store, self->known, self->timeout_ms, &self->stop,
                               &self->seen, NULL);
    self->ended_ms = clock_monotonic_ms();
    return NULL;
}

static void watch_sees_a_change_within_250_ms(void **state)
{
    enum { MOVES = 8 };
    struct store *store = store_of(state);
    struct digest versions[2] = {put(store, "chd", "v1"), put(store, "chd", "v2")};
    struct watcher watcher = {.store = store_fixture_handle(*state), .timeout_ms = 20000};
    uint64_t longest_ms = 0;
    int late = 0;
    for (int i = 0; i < MOVES; i++) {
        pthread_t thread;
        watcher.known = generation_of(store);
        assert_int_equal(pthread_create(&thread, NULL, watch, &watcher), 0);
        move(store, &versions[i % 2]);
        uint64_t moved_ms = clock_monotonic_ms();
        pthread_join(thread, NULL);
        assert_int_equal(watcher.status, STATUS_OK);
        assert_true(watcher.seen > watcher.known);
        uint64_t wait_ms = watcher.ended_ms > moved_ms ? watcher.ended_ms - moved_ms : 0;
        longest_ms = wait_ms > longest_ms ? wait_ms : longest_ms;
        late += wait_ms > 250;
    }
    print_message("longest until a change was seen: %d ms\n", (int)longest_ms);
    assert_in_range(late, 0, 1); /* one scheduling accident on a busy machine */
    store_close(watcher.store);
}

static void watch_ends_at_its_timeout(void **state)
{
    struct store *store = store_of(state);
    struct watcher watcher = {
        .store = store, .known = generation_of(store), .timeout_ms = 120};
    uint64_t begun_ms = clock_monotonic_ms();
    watch(&watcher);
    assert_int_equal(watcher.status, STATUS_OK);
    assert_int_equal(watcher.seen, watcher.known);
    assert_in_range(watcher.ended_ms - begun_ms, 120, 2000);
}

static void watch_ends_when_told_to_stop(void **state)
{
    struct store *store = store_of(state);
    struct watcher watcher = {.store = store_fixture_handle(*state),
                              .known = generation_of(store),
                              .timeout_ms = 30000};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, watch, &watcher), 0);
    uint64_t stopped_ms = clock_monotonic_ms();
    atomic_store(&watcher.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(watcher.status, STATUS_OK);
    assert_true(watcher.ended_ms - stopped_ms < 2000);
    store_close(watcher.store);
}

/* ---- settlement ---- */

static struct settlement scored_settlement(void)
{
    struct settlement settlement = {.outcome = SETTLE_COUNTED,
                                    .period = PERIOD,
                                    .has_program = true,
                                    .program = digest_of("program"),
                                    .target_count = STORE_TARGETS_MAX};
    for (size_t i = 0; i < STORE_TARGETS_MAX; i++) { /* names of every length */
        memset(settlement.targets[i].name, 'a' + (int)i, 1 + i * 62 / 15);
        settlement.targets[i].version = digest_of(settlement.targets[i].name);
    }
    return settlement;
}

static void assert_same_settlement(const struct settlement *a, const struct settlement *b)
{
    assert_int_equal(a->outcome, b->outcome);
    assert_string_equal(a->reason, b->reason);
    assert_int_equal(a->period, b->period);
    assert_int_equal(a->has_program, b->has_program);
    if (a->has_program)
        assert_same_digest(&a->program, &b->program);
    assert_int_equal(a->target_count, b->target_count);
    for (size_t i = 0; i < a->target_count; i++) {
        assert_string_equal(a->targets[i].name, b->targets[i].name);
        assert_same_digest(&a->targets[i].version, &b->targets[i].version);
    }
}

static void assert_people(struct store *store, int64_t people)
{
    struct demand_cell total = demand_total(store), one = one_person("");
    assert_int_equal(total.people, people);
    assert_int_equal(total.sum_p, people * one.sum_p);
    assert_int_equal(total.sum_pq, people * one.sum_pq);
}

static void second_settlement_gets_what_the_first_recorded(void **state)
{
    struct store *store = store_of(state);
    struct demand_cell cell = one_person("KE");
    struct settle_request first = counted(1, 7, &cell), again = counted(1, 7, &cell);
    struct settle_result result;
    first.settlement = scored_settlement();
    assert_int_equal(settle(store, &first, &result), SETTLED_FIRST);
    assert_same_settlement(&result.settlement, &first.settlement);
    assert_people(store, 1);

    again.settlement.period = 202701; /* another worker, another promotion */
    assert_int_equal(settle(store, &again, &result), SETTLED_DUPLICATE);
    assert_same_settlement(&result.settlement, &first.settlement);
    assert_people(store, 1);
    assert_int_equal(settlement_count(store), 1);
}

static void settlement_outlives_the_handle(void **state)
{
    struct store_fixture *fixture = *state;
    struct demand_cell cell = one_person("KE");
    struct settle_request request = counted(1, 7, &cell);
    struct settle_result result;
    request.settlement = scored_settlement();
    assert_int_equal(settle(fixture->store, &request, NULL), SETTLED_FIRST);
    store_close(fixture->store);
    fixture->store = store_fixture_handle(fixture);
    assert_int_equal(settle(fixture->store, &request, &result), SETTLED_DUPLICATE);
    assert_same_settlement(&result.settlement, &request.settlement);
    assert_people(fixture->store, 1);
}

static void invalid_batch_is_recorded_with_its_reason(void **state)
{
    struct store *store = store_of(state);
    struct settle_request request = counted(1, 0, NULL), other;
    struct settle_result result;
    request.settlement.outcome = SETTLE_INVALID;
    memset(request.settlement.reason, 'x', STORE_REASON_MAX);
    assert_int_equal(settle(store, &request, NULL), SETTLED_FIRST);
    struct demand_cell cell = one_person("KE");
    other = counted(1, 0, &cell);
    assert_int_equal(settle(store, &other, &result), SETTLED_DUPLICATE);
    assert_same_settlement(&result.settlement, &request.settlement);
    assert_people(store, 0);
}

static void key_with_another_body_is_reused(void **state)
{
    struct store *store = store_of(state);
    struct demand_cell cell = one_person("KE");
    struct settle_request first = counted(1, 7, &cell), other = counted(1, 7, &cell);
    struct settle_result result;
    other.body = digest_of("another body");
    assert_int_equal(settle(store, &first, NULL), SETTLED_FIRST);
    assert_int_equal(settle(store, &other, NULL), SETTLED_REUSED);
    assert_people(store, 1);
    assert_int_equal(settle(store, &first, &result), SETTLED_DUPLICATE);
    assert_same_settlement(&result.settlement, &first.settlement);
}

static void clients_do_not_share_sequences_or_watermarks(void **state)
{
    struct store *store = store_of(state);
    struct demand_cell cell = one_person("KE");
    struct settle_request one = counted(1, 7, &cell), two = counted(2, 7, &cell);
    assert_int_equal(settle(store, &one, NULL), SETTLED_FIRST);
    assert_int_equal(settle(store, &two, NULL), SETTLED_FIRST);
    one = counted(1, 9, &cell);
    one.acked_below = 9;
    assert_int_equal(settle(store, &one, NULL), SETTLED_FIRST);
    assert_int_equal(settle(store, &two, NULL), SETTLED_DUPLICATE);
    assert_people(store, 3);
}

static void what_is_below_the_watermark_is_acknowledged_and_pruned(void **state)
{
    struct store *store = store_of(state);
    struct demand_cell cell = one_person("KE");
    for (uint64_t sequence = 0; sequence < 4; sequence++) {
        struct settle_request request = counted(1, sequence, &cell);
        assert_int_equal(settle(store, &request, NULL), SETTLED_FIRST);
    }
    struct settle_request up = counted(1, 5, &cell);
    up.acked_below = 3;
    assert_int_equal(settle(store, &up, NULL), SETTLED_FIRST);
    assert_int_equal(settlement_count(store), 2); /* 3 and 5 */

    struct settle_request below = counted(1, 2, &cell), at = counted(1, 3, &cell);
    assert_int_equal(settle(store, &below, NULL), SETTLED_ACKNOWLEDGED);
    assert_int_equal(settle(store, &at, NULL), SETTLED_DUPLICATE);
    below.body = digest_of("another body"); /* no longer known */
    assert_int_equal(settle(store, &below, NULL), SETTLED_ACKNOWLEDGED);
    assert_people(store, 5);
}

static void watermark_never_goes_back(void **state)
{
    struct store *store = store_of(state);
    struct demand_cell cell = one_person("KE");
    struct settle_request high = counted(1, 9, &cell), late = counted(1, 10, &cell),
                          below = counted(1, 8, &cell);
    high.acked_below = 9;
    late.acked_below = 2; /* sent before the client knew more */
    assert_int_equal(settle(store, &high, NULL), SETTLED_FIRST);
    assert_int_equal(settle(store, &late, NULL), SETTLED_FIRST);
    assert_int_equal(settle(store, &below, NULL), SETTLED_ACKNOWLEDGED);
}

static void duplicate_moves_the_watermark_too(void **state)
{
    struct store *store = store_of(state);
    struct demand_cell cell = one_person("KE");
    struct settle_request first = counted(1, 1, &cell), second = counted(1, 2, &cell);
    assert_int_equal(settle(store, &first, NULL), SETTLED_FIRST);
    assert_int_equal(settle(store, &second, NULL), SETTLED_FIRST);
    second.acked_below = 2;
    assert_int_equal(settle(store, &second, NULL), SETTLED_DUPLICATE);
    assert_int_equal(settlement_count(store), 1);
    assert_int_equal(settle(store, &first, NULL), SETTLED_ACKNOWLEDGED);
}

static void sequences_are_ordered_over_all_64_bits(void **state)
{
    static const uint64_t sequences[] = {
        0, 1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX - 1, UINT64_MAX};
    enum { COUNT = sizeof sequences / sizeof sequences[0] };
    struct store *store = store_of(state);
    struct demand_cell cell = one_person("KE");
    for (size_t i = 0; i < COUNT; i++) {
        struct settle_request request = counted(1, sequences[i], &cell);
        assert_int_equal(settle(store, &request, NULL), SETTLED_FIRST);
    }
    for (size_t i = 0; i < COUNT; i++) {
        struct settle_request request = counted(1, UINT64_MAX, &cell);
        request.acked_below = sequences[i];
        assert_int_equal(settle(store, &request, NULL), SETTLED_DUPLICATE);
        assert_int_equal(settlement_count(store), COUNT - i);
    }
}

static void pruning_keeps_no_more_than_the_window(void **state)
{
    enum { WINDOW = 16, BATCHES = 400 };
    struct store *store = store_of(state);
    struct demand_cell cell = one_person("KE");
    for (uint64_t sequence = 0; sequence < BATCHES; sequence++) {
        struct settle_request request = counted(1, sequence, &cell);
        request.acked_below = sequence < WINDOW ? 0 : sequence - WINDOW + 1;
        assert_int_equal(settle(store, &request, NULL), SETTLED_FIRST);
        assert_in_range(settlement_count(store), 1, WINDOW);
    }
    assert_int_equal(settlement_count(store), WINDOW);
    assert_people(store, BATCHES);
}

static void group_is_settled_in_order(void **state)
{
    struct store *store = store_of(state);
    struct demand_cell cell = one_person("KE");
    struct settle_request group[5] = {counted(1, 1, &cell), counted(1, 1, &cell),
                                      counted(1, 1, &cell), counted(1, 2, &cell),
                                      counted(1, 1, &cell)};
    struct settle_result results[5];
    static const enum settle_verdict expected[5] = {SETTLED_FIRST, SETTLED_REUSED,
                                                    SETTLED_DUPLICATE, SETTLED_FIRST,
                                                    SETTLED_ACKNOWLEDGED};
    group[1].body = digest_of("another body");
    group[3].acked_below = 2;
    assert_works(store_settle(store, group, 5, results, &why));
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(results[i].verdict, expected[i]);
    assert_people(store, 2);
    assert_works(store_settle(store, group, 0, results, &why));
}

/* ---- demand ---- */

static void sum_that_would_overflow_settles_nothing_of_its_group(void **state)
{
    struct store *store = store_of(state);
    for (int field = 0; field < 3; field++) {
        struct demand_cell full = one_person("KE"), more = one_person("KE");
        int64_t *sums[3] = {&full.people, &full.sum_p, &full.sum_pq};
        full.period = more.period = PERIOD + field;
        *sums[field] = INT64_MAX - (field == 0 ? more.people
                                               : (field == 1 ? more.sum_p : more.sum_pq));
        struct settle_request to_the_brim = counted(1, (uint64_t)field * 10, &full),
                              exact = counted(1, (uint64_t)field * 10 + 1, &more),
                              group[2] = {counted(1, (uint64_t)field * 10 + 2, NULL),
                                          counted(1, (uint64_t)field * 10 + 3, &more)};
        struct settle_result results[2];
        struct error_text error = {""};
        assert_int_equal(settle(store, &to_the_brim, NULL), SETTLED_FIRST);
        assert_int_equal(settle(store, &exact, NULL), SETTLED_FIRST); /* INT64_MAX */
        uint64_t before = settlement_count(store);
        group[1].acked_below = group[1].sequence;
        assert_int_equal(store_settle(store, group, 2, results, &error), STATUS_INVALID);
        assert_non_null(strstr(error.text, "64 bits"));
        assert_int_equal(settlement_count(store), before); /* nor was any pruned */
        assert_int_equal(settle(store, &exact, NULL), SETTLED_DUPLICATE);
        group[1].demand_count = 0;
        assert_works(store_settle(store, group, 2, results, &why));
        assert_int_equal(results[0].verdict, SETTLED_FIRST);
    }
}

struct cell_list {
    struct demand_cell items[160];
    size_t count, count_max;
};

static bool gather_cell(void *arg, const struct demand_cell *cell)
{
    struct cell_list *list = arg;
    assert_true(list->count < list->count_max);
    list->items[list->count++] = *cell;
    return list->count < list->count_max;
}

static void demand_is_added_per_cell_and_listed_in_order(void **state)
{
    struct store *store = store_of(state);
    struct demand_cell cells[6];
    for (size_t i = 0; i < 6; i++)
        cells[i] = one_person("KE/Kisumu");
    strcpy(cells[0].tier, "low");
    strcpy(cells[1].target, "diabetes");
    strcpy(cells[2].region, "KE/Busia");
    cells[3].period = 202601;
    cells[5].people = 3; /* the same cell as cells[4] */
    struct settle_request request = counted(1, 1, cells);
    request.demand_count = 6;
    assert_int_equal(settle(store, &request, NULL), SETTLED_FIRST);

    struct cell_list all = {.count_max = 8}, year = {.count_max = 8},
                     few = {.count_max = 2};
    assert_works(store_demand(store, 0, gather_cell, &all, &why));
    assert_int_equal(all.count, 5);
    assert_int_equal(all.items[0].period, 202601);
    assert_string_equal(all.items[1].region, "KE/Busia");
    assert_string_equal(all.items[2].tier, "high");
    assert_int_equal(all.items[2].people, 4);
    assert_int_equal(all.items[2].sum_p, 2 * cells[0].sum_p);
    assert_int_equal(all.items[2].sum_pq, 2 * cells[0].sum_pq);
    assert_string_equal(all.items[3].tier, "low");
    assert_string_equal(all.items[4].target, "diabetes");
    assert_works(store_demand(store, 202601, gather_cell, &year, &why));
    assert_int_equal(year.count, 1);
    assert_works(store_demand(store, 0, gather_cell, &few, &why));
    assert_int_equal(few.count, 2);
}

/* Each of a group's batches has the same cell: sums small enough to be added up before,
 * others not. */
static void group_on_one_cell_adds_up_to_the_integer(void **state)
{
    enum { GROUP = 400 };
    struct store *store = store_of(state);
    struct demand_cell cells[GROUP];
    struct settle_request group[GROUP];
    struct settle_result results[GROUP];
    int64_t sum_p = 0, sum_pq = 0;
    for (size_t i = 0; i < GROUP; i++) {
        cells[i] = one_person("KE");
        cells[i].sum_p = i % 3 == 0 ? (INT64_C(1) << 53) + 1
                                    : 99999999999999 - (int64_t)(i * i % 1000);
        cells[i].sum_pq = i % 5 == 0 ? 0 : INT64_C(99999999999999);
        sum_p += cells[i].sum_p;
        sum_pq += cells[i].sum_pq;
        group[i] = counted(1, i, &cells[i]);
    }
    assert_works(store_settle(store, group, GROUP, results, &why));
    struct demand_cell total = demand_total(store);
    assert_int_equal(total.people, GROUP);
    assert_int_equal(total.sum_p, sum_p);
    assert_int_equal(total.sum_pq, sum_pq);
}

/* And of several clients, whose batches take turns. */
static void group_of_many_cells_and_clients_keeps_them_apart(void **state)
{
    enum { GROUP = 400, REGIONS = 150, CLIENTS = 3 };
    struct store *store = store_of(state);
    struct demand_cell cells[GROUP];
    struct settle_request group[GROUP];
    struct settle_result results[GROUP];
    struct cell_list all = {.count_max = REGIONS + 1};
    uint64_t left;
    for (size_t i = 0; i < GROUP; i++) {
        cells[i] = one_person("KE");
        snprintf(cells[i].region, sizeof cells[i].region, "KE/%03zu", i % REGIONS);
        group[i] = counted(1 + (uint8_t)(i % CLIENTS), i, &cells[i]);
        group[i].acked_below = i < 30 ? 0 : i - 30;
    }
    assert_works(store_settle(store, group, GROUP, results, &why));
    assert_works(store_demand(store, 0, gather_cell, &all, &why));
    assert_int_equal(all.count, REGIONS);
    for (size_t i = 0; i < REGIONS; i++)
        assert_int_equal(all.items[i].people, GROUP / REGIONS + (i < GROUP % REGIONS));
    assert_works(store_settlement_count(store, &left, &why));
    assert_int_equal(left, 33); /* 11 of each client */
}

/* The first two cells of the group are added before the third overflows. */
static void what_a_failing_group_added_is_taken_back(void **state)
{
    struct store *store = store_of(state);
    struct demand_cell full = one_person("KE/Full"), sure = one_person("KE/Sure");
    sure.sum_pq = 0; /* probability one: a sum that is there, and zero */
    full.people = INT64_MAX;
    struct demand_cell before[2] = {full, sure},
                       more[3] = {sure, one_person("KE/New"), one_person("KE/Full")};
    struct settle_request first = counted(1, 1, before), second = counted(1, 2, more);
    first.demand_count = 2;
    second.demand_count = 3;
    struct settle_result result;
    struct cell_list after = {.count_max = 8};
    assert_int_equal(settle(store, &first, NULL), SETTLED_FIRST);
    assert_int_equal(store_settle(store, &second, 1, &result, NULL), STATUS_INVALID);
    assert_works(store_demand(store, 0, gather_cell, &after, &why));
    assert_int_equal(after.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(after.items[i].region, before[i].region);
        assert_int_equal(after.items[i].people, before[i].people);
        assert_int_equal(after.items[i].sum_p, before[i].sum_p);
        assert_int_equal(after.items[i].sum_pq, before[i].sum_pq);
    }
}

/* ---- dead letters ---- */

struct letter_list {
    struct dead_letter items[4];
    uint8_t bodies[4][8];
    size_t count, stop_at; /* 0: visit all */
};

static bool gather_letter(void *arg, const struct dead_letter *letter)
{
    struct letter_list *list = arg;
    assert_true(list->count < 4 && letter->size <= 8);
    if (letter->size > 0)
        memcpy(list->bodies[list->count], letter->body, letter->size);
    list->items[list->count++] = *letter;
    return list->count != list->stop_at;
}

static struct settle_request dead(uint64_t sequence, const void *body, size_t size)
{
    struct settle_request request = counted(1, sequence, NULL);
    request.settlement.outcome = SETTLE_DEAD;
    strcpy(request.settlement.reason, "given up after 3 attempts");
    request.dead_body = body;
    request.dead_size = size;
    request.dead_as_of = -1;
    request.dead_attempts = 3;
    request.dead_records = 65536;
    return request;
}

static struct settle_key key_of(const struct settle_request *request)
{
    struct settle_key key = {.sequence = request->sequence};
    memcpy(key.client, request->client, sizeof key.client);
    return key;
}

static void dead_batch_is_kept_as_a_letter(void **state)
{
    struct store *store = store_of(state);
    struct demand_cell cell = one_person("KE");
    struct settle_request first = dead(UINT64_MAX, "a\0b", 3), empty = dead(3, NULL, 0),
                          counted_first = counted(1, 4, &cell), late = dead(4, "x", 1);
    struct settle_result result;
    struct letter_list letters = {.count = 0};
    assert_int_equal(settle(store, &first, NULL), SETTLED_FIRST);
    assert_int_equal(settle(store, &first, NULL), SETTLED_DUPLICATE);
    assert_int_equal(settle(store, &empty, NULL), SETTLED_FIRST);
    assert_int_equal(settle(store, &counted_first, NULL), SETTLED_FIRST);
    assert_int_equal(settle(store, &late, &result), SETTLED_DUPLICATE);
    assert_int_equal(result.settlement.outcome, SETTLE_COUNTED);

    assert_works(store_dead_letters(store, gather_letter, &letters, &why));
    assert_int_equal(letters.count, 2);
    assert_int_equal(letters.items[0].key.sequence, 3);
    assert_int_equal(letters.items[0].size, 0);
    assert_int_equal(letters.items[1].key.sequence, UINT64_MAX);
    assert_int_equal(letters.items[1].size, 3);
    assert_memory_equal(letters.bodies[1], "a\0b", 3);
    assert_memory_equal(letters.items[1].key.client, first.client, sizeof first.client);
    assert_string_equal(letters.items[1].region, "KE/Kisumu");
    assert_string_equal(letters.items[1].reason, "given up after 3 attempts");
}

static void batch_that_died_is_not_counted_later(void **state)
{
    struct store *store = store_of(state);
    struct demand_cell cell = one_person("KE");
    struct settle_request buried = dead(4, "x", 1), late = counted(1, 4, &cell);
    struct settle_result result;
    assert_int_equal(settle(store, &buried, NULL), SETTLED_FIRST);
    assert_int_equal(settle(store, &late, &result), SETTLED_DUPLICATE);
    assert_same_settlement(&result.settlement, &buried.settlement);
    assert_people(store, 0);
}

static void letter_stays_when_its_settlement_is_pruned(void **state)
{
    struct store *store = store_of(state);
    struct settle_request buried = dead(4, "x", 1), next = counted(1, 5, NULL);
    struct letter_list letters = {.count = 0};
    next.acked_below = 5;
    assert_int_equal(settle(store, &buried, NULL), SETTLED_FIRST);
    assert_int_equal(settle(store, &next, NULL), SETTLED_FIRST);
    assert_int_equal(settle(store, &buried, NULL), SETTLED_ACKNOWLEDGED);
    assert_works(store_dead_letters(store, gather_letter, &letters, &why));
    assert_int_equal(letters.count, 1);
}

static void letter_is_told_when_and_for_what_it_was_buried(void **state)
{
    struct store *store = store_of(state);
    struct settle_request buried = dead(4, "abc", 3);
    struct settle_key key = key_of(&buried), other = {.sequence = 4};
    struct dead_letter letter, page[STORE_LETTERS_PAGE];
    uint8_t *body;
    size_t count;
    int64_t before_s = time(NULL);
    assert_int_equal(settle(store, &buried, NULL), SETTLED_FIRST);
    assert_works(store_dead_letter_get(store, &key, &letter, &body, &why));
    assert_memory_equal(body, "abc", 3);
    assert_ptr_equal(letter.body, body);
    free(body);
    assert_works(store_dead_letter_page(store, NULL, page, &count, &why));
    assert_int_equal(count, 1);
    assert_null(page[0].body);
    letter.body = NULL;
    assert_memory_equal(&letter, page, sizeof letter);
    assert_memory_equal(&letter.key, &key, sizeof key);
    assert_int_equal(letter.size, 3);
    assert_in_range(letter.buried_s, before_s, time(NULL));
    assert_int_equal(letter.as_of, -1);
    assert_int_equal(letter.attempts, 3);
    assert_int_equal(letter.records, 65536);
    assert_string_equal(letter.region, "KE/Kisumu");
    assert_int_equal(store_dead_letter_get(store, &other, &letter, &body, &why),
                     STATUS_NOT_FOUND);
    assert_null(body);
}

static void letters_come_in_pages_by_key(void **state)
{
    enum { LETTERS = 2 * STORE_LETTERS_PAGE + 1 };
    struct store *store = store_of(state);
    struct dead_letter page[STORE_LETTERS_PAGE];
    struct settle_key last;
    size_t count, seen = 0;
    for (uint64_t i = LETTERS; i > 0; i--) { /* backwards, over all 64 bits */
        struct settle_request buried = dead(i * (UINT64_MAX / LETTERS), "x", 1);
        assert_int_equal(settle(store, &buried, NULL), SETTLED_FIRST);
    }
    assert_works(store_dead_letter_page(store, NULL, page, &count, &why));
    while (count > 0) {
        for (size_t i = 0; i < count; i++)
            assert_int_equal(page[i].key.sequence, ++seen * (UINT64_MAX / LETTERS));
        last = page[count - 1].key;
        assert_works(store_dead_letter_page(store, &last, page, &count, &why));
    }
    assert_int_equal(seen, LETTERS);
    struct letter_list letters = {.stop_at = 2};
    assert_works(store_dead_letters(store, gather_letter, &letters, &why));
    assert_int_equal(letters.count, 2);
}

static void dropped_letter_is_gone_and_its_batch_stays_dead(void **state)
{
    struct store *store = store_of(state);
    struct demand_cell cell = one_person("KE");
    struct settle_request buried = dead(4, "x", 1), other = dead(5, "y", 1),
                          late = counted(1, 4, &cell);
    struct settle_key key = key_of(&buried);
    struct settle_result result;
    struct letter_list letters = {.count = 0};
    assert_int_equal(settle(store, &buried, NULL), SETTLED_FIRST);
    assert_int_equal(settle(store, &other, NULL), SETTLED_FIRST);
    assert_works(store_dead_letter_drop(store, &key, &why));
    assert_int_equal(store_dead_letter_drop(store, &key, &why), STATUS_NOT_FOUND);
    assert_works(store_dead_letters(store, gather_letter, &letters, &why));
    assert_int_equal(letters.count, 1);
    assert_int_equal(letters.items[0].key.sequence, 5);
    assert_int_equal(settle(store, &late, &result), SETTLED_DUPLICATE);
    assert_int_equal(result.settlement.outcome, SETTLE_DEAD);
    assert_people(store, 0);
}

static void settlement_is_found_by_its_key_until_it_is_pruned(void **state)
{
    struct store *store = store_of(state);
    struct demand_cell cell = one_person("KE");
    struct settle_request first = counted(1, 4, &cell), next = counted(1, 5, &cell);
    struct settle_key key = key_of(&first), other = {.sequence = 4};
    struct settlement found;
    next.acked_below = 5;
    assert_int_equal(settle(store, &first, NULL), SETTLED_FIRST);
    assert_works(store_settlement_get(store, &key, &found, &why));
    assert_same_settlement(&found, &first.settlement);
    assert_int_equal(store_settlement_get(store, &other, &found, &why), STATUS_NOT_FOUND);
    assert_int_equal(settle(store, &next, NULL), SETTLED_FIRST);
    assert_int_equal(store_settlement_get(store, &key, &found, &why), STATUS_NOT_FOUND);
}

/* ---- check ---- */

struct finding_list {
    struct store_finding items[16];
    size_t count;
};

static void gather_finding(void *arg, const struct store_finding *finding)
{
    struct finding_list *list = arg;
    assert_true(list->count < 16);
    list->items[list->count++] = *finding;
}

static void assert_finding(const struct finding_list *list, const char *what,
                           const char *expected)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].what, what) != 0)
            continue;
        if (strstr(list->items[i].text, expected) == NULL)
            fail_msg("%s: '%s' is not in '%s'", what, expected, list->items[i].text);
        return;
    }
    fail_msg("nothing is said of %s", what);
}

static void check_says_where_it_is_what_it_holds_and_that_nothing_is_missing(void **state)
{
    struct store_fixture *fixture = *state;
    struct store *store = fixture->store;
    struct demand_cell cell = one_person("KE");
    struct settle_request buried = dead(4, "abc", 3), first = counted(1, 5, &cell);
    struct finding_list list = {.count = 0};
    struct digest program;
    put(store, "chd", "v1");
    put(store, "chd", "longer");
    assert_works(
        store_put(store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME, "p", 1, &program, &why));
    assert_int_equal(settle(store, &buried, NULL), SETTLED_FIRST);
    assert_int_equal(settle(store, &first, NULL), SETTLED_FIRST);
    assert_works(store_check(store, gather_finding, &list, &why));
    assert_finding(&list, "store", fixture->folder);
    assert_finding(&list, "kind", "format 1");
    assert_finding(&list, "models", "2 versions, 8 bytes");
    assert_finding(&list, "programs", "1 versions, 1 bytes");
    assert_finding(&list, "plans", "0 versions");
    assert_finding(&list, "settlements", "2 that");
    assert_finding(&list, "demand", "1 cells, 1 scorings");
    assert_finding(&list, "dead letters", "1, 3 bytes");
    for (size_t i = 0; i < list.count; i++)
        assert_false(list.items[i].missing);
}

/* ---- the random walk ---- */

enum { CLIENTS = 3, SEQUENCES = 40, BODIES = 2 };

/* What store.h promises, without a store. */
struct model {
    uint8_t first_client;
    uint64_t watermark[CLIENTS];
    int body[CLIENTS][SEQUENCES]; /* -1: not settled */
    int32_t period[CLIENTS][SEQUENCES];
    int64_t people;
    uint64_t kept;
};

static enum settle_verdict model_settle(struct model *self, int client, uint64_t sequence,
                                        uint64_t acked_below, int body, int32_t period)
{
    if (sequence < self->watermark[client])
        return SETTLED_ACKNOWLEDGED;
    for (; self->watermark[client] < acked_below; self->watermark[client]++)
        self->kept -= self->body[client][self->watermark[client]] >= 0;
    if (self->body[client][sequence] >= 0)
        return self->body[client][sequence] == body ? SETTLED_DUPLICATE : SETTLED_REUSED;
    self->body[client][sequence] = body;
    self->period[client][sequence] = period;
    self->people++;
    self->kept++;
    return SETTLED_FIRST;
}

static void walk_one_group(struct store *store, struct model *model, int64_t *verdicts)
{
    static const char *const bodies[BODIES] = {"one", "other"};
    enum { GROUP_MAX = 6 };
    struct settle_request group[GROUP_MAX];
    struct settle_result results[GROUP_MAX];
    int clients[GROUP_MAX], body[GROUP_MAX];
    struct demand_cell cell = one_person("KE");
    size_t count = 1 + (size_t)rand() % GROUP_MAX;
    for (size_t i = 0; i < count; i++) {
        clients[i] = rand() % CLIENTS;
        body[i] = rand() % 8 == 0; /* mostly the same */
        group[i] = counted((uint8_t)(model->first_client + clients[i]),
                           (uint64_t)rand() % SEQUENCES, &cell);
        group[i].body = digest_of(bodies[body[i]]);
        group[i].settlement.period = 1 + rand() % 1000;
        if (rand() % 16 == 0) /* mostly 0, so that the walk lasts */
            group[i].acked_below = (uint64_t)rand() % (group[i].sequence + 1);
    }
    assert_works(store_settle(store, group, count, results, &why));
    for (size_t i = 0; i < count; i++) {
        enum settle_verdict expected =
            model_settle(model, clients[i], group[i].sequence, group[i].acked_below,
                         body[i], group[i].settlement.period);
        assert_int_equal(results[i].verdict, expected);
        verdicts[expected]++;
        if (expected == SETTLED_DUPLICATE)
            assert_int_equal(results[i].settlement.period,
                             model->period[clients[i]][group[i].sequence]);
    }
}

static void random_walk_agrees_with_the_model(void **state)
{
    enum { STEPS = 600, STEPS_PER_CLIENT = 60 };
    struct store *store = store_of(state);
    struct model model = {.people = 0};
    int64_t verdicts[4] = {0};
    srand(test_seed(1));
    for (int step = 0; step < STEPS; step++) {
        if (step % STEPS_PER_CLIENT == 0) { /* watermarks are high: go on with others */
            model.first_client = (uint8_t)(step / STEPS_PER_CLIENT * CLIENTS);
            memset(model.watermark, 0, sizeof model.watermark);
            memset(model.body, -1, sizeof model.body);
        }
        walk_one_group(store, &model, verdicts);
        assert_int_equal(settlement_count(store), model.kept);
        assert_people(store, model.people);
    }
    for (int verdict = 0; verdict < 4; verdict++)
        assert_true(verdicts[verdict] > 20); /* the walk went everywhere */
}

int main(void)
{
#define TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, store_fixture_open, store_fixture_close)
    static const struct CMUnitTest tests[] = {
        TEST(address_of_no_known_scheme_is_refused),
        TEST(name_is_short_lower_case_and_plain),
        TEST(bad_name_is_refused_wherever_one_is_taken),
        TEST(bytes_come_back_under_their_digest),
        TEST(large_artifact_comes_back_whole),
        TEST(artifact_of_no_or_too_many_bytes_is_refused),
        TEST(publishing_again_changes_nothing),
        TEST(same_bytes_under_two_names_are_two_artifacts),
        TEST(artifacts_are_listed_newest_first),
        TEST(alias_moves_only_to_what_is_there_under_its_name),
        TEST(rollback_goes_back_one_move_at_a_time),
        TEST(move_after_a_rollback_starts_from_there),
        TEST(move_to_where_it_is_is_no_move),
        TEST(aliases_are_listed_by_kind_name_and_alias),
        TEST(watch_sees_a_change_within_250_ms),
        TEST(watch_ends_at_its_timeout),
        TEST(watch_ends_when_told_to_stop),
        TEST(second_settlement_gets_what_the_first_recorded),
        TEST(settlement_outlives_the_handle),
        TEST(invalid_batch_is_recorded_with_its_reason),
        TEST(key_with_another_body_is_reused),
        TEST(clients_do_not_share_sequences_or_watermarks),
        TEST(what_is_below_the_watermark_is_acknowledged_and_pruned),
        TEST(watermark_never_goes_back),
        TEST(duplicate_moves_the_watermark_too),
        TEST(sequences_are_ordered_over_all_64_bits),
        TEST(pruning_keeps_no_more_than_the_window),
        TEST(group_is_settled_in_order),
        TEST(sum_that_would_overflow_settles_nothing_of_its_group),
        TEST(group_on_one_cell_adds_up_to_the_integer),
        TEST(group_of_many_cells_and_clients_keeps_them_apart),
        TEST(what_a_failing_group_added_is_taken_back),
        TEST(demand_is_added_per_cell_and_listed_in_order),
        TEST(dead_batch_is_kept_as_a_letter),
        TEST(batch_that_died_is_not_counted_later),
        TEST(letter_stays_when_its_settlement_is_pruned),
        TEST(letter_is_told_when_and_for_what_it_was_buried),
        TEST(letters_come_in_pages_by_key),
        TEST(dropped_letter_is_gone_and_its_batch_stays_dead),
        TEST(settlement_is_found_by_its_key_until_it_is_pruned),
        TEST(check_says_where_it_is_what_it_holds_and_that_nothing_is_missing),
        TEST(random_walk_agrees_with_the_model),
    };
    return run_for_each_backend(tests, sizeof tests / sizeof tests[0]);
}
