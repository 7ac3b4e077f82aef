/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a copy is its source, between stores of any two kinds, or it is not there at all.
 * Method: a source with everything that can be in a store, told as text before and after;
 * copies that are interrupted, disturbed, or meant for a store that holds something. */

#include "redis_fixture.h"
#include "store_fixture.h"

#include "store/store_copy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KINDS = 2, TEXT_SIZE = 1 << 16 };

/* Two stores of each kind. */
struct places {
    char folder[32];
    char from[KINDS][64], to[KINDS][64];
    pid_t server;
};

static int open_places(void **state)
{
    struct places *self = calloc(1, sizeof *self);
    if (self == NULL)
        return -1;
    *state = self;
    strcpy(self->folder, "/tmp/chw-copy-XXXXXX");
    if (mkdtemp(self->folder) == NULL)
        return -1;
    self->server = redis_server_start(self->folder, NULL);
    snprintf(self->from[0], sizeof self->from[0], "sqlite:%s/from.db", self->folder);
    snprintf(self->to[0], sizeof self->to[0], "sqlite:%s/to.db", self->folder);
    snprintf(self->from[1], sizeof self->from[1], "redis://%s/redis.sock", self->folder);
    snprintf(self->to[1], sizeof self->to[1], "redis://%s/redis.sock?db=1", self->folder);
    return 0;
}

static int close_places(void **state)
{
    struct places *self = *state;
    char command[64];
    redis_server_kill(self->server);
    snprintf(command, sizeof command, "rm -r %s", self->folder);
    int failed = system(command);
    free(self);
    return failed;
}

static struct store *opened(const char *url)
{
    struct store *store = NULL;
    assert_works(store_open(url, &store, &why));
    return store;
}

/* ---- everything that can be in a store ---- */

static struct digest publish(struct store *store, enum artifact_kind kind,
                             const char *name, const char *text)
{
    struct digest version;
    assert_works(store_put(store, kind, name, text, strlen(text), &version, &why));
    return version;
}

static void publish_all(struct store *store)
{
    struct digest v1 = publish(store, ARTIFACT_MODEL, "chd", "v1"),
                  v2 = publish(store, ARTIFACT_MODEL, "chd", "the second"), at;
    publish(store, ARTIFACT_MODEL, "diabetes", "v1"); /* the same bytes */
    publish(store, ARTIFACT_MODEL, "unused", "old");
    struct digest program =
        publish(store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME, "program");
    publish(store, ARTIFACT_PLAN, STORE_PLAN_NAME, "plan");
    const struct digest *moves[] = {&v1, &v2, &v1, &v2};
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
        assert_works(
            store_alias_move(store, ARTIFACT_MODEL, "chd", "champion", moves[i], &why));
    assert_works(
        store_alias_rollback(store, ARTIFACT_MODEL, "chd", "champion", &at, &why));
    assert_works(store_alias_move(store, ARTIFACT_MODEL, "chd", "challenger", &v1, &why));
    assert_works(store_alias_move(store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME,
                                  STORE_PROGRAM_ALIAS, &program, &why));
}

static struct settle_request buried(uint8_t client, uint64_t sequence, size_t size)
{
    static const uint8_t body[300] = {0, 1, 0, 255};
    struct settle_request request = counted(client, sequence, NULL);
    request.settlement.outcome = SETTLE_DEAD;
    strcpy(request.settlement.reason, "given up after 3 attempts");
    request.dead_body = body;
    request.dead_size = size;
    request.dead_as_of = 20000;
    request.dead_attempts = 3;
    request.dead_records = 256;
    return request;
}

static void settle_all(struct store *store)
{
    struct demand_cell cells[3] = {one_person("KE/Kisumu"), one_person("KE"),
                                   one_person("KE/Kisumu")};
    cells[1].period = 202601;
    cells[2].sum_p = INT64_MAX / 2;
    cells[2].sum_pq = 0;
    strcpy(cells[2].tier, "low");
    struct settle_request first = counted(1, 1, cells),
                          last = counted(1, UINT64_MAX, NULL), pruned = buried(2, 7, 300),
                          empty = buried(2, 9, 0), invalid = counted(3, 0, NULL);
    first.demand_count = 3;
    first.settlement.has_program = true;
    first.settlement.program = digest_of("program");
    first.settlement.target_count = STORE_TARGETS_MAX;
    for (size_t i = 0; i < STORE_TARGETS_MAX; i++) {
        snprintf(first.settlement.targets[i].name, STORE_NAME_MAX + 1, "t%zu", i);
        first.settlement.targets[i].version = digest_of("v1");
    }
    empty.acked_below = 8;
    invalid.settlement.outcome = SETTLE_INVALID;
    memset(invalid.settlement.reason, 'x', STORE_REASON_MAX);
    const struct settle_request *all[] = {&first, &last, &pruned, &empty, &invalid};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        assert_int_equal(settle(store, all[i], NULL), SETTLED_FIRST);
}

