/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a list of addresses becomes what can be connected to, and follows its names.
 * Method: numbers and localhost by the system; everything else by a resolver of the
 * test's, whose answers change, fail and keep one waiting. */
#include "wire/addresses.h"

#include "base/clock.h"

#include "tests/lib/test.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { DEADLINE_MS = 10000 };

/* A resolver that answers what is written here now. */
struct fake {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const char *answers[2]; /* of the host "b", of any other; NULL: it fails */
    bool silent;            /* keeps whoever asks waiting */
    bool finished;          /* somebody who waited went on */
    unsigned asked;
};

static enum status fake_resolve(void *context, const char *host,
                                struct address_set *hosts, struct error_text *error)
{
    struct fake *fake = context;
    char copy[4096] = "", *rest = copy;
    pthread_mutex_lock(&fake->lock);
    fake->asked++;
    pthread_cond_broadcast(&fake->changed);
    bool waited = fake->silent;
    while (fake->silent)
        pthread_cond_wait(&fake->changed, &fake->lock);
    const char *answer = fake->answers[host[0] != 'b'];
    if (answer != NULL)
        snprintf(copy, sizeof copy, "%s", answer);
    fake->finished = waited;
    pthread_cond_broadcast(&fake->changed);
    pthread_mutex_unlock(&fake->lock);
    if (answer == NULL)
        return error_set(error, STATUS_UNAVAILABLE, "no such host");
    for (char *one; (one = strtok_r(rest, " ", &rest)) != NULL;)
        address_set_add(hosts, one);
    return STATUS_OK;
}

static void fake_open(struct fake *fake)
{
    memset(fake, 0, sizeof *fake);
    pthread_mutex_init(&fake->lock, NULL);
    pthread_cond_init(&fake->changed, NULL);
}

static void fake_close(struct fake *fake)
{
    pthread_mutex_destroy(&fake->lock);
    pthread_cond_destroy(&fake->changed);
}

static void fake_answer(struct fake *fake, char host, const char *answer)
{
    pthread_mutex_lock(&fake->lock);
    fake->answers[host != 'b'] = answer;
    pthread_mutex_unlock(&fake->lock);
}

/* From now on it keeps waiting who asks, or lets them go. */
static void fake_silence(struct fake *fake, bool silent)
{
    pthread_mutex_lock(&fake->lock);
    fake->silent = silent;
    pthread_cond_broadcast(&fake->changed);
    pthread_mutex_unlock(&fake->lock);
}

static struct addresses *open_with(struct fake *fake, const char *list)
{
    const struct address_resolver resolver = {fake_resolve, fake};
    struct addresses *addresses;
    assert_int_equal(addresses_open(list, true, &resolver, &addresses, NULL), STATUS_OK);
    return addresses;
}

/* The set as one text. */
static const char *shown(const struct address_set *set)
{
    static char text[ADDRESSES_MAX * ADDRESS_SIZE];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < set->count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s",
                                 i == 0 ? "" : " ", set->items[i]);
    return text;
}

/* Asks again until the addresses are these. */
static void expect(struct addresses *addresses, const char *wanted)
{
    struct address_set set = {0};
    uint64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS, generation = 0;
    addresses_get(addresses, &generation, &set);
    while (strcmp(shown(&set), wanted) != 0 && clock_monotonic_ms() < deadline_ms) {
        addresses_hurry(addresses);
        if (!addresses_get(addresses, &generation, &set))
            poll(NULL, 0, 1);
    }
    assert_string_equal(shown(&set), wanted);
}

/* Asks again until the sentence says this; "" is no trouble. */
static void expect_trouble(struct addresses *addresses, const char *part)
{
    uint64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    struct error_text trouble;
    bool there = false;
    while (!there && clock_monotonic_ms() < deadline_ms) {
        addresses_hurry(addresses);
        addresses_trouble(addresses, &trouble);
        there =
            *part == '\0' ? trouble.text[0] == '\0' : strstr(trouble.text, part) != NULL;
        poll(NULL, 0, 1);
    }
    if (!there)
        fail_msg("\"%s\" is not in \"%s\"", part, trouble.text);
}

