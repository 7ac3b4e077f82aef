/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what is Redis' own of the store: servers it refuses, outages it survives, losses
 * it names; the contract itself is test_store.c.
 * Method: a redis-server per test, started with the fault, or stopped, killed, emptied
 * and started again under an open handle. */

#include "redis_fixture.h"
#include "store_fixture.h"

#include "base/clock.h"
#include "base/file.h"
#include "store/store_copy.h"

#include <glob.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ANSWER_MS = 5000 }; /* what a handle waits for an answer */

struct fixture {
    char folder[32];
    pid_t server;
};

static int open_folder(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);
    if (self == NULL)
        return -1;
    *state = self;
    strcpy(self->folder, "/tmp/chw-redis-XXXXXX");
    return mkdtemp(self->folder) == NULL ? -1 : 0;
}

static int close_folder(void **state)
{
    struct fixture *self = *state;
    char command[64];
    redis_server_kill(self->server);
    snprintf(command, sizeof command, "rm -r %s", self->folder);
    int failed = system(command);
    free(self);
    return failed;
}

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void start(struct fixture *self, const char *const *options)
{
    self->server = redis_server_start(self->folder, options);
}

static void stop(struct fixture *self)
{
    redis_server_kill(self->server);
    self->server = 0;
}

static void stop_and_start(struct fixture *self, const char *const *options)
{
    stop(self);
    start(self, options);
}

/* A command that must be answered so. */
static void ask(struct fixture *self, const char *command, const char *expected)
{
    char answer[256];
    redis_server_ask(self->folder, command, answer, sizeof answer);
    if (strncmp(answer, expected, strlen(expected)) != 0)
        fail_msg("%s: %s", command, answer);
}

static enum status try_open(const struct fixture *self, const char *before,
                            const char *after, struct store **store,
                            struct error_text *error)
{
    char url[256];
    snprintf(url, sizeof url, "redis://%s%s/redis.sock%s", before, self->folder, after);
    *error = (struct error_text){""};
    *store = NULL;
    return store_open(url, store, error);
}

static struct store *opened(const struct fixture *self)
{
    struct store *store;
    assert_works(try_open(self, "", "", &store, &why));
    return store;
}

static void assert_says(const struct error_text *error, const char *expected)
{
    if (strstr(error->text, expected) == NULL)
        fail_msg("'%s' does not say '%s'", error->text, expected);
}

static void assert_refused(const struct fixture *self, const char *before,
                           const char *after, const char *expected)
{
    struct error_text error;
    struct store *store;
    assert_int_equal(try_open(self, before, after, &store, &error), STATUS_UNAVAILABLE);
    assert_null(store);
    assert_says(&error, expected);
    assert_says(&error, "/redis.sock?db="); /* where, once */
    assert_null(strstr(strstr(error.text, "/redis.sock") + 1, "/redis.sock"));
    assert_null(strstr(error.text, "hush"));
}

static struct settle_request one(uint64_t sequence)
{
    static struct demand_cell cell;
    cell = one_person("KE");
    return counted(1, sequence, &cell);
}

static enum status try_settle(struct store *store, uint64_t sequence,
                              enum settle_verdict *verdict, struct error_text *error)
{
    struct settle_request request = one(sequence);
    struct settle_result result = {0};
    *error = (struct error_text){""};
    enum status status = store_settle(store, &request, 1, &result, error);
    *verdict = result.verdict;
    return status;
}

static void assert_settles(struct store *store, uint64_t sequence,
                           enum settle_verdict expected)
{
    enum settle_verdict verdict;
    assert_works(try_settle(store, sequence, &verdict, &why));
    assert_int_equal(verdict, expected);
}

/* ---- who may come in ---- */

