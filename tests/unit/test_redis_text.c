/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: addresses of a Redis, and what a Redis says of itself, are read and judged as
 * store.h and docs/operations.md say.
 * Method: tables of texts; no server. test_store_redis.c has one. */

#include "store/redis_server.h"
#include "store/redis_url.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

/* ---- addresses ---- */

static void address_of_a_host_is_taken_apart(void **state)
{
    static const struct {
        const char *text, *user, *password, *host, *shown;
        int port, db;
    } rows[] = {
        {"//h", "", "", "h", "redis://h:6379/0", 6379, 0},
        {"//h/", "", "", "h", "redis://h:6379/0", 6379, 0},
        {"//h:1/15", "", "", "h", "redis://h:1/15", 1, 15},
        {"//10.0.0.1:65535/2", "", "", "10.0.0.1", "redis://10.0.0.1:65535/2", 65535, 2},
        {"//[::1]:7000/3", "", "", "::1", "redis://[::1]:7000/3", 7000, 3},
        {"//[fe80::1]", "", "", "fe80::1", "redis://[fe80::1]:6379/0", 6379, 0},
        {"//:secret@h", "", "secret", "h", "redis://h:6379/0", 6379, 0},
        {"//me:se:cret@h:1", "me", "se:cret", "h", "redis://h:1/0", 1, 0},
        {"//me:%40%2f%25%3A@h", "me", "@/%:", "h", "redis://h:6379/0", 6379, 0},
        {"//me:p@ss@h", "me", "p@ss", "h", "redis://h:6379/0", 6379, 0},
        {"//m%65:p@h", "me", "p", "h", "redis://h:6379/0", 6379, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct redis_url url;
        assert_int_equal(redis_url_parse(rows[i].text, &url, NULL), STATUS_OK);
        assert_string_equal(url.user, rows[i].user);
        assert_string_equal(url.password, rows[i].password);
        assert_string_equal(url.host, rows[i].host);
        assert_string_equal(url.socket, "");
        assert_string_equal(url.shown, rows[i].shown);
        assert_int_equal(url.port, rows[i].port);
        assert_int_equal(url.db, rows[i].db);
    }
}

static void address_of_a_socket_is_taken_apart(void **state)
{
    static const struct {
        const char *text, *password, *socket, *shown;
        int db;
    } rows[] = {
        {"///run/r.sock", "", "/run/r.sock", "redis:///run/r.sock?db=0", 0},
        {"///run/r.sock?db=7", "", "/run/r.sock", "redis:///run/r.sock?db=7", 7},
        {"//:se%20cret@/r@b.sock", "se cret", "/r@b.sock", "redis:///r@b.sock?db=0", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct redis_url url;
        assert_int_equal(redis_url_parse(rows[i].text, &url, NULL), STATUS_OK);
        assert_string_equal(url.host, "");
        assert_string_equal(url.password, rows[i].password);
        assert_string_equal(url.socket, rows[i].socket);
        assert_string_equal(url.shown, rows[i].shown);
        assert_int_equal(url.db, rows[i].db);
    }
}

static void bad_address_is_refused_and_not_repeated(void **state)
{
    static const char *const texts[] = {
        "hush",
        "/hush",
        "//",
        "//:hush@",
        "//hush@h", /* a user without a password */
        "//u:hush%@h",
        "//u:hush%4@h",
        "//u:hush%4g@h",
        "//u:hush%00@h",
        "//u:hush@h:0",
        "//u:hush@h:65536",
        "//u:hush@h:x",
        "//u:hush@h:",
        "//u:hush@h/x",
        "//u:hush@h/-1",
        "//u:hush@h/1/2",
        "//u:hush@[::1/1",
        "//u:hush@[::1]x",
        "//u:hush@/s?db=",
        "//u:hush@/s?db=x",
        "//u:hush@/s?DB=1",
        "//u:hush@/s?",
        "//u:hush@:1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct redis_url url;
        struct error_text error = {""};
        if (redis_url_parse(texts[i], &url, &error) != STATUS_INVALID)
            fail_msg("%s is taken", texts[i]);
        assert_non_null(strstr(error.text, "expected redis://"));
        assert_null(strstr(error.text, "hush"));
    }
}

static void path_and_password_are_bounded(void **state)
{
    char text[1024];
    struct redis_url url;
    (void)state;
    snprintf(text, sizeof text, "///%0106d", 0);
    assert_int_equal(redis_url_parse(text, &url, NULL), STATUS_OK);
    snprintf(text, sizeof text, "///%0107d", 0);
    assert_int_equal(redis_url_parse(text, &url, NULL), STATUS_INVALID);
    snprintf(text, sizeof text, "//u:%0511d@h", 0);
    assert_int_equal(redis_url_parse(text, &url, NULL), STATUS_OK);
    snprintf(text, sizeof text, "//u:%0512d@h", 0);
    assert_int_equal(redis_url_parse(text, &url, NULL), STATUS_INVALID);
    snprintf(text, sizeof text, "//%0256d", 0);
    assert_int_equal(redis_url_parse(text, &url, NULL), STATUS_INVALID);
}

/* ---- what a server says of itself ---- */

static struct redis_server server(const char *version, const char *role, const char *mode,
                                  const char *loading, const char *appends,
                                  const char *maxmemory, const char *policy)
{
    char info[1024];
    struct redis_server parsed;
    struct error_text error = {""};
    snprintf(info, sizeof info,
             "# Server\r\nredis_version:%s\r\nredis_mode:%s\r\nrun_id:5a\r\n\r\n"
             "# Memory\r\nused_memory:123\r\nused_memory_human:123B\r\nmaxmemory:%s\r\n"
             "maxmemory_policy:%s\r\n\r\n# Persistence\r\nloading:%s\r\n"
             "aof_enabled:%s\r\n\r\n# Replication\r\nrole:%s\r\n",
             version, mode, maxmemory, policy, loading, appends, role);
    if (redis_server_parse(info, &parsed, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return parsed;
}

static void server_is_usable_when_new_enough_alone_and_a_primary(void **state)
{
    const struct {
        struct redis_server server;
        const char *expected; /* NULL: usable */
    } rows[] = {
        {server("7.0.15", "master", "standalone", "0", "1", "0", "noeviction"), NULL},
        {server("6.0.0", "master", "standalone", "0", "0", "5", "allkeys-lru"), NULL},
        {server("10.2", "master", "sentinel", "0", "0", "0", "noeviction"), NULL},
        {server("5.0.14", "master", "standalone", "0", "1", "0", "noeviction"),
         "Redis 5.0.14; 6.0 or newer"},
        {server("7.0.15", "slave", "standalone", "0", "1", "0", "noeviction"), "replica"},
        {server("7.0.15", "master", "cluster", "0", "1", "0", "noeviction"),
         "cluster mode"},
        {server("7.0.15", "master", "standalone", "1", "1", "0", "noeviction"),
         "loading its data"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error_text error = {""};
        enum status status = redis_server_check(&rows[i].server, &error);
        assert_int_equal(status,
                         rows[i].expected == NULL ? STATUS_OK : STATUS_UNAVAILABLE);
        assert_non_null(
            strstr(error.text, rows[i].expected == NULL ? "" : rows[i].expected));
    }
}

static void server_is_durable_when_it_appends_and_never_evicts(void **state)
{
    const struct {
        const char *appends, *maxmemory, *policy, *expected;
    } rows[] = {
        {"1", "0", "noeviction", NULL},
        {"1", "0", "allkeys-lru", NULL}, /* without a limit nothing is evicted */
        {"1", "1000", "noeviction", NULL},
        {"0", "0", "noeviction", "appendonly yes"},
        {"1", "1000", "allkeys-lru", "maxmemory 1000, maxmemory-policy allkeys-lru"},
        {"1", "18446744073709551615", "volatile-ttl", "maxmemory-policy noeviction"},
        {"0", "1000", "allkeys-lru", "appendonly yes"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error_text error = {""};
        struct redis_server its =
            server("7.0.15", "master", "standalone", "0", rows[i].appends,
                   rows[i].maxmemory, rows[i].policy);
        enum status status = redis_server_check_durable(&its, &error);
        assert_int_equal(status,
                         rows[i].expected == NULL ? STATUS_OK : STATUS_UNAVAILABLE);
        assert_non_null(
            strstr(error.text, rows[i].expected == NULL ? "" : rows[i].expected));
        if (status != STATUS_OK)
            assert_non_null(strstr(error.text, "--store-durability weak"));
    }
}

static void answer_that_lacks_what_must_be_known_is_malformed(void **state)
{
    static const char *const infos[] = {
        "",
        "redis_version:7.0.15\r\n",
        "redis_version:7.0.15\r\nrole:master\r\nmaxmemory:0\r\nmaxmemory_policy:x\r\n",
        "redis_version:seven\r\nrole:master\r\naof_enabled:1\r\nmaxmemory:0\r\n"
        "maxmemory_policy:noeviction\r\n",
        /* not at the beginning of a line */
        "xredis_version:7.0\r\nxrole:master\r\nxaof_enabled:1\r\nxmaxmemory:0\r\n"
        "xmaxmemory_policy:noeviction\r\n",
    };
    struct redis_server its;
    (void)state;
    for (size_t i = 0; i < sizeof infos / sizeof infos[0]; i++)
        assert_int_equal(redis_server_parse(infos[i], &its, NULL), STATUS_MALFORMED);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_of_a_host_is_taken_apart),
        cmocka_unit_test(address_of_a_socket_is_taken_apart),
        cmocka_unit_test(bad_address_is_refused_and_not_repeated),
        cmocka_unit_test(path_and_password_are_bounded),
        cmocka_unit_test(server_is_usable_when_new_enough_alone_and_a_primary),
        cmocka_unit_test(server_is_durable_when_it_appends_and_never_evicts),
        cmocka_unit_test(answer_that_lacks_what_must_be_known_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
