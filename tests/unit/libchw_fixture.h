/* SPDX-License-Identifier: Apache-2.0 */
/* libchw_fixture.h - libchw and the brokers that it talks to: ROUTERs on sockets of their
 * own, which the test serves between calls of the library. */

#ifndef TESTS_UNIT_LIBCHW_FIXTURE_H
#define TESTS_UNIT_LIBCHW_FIXTURE_H

#include "client/chw.h"
#include "tests/lib/test.h"
#include "wire/socket.h"

#include "batch.pb-c.h"

enum { BROKERS = 2, DEADLINE_ROUNDS = 500, ROUND_MS = 10, DAY = 20000 };

struct story {
    char folder[64], endpoints[BROKERS][128], list[300], journal[128];
    void *context, *routers[BROKERS];
    uint64_t said[BROKERS];   /* bytes of answers */
    bool workerless[BROKERS]; /* as its PONGs say */
    struct message message;   /* the last that was received, */
    int at;                   /* and by which broker */
    struct chw_client *client;
    uint64_t instance;
    char notices[4096];
    Chw__Factors *factors; /* of the next replies; NULL: none */
};

/* Of one test, with one broker or two and a client that has a journal. */
int setup(void **state);
int setup_two(void **state);
int teardown(void **state);

struct chw_options default_options(struct story *story);
enum chw_status open_client(struct story *story, bool what_if);
/* Instead of the one that the story began with. */
void reopen(struct story *story, const struct chw_options *options);
void close_broker(struct story *story, int broker);
/* What was sent to it before is not heard any more. */
void restart_broker(struct story *story, int broker);

/* ---- the broker's side ---- */

/* To whom the last message came from. */
void say(struct story *story, const struct header *header, const ProtobufCMessage *body);
/* What one broker has, answering PINGs. */
bool take_from(struct story *story, int broker);
/* True: story->message is something else than a PING, and came to broker story->at.
 * False: the one before can still be answered. */
bool take_message(struct story *story);
/* Serve the client until the broker hears something; its results must not come. */
struct header hear(struct story *story);
/* Two records are scored .25 and invalid; `rows` may lie. */
void reply(struct story *story, struct header header, uint32_t rows);

/* ---- the client's side ---- */

/* The next result; the broker must hear nothing meanwhile. */
struct chw_result *await(struct story *story);
/* A batch of two records: this age, and 1. */
enum chw_status submit(struct story *story, float age, uint64_t *sequence);
void must_submit(struct story *story, float age, uint64_t expected);
/* As reply() scores; frees it. */
void assert_scored(struct chw_result *result, uint64_t sequence);

#endif