static void address_leads_to_a_server_that_is_there(void **state)
{
    struct fixture *fixture = *state;
    struct store *store;
    struct error_text error;
    assert_int_equal(try_open(fixture, "", "", &store, &error), STATUS_UNAVAILABLE);
    assert_says(&error, "No such file");
    assert_int_equal(store_open("redis://127.0.0.1:1", &store, &error),
                     STATUS_UNAVAILABLE);
    assert_says(&error, "redis://127.0.0.1:1/0: Connection refused");
    start(fixture, NULL);
    stop(fixture); /* the socket's file is left behind */
    assert_int_equal(try_open(fixture, "", "", &store, &error), STATUS_UNAVAILABLE);
    assert_says(&error, "Connection refused");
}

static void password_is_decoded_and_never_shown(void **state)
{
    struct fixture *fixture = *state;
    struct store *store;
    struct error_text error;
    start(fixture, OPTIONS("--requirepass", "hush/@ %"));
    assert_refused(fixture, "", "", "needs a password");
    assert_refused(fixture, ":hush@", "", "password is wrong");
    assert_refused(fixture, "nobody:hush@", "", "user or password is wrong");
    assert_works(try_open(fixture, ":hush%2F%40%20%25@", "", &store, &error));
    assert_settles(store, 1, SETTLED_FIRST);
    store_close(store);
    assert_works(try_open(fixture, "default:hush%2F%40%20%25@", "?db=3", &store, &error));
    store_close(store);
}

static void password_that_nobody_asked_for_is_told(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, NULL);
    assert_refused(fixture, ":hush@", "", "it has no password, and one was given");
}

static void hear_nothing(void *arg, bool comparing, uint64_t done)
{
    (void)arg;
    (void)comparing;
    (void)done;
}

static void fill_from(const struct fixture *self, struct store *store)
{
    char url[128];
    struct store *copy;
    struct store_copied copied = {0};
    snprintf(url, sizeof url, "redis://chw:hush@%s/redis.sock?db=1", self->folder);
    assert_works(store_open_to_fill(url, &copy, &why));
    assert_works(store_copy(store, copy, hear_nothing, NULL, &copied, &why));
    assert_int_equal(copied.settlements, 1);
    store_close(copy);
}

/* docs/operations.md says to give these rights. */
static void user_with_the_documented_rights_is_enough(void **state)
{
    struct fixture *fixture = *state;
    struct store *store;
    struct error_text error;
    struct digest version;
    uint64_t generation;
    start(fixture, NULL);
    ask(fixture,
        "ACL SETUSER chw on >hush ~chw:* &chw:* +@read +@write +@scripting +@pubsub "
        "+select -@dangerous +info +bgrewriteaof",
        "+OK");
    assert_works(try_open(fixture, "chw:hush@", "", &store, &error));
    assert_works(store_require_durable(store, &error));
    assert_settles(store, 1, SETTLED_FIRST);
    assert_works(store_put(store, ARTIFACT_MODEL, "chd", "v", 1, &version, &error));
    assert_works(
        store_alias_move(store, ARTIFACT_MODEL, "chd", "champion", &version, &error));
    assert_int_equal(demand_total(store).people, 1);
    assert_works(store_watch(store, 0, 10, NULL, &generation, &error));
    fill_from(fixture, store);
    store_close(store);
    ask(fixture, "ACL SETUSER chw -evalsha", "+OK");
    assert_refused(fixture, "chw:hush@", "", "may not run what a store needs");
}

static void database_is_chosen_and_must_exist(void **state)
{
    struct fixture *fixture = *state;
    struct store *first, *second;
    start(fixture, NULL);
    assert_works(try_open(fixture, "", "?db=1", &first, &why));
    assert_works(try_open(fixture, "", "?db=2", &second, &why));
    assert_settles(first, 1, SETTLED_FIRST);
    assert_settles(second, 1, SETTLED_FIRST);
    assert_int_equal(demand_total(second).people, 1);
    store_close(first);
    store_close(second);
    assert_refused(fixture, "", "?db=16", "no database of that number");
}

/* ---- what a store can live in ---- */

static void replica_is_refused(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, OPTIONS("--replicaof", "127.0.0.1 1"));
    assert_refused(fixture, "", "", "it is a replica");
}