static void fill_source(const char *url)
{
    struct store *store = opened(url);
    publish_all(store);
    settle_all(store);
    store_close(store);
}

/* ---- a store as text ---- */

struct text {
    char *bytes;
    size_t used;
};

static void say(struct text *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(struct text *self, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int size =
        vsnprintf(self->bytes + self->used, TEXT_SIZE - self->used, format, values);
    va_end(values);
    assert_true(size >= 0 && self->used + (size_t)size < TEXT_SIZE);
    self->used += (size_t)size;
}

static const char *short_of(const struct digest *digest)
{
    static char text[DIGEST_HEX_SIZE];
    digest_format(digest, text);
    text[12] = '\0';
    return text;
}

static bool say_artifact(void *arg, const struct artifact *artifact)
{
    say(arg, "artifact %d %s %s %" PRIu64 " %" PRId64 "\n", (int)artifact->kind,
        artifact->name, short_of(&artifact->version), artifact->size,
        artifact->published_s);
    return true;
}

static bool say_move(void *arg, const struct alias *move)
{
    say(arg, "move %d %s@%s %s\n", (int)move->kind, move->name, move->alias,
        short_of(&move->version));
    return true;
}

static bool say_settled(void *arg, const struct settled *settled)
{
    const struct settlement *settlement = &settled->settlement;
    say(arg, "settled %d %" PRIu64 " below %" PRIu64 " %s: %d '%s' %d",
        settled->client[15], settled->sequence, settled->acked_below,
        short_of(&settled->body), (int)settlement->outcome, settlement->reason,
        (int)settlement->period);
    say(arg, " %s", settlement->has_program ? short_of(&settlement->program) : "-");
    for (size_t i = 0; i < settlement->target_count; i++)
        say(arg, " %s=%s", settlement->targets[i].name,
            short_of(&settlement->targets[i].version));
    say(arg, "\n");
    return true;
}

static bool say_cell(void *arg, const struct demand_cell *cell)
{
    say(arg, "cell %d %s %s %s %" PRId64 " %" PRId64 " %" PRId64 "\n", (int)cell->period,
        cell->region, cell->target, cell->tier, cell->people, cell->sum_p, cell->sum_pq);
    return true;
}

static bool say_letter(void *arg, const struct dead_letter *letter)
{
    struct digest body = digest_sha256(letter->body, letter->size);
    say(arg, "letter %d %" PRIu64 " %s '%s' %" PRId64 " %d %u %u %zu %s\n",
        letter->key.client[0], letter->key.sequence, letter->region, letter->reason,
        letter->buried_s, letter->as_of, letter->attempts, letter->records, letter->size,
        short_of(&body));
    return true;
}

static char *told(const char *url)
{
    struct text text = {.bytes = calloc(1, TEXT_SIZE)};
    struct store *store = opened(url);
    uint64_t settlements = settlement_count(store);
    for (int kind = 0; kind < ARTIFACT_KIND_COUNT; kind++)
        assert_works(store_artifacts(store, (enum artifact_kind)kind, NULL, say_artifact,
                                     &text, &why));
    assert_works(store_alias_moves(store, say_move, &text, &why));
    assert_works(store_settled(store, say_settled, &text, &why));
    assert_works(store_demand(store, 0, say_cell, &text, &why));
    assert_works(store_dead_letters(store, say_letter, &text, &why));
    say(&text, "%" PRIu64 " settlements\n", settlements);
    store_close(store);
    return text.bytes;
}

/* ---- copying ---- */

struct listener {
    struct store *disturbs; /* settles here at the first word */
    uint64_t copied, compared;
};

static void listen_to(void *arg, bool comparing, uint64_t done)
{
    struct listener *self = arg;
    *(comparing ? &self->compared : &self->copied) = done;
    if (self->disturbs == NULL)
        return;
    struct settle_request request = counted(9, 9, NULL);
    assert_int_equal(settle(self->disturbs, &request, NULL), SETTLED_FIRST);
    self->disturbs = NULL;
}

static enum status copy(const char *from_url, const char *to_url,
                        struct listener *listener, struct store_copied *copied,
                        struct error_text *error)
{
    struct store *from = opened(from_url), *to = NULL;
    *error = (struct error_text){""};
    enum status status = store_open_to_fill(to_url, &to, error);
    if (status == STATUS_OK)
        status = store_copy(from, to, listen_to, listener, copied, error);
    store_close(from);
    store_close(to);
    return status;
}

static void copy_well(const char *from, const char *to)
{
    struct listener listener = {.copied = 0};
    struct store_copied copied = {.bytes = 0};
    assert_works(copy(from, to, &listener, &copied, &why));
    assert_int_equal(copied.artifacts, 6);
    assert_int_equal(copied.bytes, 2 + 10 + 2 + 3 + 7 + 4);
    assert_int_equal(copied.moves, 3 + 1 + 1);
    assert_int_equal(copied.settlements, 4);
    assert_int_equal(copied.cells, 3);
    assert_int_equal(copied.letters, 2);
    assert_int_equal(listener.copied, 6 + 5 + 4 + 3 + 2);
    assert_int_equal(listener.compared, listener.copied);
}

static void copy_tells_the_same_whatever_the_kinds(void **state)
{
    for (size_t i = 0; i < KINDS; i++)
        for (size_t j = 0; j < KINDS; j++) {
            assert_int_equal(open_places(state), 0);
            struct places *places = *state;
            fill_source(places->from[i]);
            char *before = told(places->from[i]);
            copy_well(places->from[i], places->to[j]);
            char *after = told(places->to[j]), *still = told(places->from[i]);
            assert_string_equal(after, before);
            assert_string_equal(still, before);
            assert_non_null(strstr(before, "settled 2 9 below 8 "));
            assert_non_null(strstr(before, "letter 2 7 KE/Kisumu"));
            free(before);
            free(after);
            free(still);
            assert_int_equal(close_places(state), 0);
        }
}

static void copy_of_a_copy_of_another_kind_is_the_source(void **state)
{
    struct places *places = *state;
    fill_source(places->from[0]);
    char *before = told(places->from[0]);
    copy_well(places->from[0], places->from[1]);
    copy_well(places->from[1], places->to[0]);
    char *after = told(places->to[0]);
    assert_string_equal(after, before);
    free(before);
    free(after);
}

static void copy_goes_on_where_its_source_was(void **state)
{
    struct places *places = *state;
    for (size_t i = 0; i < KINDS; i++) {
        struct demand_cell cell = one_person("KE/Kisumu");
        struct settle_request known = counted(1, 1, &cell), acked = counted(2, 7, &cell),
                              fresh = counted(2, 10, &cell);
        struct settle_result result;
        struct digest at, first = digest_of("v1"), second = digest_of("the second");
        uint64_t generation = 0;
        if (i == 0)
            fill_source(places->from[0]);
        copy_well(places->from[0], places->to[i]);
        struct store *store = opened(places->to[i]);
        assert_works(store_require_durable(store, &why));
        assert_works(store_generation(store, &generation, &why));
        assert_true(generation > 0);
        assert_int_equal(settle(store, &known, &result), SETTLED_DUPLICATE);
        assert_int_equal(result.settlement.target_count, STORE_TARGETS_MAX);
        assert_int_equal(settle(store, &acked, NULL), SETTLED_ACKNOWLEDGED);
        fresh.acked_below = 10;
        assert_int_equal(settle(store, &fresh, NULL), SETTLED_FIRST);
        assert_int_equal(settlement_count(store), 4); /* one more, one pruned */
        assert_int_equal(demand_total(store).people, 4);
        assert_works(
            store_alias_rollback(store, ARTIFACT_MODEL, "chd", "champion", &at, &why));
        assert_memory_equal(&at, &second, sizeof at);
        assert_works(
            store_alias_rollback(store, ARTIFACT_MODEL, "chd", "champion", &at, &why));
        assert_memory_equal(&at, &first, sizeof at);
        uint64_t before = generation;
        publish(store, ARTIFACT_MODEL, "chd", "a third");
        assert_works(store_generation(store, &generation, &why));
        assert_true(generation > before);
        store_close(store);
    }
}

static void store_that_holds_something_is_not_filled(void **state)
{
    struct places *places = *state;
    fill_source(places->from[0]);
    for (size_t i = 0; i < KINDS; i++) {
        struct listener listener = {.copied = 0};
        struct store_copied copied;
        struct error_text error;
        struct store *store = opened(places->to[i]);
        struct settle_request request = counted(1, 1, NULL);
        assert_int_equal(settle(store, &request, NULL), SETTLED_FIRST);
        store_close(store);
        char *before = told(places->to[i]);
        assert_int_equal(copy(places->from[0], places->to[i], &listener, &copied, &error),
                         STATUS_TAKEN);
        assert_non_null(strstr(error.text, "is not empty"));
        assert_int_equal(listener.copied, 0);
        char *after = told(places->to[i]);
        assert_string_equal(after, before);
        free(before);
        free(after);
    }
}

static void empty_store_is_filled_even_with_nothing(void **state)
{
    struct places *places = *state;
    store_close(opened(places->from[0]));
    for (size_t i = 0; i < KINDS; i++) {
        struct listener listener = {.copied = 0};
        struct store_copied copied;
        struct error_text error;
        store_close(opened(places->to[i]));
        assert_works(copy(places->from[0], places->to[i], &listener, &copied, &error));
        assert_int_equal(copied.settlements, 0);
        store_close(opened(places->to[i]));
    }
}

static void source_that_changes_meanwhile_makes_no_copy(void **state)
{
    struct places *places = *state;
    for (size_t i = 0; i < KINDS; i++) {
        struct listener listener = {.disturbs = NULL};
        struct store_copied copied;
        struct error_text error;
        fill_source(places->from[i]);
        struct store *other = listener.disturbs = opened(places->from[i]);
        assert_int_equal(copy(places->from[i], places->to[i], &listener, &copied, &error),
                         STATUS_UNAVAILABLE);
        assert_non_null(strstr(error.text, "changed while it was copied"));
        store_close(other);
        assert_works(copy(places->from[i], places->to[i], &listener, &copied, &why));
        assert_int_equal(copied.settlements, 5);
    }
}

/* Begun, and left with some of it written. */
static void leave_unfinished(const char *from_url, const char *to_url)
{
    struct listener listener = {.copied = 0};
    struct store_copied copied;
    struct store *from = opened(from_url), *to = NULL;
    struct store *other = listener.disturbs = opened(from_url);
    assert_works(store_open_to_fill(to_url, &to, &why));
    assert_int_equal(store_copy(from, to, listen_to, &listener, &copied, NULL),
                     STATUS_UNAVAILABLE);
    store_close(from);
    store_close(to);
    store_close(other);
}

static void copy_that_was_not_finished_cannot_be_used_and_is_begun_again(void **state)
{
    struct places *places = *state;
    struct error_text error = {""};
    struct store *store = NULL;
    char answer[64];
    fill_source(places->from[0]);
    leave_unfinished(places->from[0], places->to[1]);
    redis_server_ask(places->folder, "SELECT 1\r\nRPUSH chw:alias:0:chd:champion left",
                     answer, sizeof answer);
    assert_int_equal(store_open(places->to[1], &store, &error), STATUS_UNAVAILABLE);
    assert_non_null(strstr(error.text, "run `chw store copy` into it again"));
    struct listener listener = {.copied = 0};
    struct store_copied copied;
    assert_works(copy(places->from[0], places->to[1], &listener, &copied, &why));
    char *before = told(places->from[0]), *after = told(places->to[1]);
    assert_string_equal(after, before);
    free(before);
    free(after);
}

static void second_copy_into_the_same_store_ends_the_first(void **state)
{
    struct places *places = *state;
    struct listener listener = {.copied = 0};
    struct store_copied copied;
    struct error_text error = {""};
    fill_source(places->from[0]);
    struct store *from = opened(places->from[0]), *first = NULL, *second = NULL;
    assert_works(store_open_to_fill(places->to[1], &first, &why));
    assert_works(store_open_to_fill(places->to[1], &second, &why));
    assert_int_equal(store_copy(from, first, listen_to, &listener, &copied, &error),
                     STATUS_TAKEN);
    assert_non_null(strstr(error.text, "another copy into it has begun"));
    assert_works(store_copy(from, second, listen_to, &listener, &copied, &why));
    store_close(from);
    store_close(first);
    store_close(second);
    char *before = told(places->from[0]), *after = told(places->to[1]);
    assert_string_equal(after, before);
    free(before);
    free(after);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_places, close_places)
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_tells_the_same_whatever_the_kinds),
        TEST(copy_of_a_copy_of_another_kind_is_the_source),
        TEST(copy_goes_on_where_its_source_was),
        TEST(store_that_holds_something_is_not_filled),
        TEST(empty_store_is_filled_even_with_nothing),
        TEST(source_that_changes_meanwhile_makes_no_copy),
        TEST(copy_that_was_not_finished_cannot_be_used_and_is_begun_again),
        TEST(second_copy_into_the_same_store_ends_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