static void numbers_and_paths_are_taken_as_they_are_sorted_and_once(void **state)
{
    (void)state;
    struct addresses *addresses;
    struct address_set set;
    uint64_t generation = 0;
    assert_int_equal(addresses_open("tcp://127.0.0.2:5,tcp://[::1]:7,ipc://run/b.ipc,"
                                    "tcp://127.0.0.2:5",
                                    false, NULL, &addresses, NULL),
                     STATUS_OK);
    assert_true(addresses_get(addresses, &generation, &set));
    assert_string_equal(shown(&set), "ipc://run/b.ipc tcp://127.0.0.2:5 tcp://[::1]:7");
    assert_false(addresses_get(addresses, &generation, &set));
    addresses_close(addresses);
}

static void localhost_is_resolved_by_the_system(void **state)
{
    (void)state;
    struct addresses *addresses;
    struct address_set set;
    uint64_t generation = 0;
    assert_int_equal(
        addresses_open("tcp://localhost:5555", false, NULL, &addresses, NULL), STATUS_OK);
    assert_true(addresses_get(addresses, &generation, &set));
    assert_true(address_set_has(&set, "tcp://127.0.0.1:5555") ||
                address_set_has(&set, "tcp://[::1]:5555"));
    addresses_close(addresses);
}

static void lists_that_cannot_be_used_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *list, *reason;
    } wrong[] = {
        {"", "empty place"},
        {"tcp://127.0.0.1:1,", "empty place"},
        {",tcp://127.0.0.1:1", "empty place"},
        {"tcp://127.0.0.1:1,,tcp://127.0.0.1:2", "empty place"},
        {"tcp://127.0.0.1:1,udp://127.0.0.1:2", "udp://127.0.0.1:2 is neither"},
        {"tcp://127.0.0.1:1, tcp://127.0.0.1:2", " tcp://127.0.0.1:2 is neither"},
        {"tcp://127.0.0.1", "tcp://HOST:PORT"},
        {"tcp://127.0.0.1:99999", "from 1 to 65535"},
        {"ipc://", "no path"},
        {"tcp://brokers.example.org:5555", "in clear"},
    };
    struct error_text error;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct addresses *addresses;
        assert_int_equal(addresses_check(wrong[i].list, false, &error), STATUS_INVALID);
        if (strstr(error.text, wrong[i].reason) == NULL)
            fail_msg("%s: %s", wrong[i].list, error.text);
        assert_int_equal(addresses_open(wrong[i].list, false, NULL, &addresses, &error),
                         STATUS_INVALID);
        assert_null(addresses);
    }
    assert_int_equal(addresses_check("tcp://*:5555", true, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "nothing to connect to"));
    assert_int_equal(addresses_check("tcp://brokers.example.org:5555", true, &error),
                     STATUS_OK);
}

static void more_addresses_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    char list[ADDRESSES_MAX * 32 + 32] = "";
    struct error_text error;
    size_t used = 0;
    for (int i = 0; i <= ADDRESSES_MAX; i++) {
        used += (size_t)snprintf(list + used, sizeof list - used, "%stcp://127.0.0.1:%d",
                                 i == 0 ? "" : ",", i + 1);
        assert_int_equal(addresses_check(list, false, &error),
                         i < ADDRESSES_MAX ? STATUS_OK : STATUS_INVALID);
    }
    assert_non_null(strstr(error.text, "more than 64"));
}

static void name_stands_for_all_its_addresses(void **state)
{
    (void)state;
    struct fake fake;
    fake_open(&fake);
    fake_answer(&fake, 'a', "10.0.0.2 10.0.0.1 fd00::7 10.0.0.1");
    fake_answer(&fake, 'b', "10.0.0.1");
    struct addresses *addresses =
        open_with(&fake, "tcp://a:5555,tcp://b:5555,tcp://b:6666,ipc://x");
    expect(addresses, "ipc://x tcp://10.0.0.1:5555 tcp://10.0.0.1:6666 "
                      "tcp://10.0.0.2:5555 tcp://[fd00::7]:5555");
    addresses_close(addresses);
    fake_close(&fake);
}