static void cluster_is_refused(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, OPTIONS("--cluster-enabled", "yes"));
    assert_refused(fixture, "", "", "it runs in cluster mode; one primary is needed");
}

static void primary_that_becomes_a_replica_is_away(void **state)
{
    struct fixture *fixture = *state;
    enum settle_verdict verdict;
    struct error_text error;
    start(fixture, NULL);
    struct store *store = opened(fixture);
    ask(fixture, "REPLICAOF 127.0.0.1 1", "+OK");
    assert_int_equal(try_settle(store, 1, &verdict, &error), STATUS_UNAVAILABLE);
    assert_says(&error, "it is a replica");
    ask(fixture, "REPLICAOF NO ONE", "+OK");
    assert_settles(store, 1, SETTLED_FIRST);
    store_close(store);
}

static void counting_needs_an_append_only_file(void **state)
{
    struct fixture *fixture = *state;
    struct error_text error = {""};
    uint64_t generation;
    start(fixture, OPTIONS("--appendonly", "no"));
    struct store *store = opened(fixture); /* reading does not */
    assert_settles(store, 1, SETTLED_FIRST);
    assert_int_equal(store_require_durable(store, &error), STATUS_UNAVAILABLE);
    assert_says(&error, "no append-only file");
    assert_says(&error, "--store-durability weak");
    assert_int_equal(store_generation(store, &generation, NULL), STATUS_UNAVAILABLE);
    ask(fixture, "CONFIG SET appendonly yes", "+OK");
    assert_settles(store, 2, SETTLED_FIRST);
    store_close(store);
}

static void counting_needs_a_server_that_never_evicts(void **state)
{
    struct fixture *fixture = *state;
    struct error_text error = {""};
    start(fixture, OPTIONS("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"));
    struct store *store = opened(fixture);
    assert_int_equal(store_require_durable(store, &error), STATUS_UNAVAILABLE);
    assert_says(&error, "maxmemory 104857600, maxmemory-policy allkeys-lru");
    ask(fixture, "CONFIG SET maxmemory-policy noeviction", "+OK");
    assert_works(store_require_durable(store, &why));
    store_close(store);
}

static void durability_is_checked_again_when_the_store_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct error_text error;
    enum settle_verdict verdict;
    start(fixture, OPTIONS("--appendfsync", "always"));
    struct store *store = opened(fixture);
    assert_works(store_require_durable(store, &why));
    assert_settles(store, 1, SETTLED_FIRST);
    stop(fixture);
    start(fixture, OPTIONS("--maxmemory", "1gb", "--maxmemory-policy", "volatile-lru"));
    assert_int_equal(try_settle(store, 2, &verdict, &error), STATUS_UNAVAILABLE);
    assert_says(&error, "it may evict");
    store_close(store);
}

static void full_memory_settles_nothing_and_says_so(void **state)
{
    struct fixture *fixture = *state;
    enum settle_verdict verdict;
    struct error_text error;
    struct digest version;
    start(fixture, NULL);
    struct store *store = opened(fixture);
    assert_works(store_require_durable(store, &why));
    assert_settles(store, 1, SETTLED_FIRST);
    ask(fixture, "CONFIG SET maxmemory 1mb", "+OK");
    assert_int_equal(try_settle(store, 2, &verdict, &error), STATUS_UNAVAILABLE);
    assert_says(&error, "memory is full");
    assert_int_equal(store_put(store, ARTIFACT_MODEL, "chd", "v", 1, &version, &error),
                     STATUS_UNAVAILABLE);
    assert_int_equal(demand_total(store).people, 1);
    assert_int_equal(settlement_count(store), 1);
    ask(fixture, "CONFIG SET maxmemory 0", "+OK");
    assert_settles(store, 2, SETTLED_FIRST);
    assert_int_equal(demand_total(store).people, 2);
    store_close(store);
}

