/* SPDX-License-Identifier: Apache-2.0 */
#include "store_fixture.h"

#include "redis_fixture.h"

#include <stdlib.h>
#include <string.h>

struct backend {
    const char *name;
    void (*start)(struct store_fixture *fixture);
};

static void start_sqlite(struct store_fixture *fixture)
{
    snprintf(fixture->url, sizeof fixture->url, "sqlite:%s/store.db", fixture->folder);
    fixture->more = "-";
}

static void start_redis(struct store_fixture *fixture)
{
    static const char *const options[] = {"--appendfsync", "always", NULL};
    fixture->server = redis_server_start(fixture->folder, options); /* as durable */
    snprintf(fixture->url, sizeof fixture->url, "redis://%s/redis.sock", fixture->folder);
    fixture->more = "?db=";
}

static const struct backend backends[] = {{"sqlite", start_sqlite},
                                          {"redis", start_redis}};
struct error_text why;

static const struct backend *backend = &backends[0];

int run_for_each_backend(const struct CMUnitTest *tests, size_t count)
{
    int failures = 0;
    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
        backend = &backends[i];
        failures += _cmocka_run_group_tests(backend->name, tests, count, NULL, NULL);
    }
    return failures;
}

void assert_status_ok(enum status status, const char *call)
{
    if (status != STATUS_OK)
        fail_msg("%s: %s: %s", call, status_text(status), why.text);
}

struct store *store_fixture_handle(const struct store_fixture *self)
{
    struct store *store = NULL;
    assert_works(store_open(self->url, &store, &why));
    return store;
}

int store_fixture_open(void **state)
{
    struct store_fixture *self = calloc(1, sizeof *self);
    if (self == NULL)
        return -1;
    *state = self;
    strcpy(self->folder, "/tmp/chw-store-XXXXXX");
    if (mkdtemp(self->folder) == NULL)
        return -1;
    backend->start(self);
    self->store = store_fixture_handle(self);
    return 0;
}

int store_fixture_close(void **state)
{
    struct store_fixture *self = *state;
    char command[64];
    store_close(self->store);
    redis_server_kill(self->server);
    snprintf(command, sizeof command, "rm -r %s", self->folder);
    int failed = system(command);
    free(self);
    return failed;
}

struct digest digest_of(const char *text)
{
    return digest_sha256(text, strlen(text));
}

struct demand_cell one_person(const char *region)
{
    struct demand_cell cell = {.period = PERIOD,
                               .target = "chd",
                               .tier = "high",
                               .people = 1,
                               .sum_p = INT64_C(1) << (FIXED_ONE_BITS - 1),
                               .sum_pq = INT64_C(1) << (FIXED_ONE_BITS - 2)};
    snprintf(cell.region, sizeof cell.region, "%s", region);
    return cell;
}

struct settle_request counted(uint8_t client, uint64_t sequence,
                              const struct demand_cell *cell)
{
    struct settle_request request = {
        .sequence = sequence,
        .body = digest_of("body"),
        .settlement = {.outcome = SETTLE_COUNTED, .period = PERIOD},
        .region = "KE/Kisumu",
        .demand = cell,
        .demand_count = cell != NULL,
    };
    memset(request.client, client, sizeof request.client);
    return request;
}

enum settle_verdict settle(struct store *store, const struct settle_request *request,
                           struct settle_result *result)
{
    struct settle_result unused;
    if (result == NULL)
        result = &unused;
    assert_works(store_settle(store, request, 1, result, &why));
    return result->verdict;
}

static bool add_cell(void *arg, const struct demand_cell *cell)
{
    struct demand_cell *total = arg;
    total->people += cell->people;
    total->sum_p += cell->sum_p;
    total->sum_pq += cell->sum_pq;
    return true;
}

struct demand_cell demand_total(struct store *store)
{
    struct demand_cell total = {.people = 0};
    assert_works(store_demand(store, 0, add_cell, &total, &why));
    return total;
}

uint64_t settlement_count(struct store *store)
{
    uint64_t count = 0;
    assert_works(store_settlement_count(store, &count, &why));
    return count;
}

unsigned test_seed(unsigned fallback)
{
    const char *given = getenv("TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : fallback;
    print_message("TEST_SEED=%u\n", seed);
    return seed;
}