static void changed_answer_is_followed(void **state)
{
    (void)state;
    struct fake fake;
    fake_open(&fake);
    fake_answer(&fake, 'a', "10.0.0.1");
    struct addresses *addresses = open_with(&fake, "tcp://a:1");
    expect(addresses, "tcp://10.0.0.1:1");
    fake_answer(&fake, 'a', "10.0.0.2 10.0.0.1");
    expect(addresses, "tcp://10.0.0.1:1 tcp://10.0.0.2:1");
    fake_answer(&fake, 'a', "10.0.0.3");
    expect(addresses, "tcp://10.0.0.3:1");
    addresses_close(addresses);
    fake_close(&fake);
}

static void same_answer_is_no_change(void **state)
{
    (void)state;
    struct fake fake;
    struct address_set set;
    uint64_t generation = 0;
    fake_open(&fake);
    fake_answer(&fake, 'a', "10.0.0.1 10.0.0.2");
    struct addresses *addresses = open_with(&fake, "tcp://a:1");
    assert_true(addresses_get(addresses, &generation, &set));
    fake_answer(&fake, 'a', "10.0.0.2 10.0.0.1");
    pthread_mutex_lock(&fake.lock);
    unsigned enough = fake.asked + 3; /* the second of these answers has been used */
    while (fake.asked < enough) {
        pthread_mutex_unlock(&fake.lock);
        addresses_hurry(addresses);
        pthread_mutex_lock(&fake.lock);
        if (fake.asked < enough)
            pthread_cond_wait(&fake.changed, &fake.lock);
    }
    pthread_mutex_unlock(&fake.lock);
    assert_false(addresses_get(addresses, &generation, &set));
    addresses_close(addresses);
    fake_close(&fake);
}

static void name_that_fails_keeps_its_addresses_and_costs_no_other(void **state)
{
    (void)state;
    struct fake fake;
    fake_open(&fake);
    fake_answer(&fake, 'a', "10.0.0.1");
    fake_answer(&fake, 'b', "10.0.0.2");
    struct addresses *addresses = open_with(&fake, "tcp://a:1,tcp://b:1");
    expect(addresses, "tcp://10.0.0.1:1 tcp://10.0.0.2:1");
    fake_answer(&fake, 'a', NULL);
    fake_answer(&fake, 'b', "10.0.0.3");
    expect(addresses, "tcp://10.0.0.1:1 tcp://10.0.0.3:1");
    expect_trouble(addresses, "a does not resolve now, its last addresses are kept: "
                              "no such host");
    fake_answer(&fake, 'a', "");
    expect_trouble(addresses, "no address that may be used");
    expect(addresses, "tcp://10.0.0.1:1 tcp://10.0.0.3:1");
    fake_answer(&fake, 'a', "10.0.0.4");
    expect(addresses, "tcp://10.0.0.3:1 tcp://10.0.0.4:1");
    expect_trouble(addresses, "");
    addresses_close(addresses);
    fake_close(&fake);
}

static void name_that_resolves_only_later_is_no_error(void **state)
{
    (void)state;
    struct fake fake;
    fake_open(&fake);
    struct addresses *addresses = open_with(&fake, "tcp://a:1");
    expect(addresses, "");
    expect_trouble(addresses, "a does not resolve: no such host");
    fake_answer(&fake, 'a', "10.0.0.1");
    expect(addresses, "tcp://10.0.0.1:1");
    addresses_close(addresses);
    fake_close(&fake);
}