static void other_format_and_other_keys_are_not_a_store(void **state)
{
    struct fixture *fixture = *state;
    struct error_text error;
    struct store *store;
    start(fixture, NULL);
    store_close(opened(fixture));
    ask(fixture, "HSET chw:meta format 2", ":0");
    assert_int_equal(try_open(fixture, "", "", &store, &error), STATUS_CORRUPT);
    assert_says(&error, "has format 2, this program knows 1");
    ask(fixture, "SET chw:meta something", "+OK");
    assert_int_equal(try_open(fixture, "", "", &store, &error), STATUS_CORRUPT);
    assert_says(&error, "not those of a store");
}

static void letter_of_an_older_release_is_listed_and_dropped(void **state)
{
    struct fixture *fixture = *state;
    struct dead_letter page[STORE_LETTERS_PAGE], letter;
    uint8_t *body;
    size_t count;
    start(fixture, NULL);
    struct store *store = opened(fixture);
    ask(fixture,
        "HSET chw:dead 010101010101010101010101010101010000000000000007 "
        "\"\\x02KE\\x03whyabc\"",
        ":1");
    assert_works(store_dead_letter_page(store, NULL, page, &count, &why));
    assert_int_equal(count, 1);
    assert_int_equal(page[0].key.sequence, 7);
    assert_string_equal(page[0].reason, "why");
    assert_int_equal(page[0].size, 3);
    assert_int_equal(page[0].buried_s, 0);
    assert_works(store_dead_letter_get(store, &page[0].key, &letter, &body, &why));
    assert_memory_equal(body, "abc", 3);
    free(body);
    assert_works(store_dead_letter_drop(store, &page[0].key, &why));
    ask(fixture, "EXISTS chw:dead chw:dead:keys", ":0");
    store_close(store);
}

static void damaged_record_is_told_and_not_believed(void **state)
{
    struct fixture *fixture = *state;
    static const char key[] = "chw:client:01010101010101010101010101010101";
    char command[512];
    enum settle_verdict verdict;
    struct error_text error;
    struct settle_request request = one(1);
    start(fixture, NULL);
    struct store *store = opened(fixture);
    assert_settles(store, 1, SETTLED_FIRST);
    int size = snprintf(command, sizeof command, "HSET %s 0000000000000001 \"", key);
    for (size_t i = 0; i < DIGEST_SIZE; i++) /* of the same body; nothing follows */
        size += snprintf(command + size, sizeof command - (size_t)size, "\\x%02x",
                         (unsigned)request.body.bytes[i]);
    snprintf(command + size, sizeof command - (size_t)size, "\"");
    ask(fixture, command, ":0");
    assert_int_equal(try_settle(store, 1, &verdict, &error), STATUS_CORRUPT);
    static const char *const damages[] = {
        "HSET chw:demand:202611 x 1",
        "HSET chw:demand:202611 x 1 y 2 z 3",
        "HSET chw:demand:202611 n 1 p 2 q 3",
        "HSET chw:demand:202611 \"a\\x00b\\x00n\" 1 \"a\\x00b\\x00p\" 2 "
        "\"a\\x00b\\x00q\" 3",
        "HSET chw:demand:202611 \"a\\x00b\\x00c\\x00d\\x00n\" 1 "
        "\"a\\x00b\\x00c\\x00d\\x00p\" 2 \"a\\x00b\\x00c\\x00d\\x00q\" 3",
        "HSET chw:demand:202611 \"a\\x00b\\x00c\\x00n\" x "
        "\"a\\x00b\\x00c\\x00p\" 2 \"a\\x00b\\x00c\\x00q\" 3",
        "HSET chw:dead x y",
    };
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        bool letter = strncmp(damages[i], "HSET chw:dead", 13) == 0;
        ask(fixture, "DEL chw:demand:202611", ":");
        ask(fixture, damages[i], ":");
        assert_int_equal(letter ? store_dead_letters(store, NULL, NULL, &error)
                                : store_demand(store, 0, NULL, NULL, &error),
                         STATUS_CORRUPT);
    }
    store_close(store);
}

/* ---- check ---- */

struct findings_seen {
    char missing[256], file[256], memory[256];
};

