/* SPDX-License-Identifier: Apache-2.0 */
/* store_fixture.h - a fresh store of each backend for the contract tests, and requests to
 * settle. A new backend adds its row in store_fixture.c and nothing else. */

#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include "store/store.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <sys/types.h>

enum { PERIOD = 202611, FIXED_ONE_BITS = 32 };

struct store_fixture {
    char folder[32]; /* its own, removed afterwards */
    char url[128];
    struct store *store;
    pid_t server;     /* 0: the backend has none */
    const char *more; /* url, this and a number: another store, not made yet */
};

/* Group setup and teardown of one test: *state is the fixture. */
int store_fixture_open(void **state);
int store_fixture_close(void **state);

/* Run `tests` once for each backend, in groups named after them; the count of failures.
 */
int run_for_each_backend(const struct CMUnitTest *tests, size_t count);

/* Another handle on the fixture's store. */
struct store *store_fixture_handle(const struct store_fixture *self);

/* The digest of a text, for bodies and versions. */
struct digest digest_of(const char *text);

/* A COUNTED settlement of one person in `cell`, of client `client` (a byte repeated). */
struct settle_request counted(uint8_t client, uint64_t sequence,
                              const struct demand_cell *cell);

/* Settle one request and return its verdict. */
enum settle_verdict settle(struct store *store, const struct settle_request *request,
                           struct settle_result *result);

/* One person of probability one half, of tier "high" in a region. */
struct demand_cell one_person(const char *region);

/* The sums over all cells; `region` is empty. */
struct demand_cell demand_total(struct store *store);
uint64_t settlement_count(struct store *store);

/* TEST_SEED from the environment, or `fallback`; printed. */
unsigned test_seed(unsigned fallback);

/* Where a call that is asserted to work puts its sentence. */
extern struct error_text why;

#define assert_works(call) assert_status_ok((call), #call)
void assert_status_ok(enum status status, const char *call);

#endif