static void first_addresses_are_used_where_there_are_too_many(void **state)
{
    (void)state;
    char answer[4096] = "";
    struct fake fake;
    size_t used = 0;
    struct address_set set;
    uint64_t generation = 0;
    fake_open(&fake);
    for (int i = 90; i > 10; i--)
        used += (size_t)snprintf(answer + used, sizeof answer - used, "10.0.0.%d ", i);
    fake_answer(&fake, 'a', answer);
    fake_answer(&fake, 'b', "10.0.0.10");
    struct addresses *addresses = open_with(&fake, "tcp://a:1,tcp://b:1");
    assert_true(addresses_get(addresses, &generation, &set));
    assert_int_equal(set.count, ADDRESSES_MAX);
    assert_string_equal(set.items[0], "tcp://10.0.0.10:1");
    assert_string_equal(set.items[ADDRESSES_MAX - 1], "tcp://10.0.0.73:1");
    expect_trouble(addresses, "more than 64 addresses");
    addresses_close(addresses);
    fake_close(&fake);
}

/* Without --insecure the only name is localhost, and it means this machine. */
static void localhost_never_leads_out_of_the_machine(void **state)
{
    (void)state;
    struct fake fake;
    struct address_set set = {0};
    uint64_t generation = 0;
    fake_open(&fake);
    fake_answer(&fake, 'a', "10.0.0.1 127.0.0.1");
    const struct address_resolver resolver = {fake_resolve, &fake};
    struct addresses *addresses;
    assert_int_equal(
        addresses_open("tcp://localhost:1", false, &resolver, &addresses, NULL),
        STATUS_OK);
    assert_true(addresses_get(addresses, &generation, &set));
    assert_string_equal(shown(&set), "tcp://127.0.0.1:1");
    addresses_close(addresses);
    fake_close(&fake);
}

static void closing_waits_only_a_while_for_a_resolver_that_is_silent(void **state)
{
    (void)state;
    static struct fake fake; /* the thread that is left may outlive the test */
    fake_open(&fake);
    fake_answer(&fake, 'a', "10.0.0.1");
    struct addresses *addresses = open_with(&fake, "tcp://a:1");
    fake_silence(&fake, true);
    pthread_mutex_lock(&fake.lock);
    unsigned before = fake.asked;
    pthread_mutex_unlock(&fake.lock);
    addresses_hurry(addresses);
    pthread_mutex_lock(&fake.lock);
    while (fake.asked == before)
        pthread_cond_wait(&fake.changed, &fake.lock);
    pthread_mutex_unlock(&fake.lock);
    addresses_close(addresses);

    pthread_mutex_lock(&fake.lock);
    assert_false(fake.finished);
    pthread_mutex_unlock(&fake.lock);
    fake_silence(&fake, false);
    pthread_mutex_lock(&fake.lock);
    while (!fake.finished)
        pthread_cond_wait(&fake.changed, &fake.lock);
    pthread_mutex_unlock(&fake.lock);
}

static void opening_waits_only_a_while_for_the_first_answer(void **state)
{
    (void)state;
    struct fake fake;
    struct address_set set;
    uint64_t generation = 0;
    fake_open(&fake);
    fake_answer(&fake, 'a', "10.0.0.1");
    fake_silence(&fake, true);
    struct addresses *addresses = open_with(&fake, "tcp://a:1");
    assert_false(addresses_get(addresses, &generation, &set));
    fake_silence(&fake, false);
    expect(addresses, "tcp://10.0.0.1:1");
    addresses_close(addresses);
    fake_close(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_paths_are_taken_as_they_are_sorted_and_once),
        cmocka_unit_test(localhost_is_resolved_by_the_system),
        cmocka_unit_test(lists_that_cannot_be_used_are_refused_with_the_reason),
        cmocka_unit_test(more_addresses_than_there_is_room_for_are_refused),
        cmocka_unit_test(name_stands_for_all_its_addresses),
        cmocka_unit_test(changed_answer_is_followed),
        cmocka_unit_test(same_answer_is_no_change),
        cmocka_unit_test(name_that_fails_keeps_its_addresses_and_costs_no_other),
        cmocka_unit_test(name_that_resolves_only_later_is_no_error),
        cmocka_unit_test(first_addresses_are_used_where_there_are_too_many),
        cmocka_unit_test(localhost_never_leads_out_of_the_machine),
        cmocka_unit_test(closing_waits_only_a_while_for_a_resolver_that_is_silent),
        cmocka_unit_test(opening_waits_only_a_while_for_the_first_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