static void see_finding(void *arg, const struct store_finding *finding)
{
    struct findings_seen *self = arg;
    size_t used = strlen(self->missing);
    if (finding->missing)
        snprintf(self->missing + used, sizeof self->missing - used, "%s;", finding->what);
    if (strcmp(finding->what, "append-only file") == 0)
        snprintf(self->file, sizeof self->file, "%s", finding->text);
    if (strcmp(finding->what, "memory") == 0)
        snprintf(self->memory, sizeof self->memory, "%s", finding->text);
}

static struct findings_seen check(struct store *store)
{
    struct findings_seen seen = {.missing = ""};
    assert_works(store_check(store, see_finding, &seen, &why));
    return seen;
}

static void check_says_what_each_kind_of_end_loses(void **state)
{
    struct fixture *fixture = *state;
    static const char *const rows[][3] = {
        {"CONFIG SET appendfsync always", "", "neither a crash of Redis nor a power cut"},
        {"CONFIG SET appendfsync everysec", "", "a power cut the last second"},
        {"CONFIG SET appendfsync no", "", "what the system had not written"},
        {"CONFIG SET maxmemory-policy allkeys-lru", "", "appendfsync no"},
        {"CONFIG SET maxmemory 1gb", "memory;", "appendfsync no"},
        {"CONFIG SET appendonly no", "append-only file;memory;", "none: a restart"},
        {"CONFIG SET maxmemory-policy noeviction", "append-only file;",
         "none: a restart"},
        {"ACL SETUSER default -config", "append-only file;", "none: a restart"},
    };
    start(fixture, NULL);
    struct store *store = opened(fixture);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ask(fixture, rows[i][0], "+OK");
        struct findings_seen seen = check(store);
        assert_string_equal(seen.missing, rows[i][1]);
        assert_non_null(strstr(seen.file, rows[i][2]));
    }
    struct findings_seen seen = check(store);
    assert_non_null(strstr(seen.memory, "of 1073741824, maxmemory-policy noeviction"));
    store_close(store);
}

static void check_without_the_right_to_ask_says_so(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, NULL);
    struct store *store = opened(fixture);
    ask(fixture, "ACL SETUSER default -config", "+OK");
    assert_non_null(strstr(check(store).file, "may not read appendfsync"));
    store_close(store);
}

/* ---- outages ---- */

static void scripts_that_were_flushed_are_loaded_again(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, NULL);
    struct store *store = opened(fixture);
    assert_settles(store, 1, SETTLED_FIRST);
    ask(fixture, "SCRIPT FLUSH", "+OK");
    assert_settles(store, 2, SETTLED_FIRST);
    assert_int_equal(demand_total(store).people, 2);
    store_close(store);
}

static void connection_that_was_closed_while_idle_is_made_again(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, NULL);
    struct store *store = opened(fixture);
    ask(fixture, "CLIENT KILL TYPE normal", ":");
    assert_settles(store, 1, SETTLED_FIRST);
    store_close(store);
}

static void killed_server_keeps_what_was_acknowledged(void **state)
{
    enum { ROUNDS = 5 };
    struct fixture *fixture = *state;
    enum settle_verdict verdict;
    struct error_text error;
    start(fixture, OPTIONS("--appendfsync", "always"));
    struct store *store = opened(fixture);
    assert_works(store_require_durable(store, &why));
    for (uint64_t round = 0; round < ROUNDS; round++) {
        assert_settles(store, round, SETTLED_FIRST);
        stop(fixture);
        assert_int_equal(try_settle(store, round + 1, &verdict, &error),
                         STATUS_UNAVAILABLE);
        start(fixture, OPTIONS("--appendfsync", "always"));
        assert_settles(store, round, SETTLED_DUPLICATE);
        assert_int_equal(demand_total(store).people, (int64_t)round + 1);
    }
    assert_int_equal(store_setbacks(store), 0);
    store_close(store);
}

/* The newest file that commands are appended to. */
static void find_appended_file(const struct fixture *self, char *path, size_t size)
{
    glob_t found;
    snprintf(path, size, "%s/appendonlydir/*.incr.aof", self->folder);
    if (glob(path, 0, NULL, &found) != 0) { /* before Redis 7 there is one */
        snprintf(path, size, "%s/appendonly.aof", self->folder);
        return;
    }
    snprintf(path, size, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

static size_t size_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return (size_t)info.st_size;
}

/* Names of cells hold zero bytes, so this is no text. */
static const uint8_t *find(const uint8_t *from, const uint8_t *end, const char *word)
{
    size_t size = strlen(word);
    while (from + size <= end && memcmp(from, word, size) != 0)
        from++;
    assert_true(from + size <= end);
    return from;
}

/* As a Redis that is killed while it writes leaves it: behind a script's first write, in
 * the middle of its second. */
static void cut_last_script(const char *path, size_t before)
{
    uint8_t *bytes;
    size_t size;
    assert_int_equal(file_read(path, 1 << 20, &bytes, &size, NULL), STATUS_OK);
    const uint8_t *end = bytes + size, *first = find(bytes + before, end, "HINCRBY");
    const uint8_t *second = find(first + 1, end, "HINCRBY");
    assert_int_equal(truncate(path, second + 12 - bytes), 0);
    free(bytes);
}

static void half_a_script_at_the_end_of_the_file_is_not_run_by_a_later_start(void **state)
{
    static const char *const options[] = {"--appendfsync", "always", NULL};
    struct fixture *fixture = *state;
    char path[256];
    start(fixture, options);
    struct store *store = opened(fixture);
    assert_works(store_require_durable(store, &why));
    assert_settles(store, 1, SETTLED_FIRST);
    find_appended_file(fixture, path, sizeof path);
    size_t before = size_of(path);
    assert_settles(store, 2, SETTLED_FIRST);
    stop(fixture);
    cut_last_script(path, before);
    start(fixture, options);
    assert_settles(store, 2, SETTLED_FIRST); /* what was cut had not been acknowledged */
    assert_int_equal(demand_total(store).people, 2);
    stop_and_start(fixture, options);
    assert_int_equal(demand_total(store).people, 2);
    assert_settles(store, 2, SETTLED_DUPLICATE);
    store_close(store);
}

/* Settles groups of its own, each until it is settled. */
struct stubborn {
    struct store *store;
    uint8_t client;
    atomic_bool *stop;
    atomic_uint_fast64_t groups;
    uint64_t tries;
    enum status status;
};

enum { STUBBORN = 3, STUBBORN_GROUP = 8 };

static void *settle_stubbornly(void *arg)
{
    struct stubborn *self = arg;
    struct demand_cell cell = one_person("KE");
    struct settle_request group[STUBBORN_GROUP];
    struct settle_result results[STUBBORN_GROUP];
    while (!atomic_load(self->stop) || self->status == STATUS_UNAVAILABLE) {
        for (size_t i = 0; i < STUBBORN_GROUP; i++)
            group[i] = counted(self->client, self->groups * STUBBORN_GROUP + i, &cell);
        self->status = store_settle(self->store, group, STUBBORN_GROUP, results, NULL);
        self->tries++;
        for (size_t i = 1; self->status == STATUS_OK && i < STUBBORN_GROUP; i++)
            if (results[i].verdict != results[0].verdict) /* all of it or nothing */
                self->status = STATUS_CORRUPT;
        if (self->status != STATUS_OK && self->status != STATUS_UNAVAILABLE)
            break;
        self->groups += self->status == STATUS_OK;
        if (self->status == STATUS_UNAVAILABLE)
            poll(NULL, 0, 1);
    }
    return NULL;
}

/* Some group is settled after this was called. */
static void await_progress(struct stubborn *ones)
{
    uint64_t before = atomic_load(&ones[0].groups);
    uint64_t end_ms = clock_monotonic_ms() + 20000;
    while (atomic_load(&ones[0].groups) == before && clock_monotonic_ms() < end_ms)
        poll(NULL, 0, 1);
}

static void server_killed_at_any_moment_loses_and_doubles_nothing(void **state)
{
    enum { ROUNDS = 20 };
    static const char *const options[] = {"--appendfsync", "always", NULL};
    struct fixture *fixture = *state;
    struct stubborn ones[STUBBORN];
    pthread_t threads[STUBBORN];
    atomic_bool stop = false;
    uint64_t groups = 0, tries = 0;
    srand(test_seed(1));
    start(fixture, options);
    for (uint8_t i = 0; i < STUBBORN; i++) {
        ones[i] = (struct stubborn){.store = opened(fixture), .client = i, .stop = &stop};
        assert_works(store_require_durable(ones[i].store, &why));
        assert_int_equal(pthread_create(&threads[i], NULL, settle_stubbornly, &ones[i]),
                         0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        await_progress(ones);
        poll(NULL, 0, rand() % 20);
        stop_and_start(fixture, options);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < STUBBORN; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(ones[i].status, STATUS_OK);
        assert_int_equal(store_setbacks(ones[i].store), 0);
        groups += ones[i].groups;
        tries += ones[i].tries;
    }
    print_message("killed %d times: %d groups settled in %d tries\n", ROUNDS, (int)groups,
                  (int)tries);
    assert_int_equal(settlement_count(ones[0].store), groups * STUBBORN_GROUP);
    assert_int_equal(demand_total(ones[0].store).people, groups * STUBBORN_GROUP);
    for (size_t i = 0; i < STUBBORN; i++)
        store_close(ones[i].store);
}

struct late_call {
    struct store *store;
    struct error_text error;
    enum settle_verdict verdict;
    enum status status;
    uint64_t ms;
};

static void *settle_late(void *arg)
{
    struct late_call *self = arg;
    uint64_t begun_ms = clock_monotonic_ms();
    self->status = try_settle(self->store, 2, &self->verdict, &self->error);
    self->ms = clock_monotonic_ms() - begun_ms;
    return NULL;
}

/* The stopped server has the question and cannot answer; when it goes on it settles what
 * nobody waits for any more. */
static void settlement_whose_answer_was_lost_is_found_settled(void **state)
{
    struct fixture *fixture = *state;
    struct late_call late = {.status = STATUS_OK};
    uint64_t generation;
    pthread_t thread;
    start(fixture, NULL);
    struct store *store = late.store = opened(fixture);
    assert_settles(store, 1, SETTLED_FIRST);
    assert_int_equal(kill(fixture->server, SIGSTOP), 0);
    assert_int_equal(pthread_create(&thread, NULL, settle_late, &late), 0);
    pthread_join(thread, NULL);
    assert_int_equal(late.status, STATUS_UNAVAILABLE);
    assert_says(&late.error, "no answer for");
    assert_in_range(late.ms, ANSWER_MS - 100, 3 * ANSWER_MS);
    assert_int_equal(kill(fixture->server, SIGCONT), 0);
    assert_works(store_generation(store, &generation, &why)); /* not the late answer */
    assert_int_equal(generation, 0);
    assert_settles(store, 2, SETTLED_DUPLICATE);
    assert_settles(store, 3, SETTLED_FIRST);
    assert_int_equal(demand_total(store).people, 3);
    assert_int_equal(settlement_count(store), 3);
    store_close(store);
}

/* ---- losses ---- */

static void server_that_came_back_empty_is_named_and_not_used(void **state)
{
    struct fixture *fixture = *state;
    struct error_text error;
    enum settle_verdict verdict;
    uint64_t generation;
    start(fixture, OPTIONS("--appendonly", "no"));
    struct store *store = opened(fixture);
    assert_settles(store, 1, SETTLED_FIRST);
    stop(fixture);
    start(fixture, OPTIONS("--appendonly", "no"));
    assert_int_equal(try_settle(store, 2, &verdict, &error), STATUS_UNAVAILABLE);
    assert_says(&error, "it is not the store it was");
    assert_int_equal(store_generation(store, &generation, NULL), STATUS_UNAVAILABLE);
    ask(fixture, "EXISTS chw:meta", ":0"); /* nor was a new one made */
    struct store *other = opened(fixture); /* somebody begins anew */
    assert_settles(other, 1, SETTLED_FIRST);
    assert_int_equal(try_settle(store, 2, &verdict, &error), STATUS_UNAVAILABLE);
    assert_says(&error, "it is not the store it was");
    assert_int_equal(demand_total(other).people, 1);
    store_close(store);
    store_close(other);
}

static void copy_files(const struct fixture *self, const char *from, const char *to)
{
    char command[160];
    snprintf(command, sizeof command, "cd %s && rm -rf %s && cp -r %s %s", self->folder,
             to, from, to);
    assert_int_equal(system(command), 0);
}

/* As after a failover to a replica that was behind. */
static void server_that_lost_its_last_commits_is_named_and_used(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, OPTIONS("--appendfsync", "always"));
    struct store *store = opened(fixture);
    assert_settles(store, 1, SETTLED_FIRST);
    stop(fixture);
    copy_files(fixture, "appendonlydir", "earlier");
    start(fixture, OPTIONS("--appendfsync", "always"));
    assert_settles(store, 2, SETTLED_FIRST);
    assert_int_equal(store_setbacks(store), 0);
    stop(fixture);
    copy_files(fixture, "earlier", "appendonlydir");
    start(fixture, OPTIONS("--appendfsync", "always"));
    assert_settles(store, 2, SETTLED_FIRST);
    assert_int_equal(store_setbacks(store), 1);
    assert_int_equal(demand_total(store).people, 2);
    store_close(store);
}

/* ---- changes ---- */

static void watcher_listens_besides_looking(void **state)
{
    struct fixture *fixture = *state;
    uint64_t generation = 0, begun_ms = clock_monotonic_ms();
    start(fixture, NULL);
    struct store *store = opened(fixture);
    assert_works(store_watch(store, generation, 10, NULL, &generation, &why));
    ask(fixture, "PUBSUB NUMSUB chw:changes", "*2\r\n$11\r\nchw:changes\r\n:1\r\n");
    /* Without its ear it goes on. */
    ask(fixture, "CLIENT KILL TYPE pubsub", ":1");
    assert_works(store_watch(store, generation, 150, NULL, &generation, &why));
    assert_true(clock_monotonic_ms() - begun_ms >= 150);
    store_close(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_folder, close_folder)
    static const struct CMUnitTest tests[] = {
        TEST(address_leads_to_a_server_that_is_there),
        TEST(password_is_decoded_and_never_shown),
        TEST(password_that_nobody_asked_for_is_told),
        TEST(user_with_the_documented_rights_is_enough),
        TEST(database_is_chosen_and_must_exist),
        TEST(replica_is_refused),
        TEST(cluster_is_refused),
        TEST(primary_that_becomes_a_replica_is_away),
        TEST(counting_needs_an_append_only_file),
        TEST(counting_needs_a_server_that_never_evicts),
        TEST(durability_is_checked_again_when_the_store_comes_back),
        TEST(full_memory_settles_nothing_and_says_so),
        TEST(other_format_and_other_keys_are_not_a_store),
        TEST(letter_of_an_older_release_is_listed_and_dropped),
        TEST(damaged_record_is_told_and_not_believed),
        TEST(check_says_what_each_kind_of_end_loses),
        TEST(check_without_the_right_to_ask_says_so),
        TEST(scripts_that_were_flushed_are_loaded_again),
        TEST(connection_that_was_closed_while_idle_is_made_again),
        TEST(killed_server_keeps_what_was_acknowledged),
        TEST(half_a_script_at_the_end_of_the_file_is_not_run_by_a_later_start),
        TEST(server_killed_at_any_moment_loses_and_doubles_nothing),
        TEST(settlement_whose_answer_was_lost_is_found_settled),
        TEST(server_that_came_back_empty_is_named_and_not_used),
        TEST(server_that_lost_its_last_commits_is_named_and_used),
        TEST(watcher_listens_besides_looking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
