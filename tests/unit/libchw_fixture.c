/* SPDX-License-Identifier: Apache-2.0 */
/* libchw_fixture.c - libchw and the brokers that it talks to. */
#include "tests/unit/libchw_fixture.h"

#include "wire/body.h"

#include "control.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_notice(void *arg, enum chw_notice notice, const char *text)
{
    struct story *story = arg;
    size_t used = strlen(story->notices);
    (void)notice;
    snprintf(story->notices + used, sizeof story->notices - used, "%s\n", text);
}

struct chw_options default_options(struct story *story)
{
    return (struct chw_options){
        .struct_size = sizeof(struct chw_options),
        .endpoint = story->list,
        .journal = story->journal,
        .window = 2,
        .notice = on_notice,
        .notice_arg = story,
    };
}

enum chw_status open_client(struct story *story, bool what_if)
{
    struct chw_options options = default_options(story);
    options.what_if = what_if;
    return chw_open(&options, &story->client, NULL);
}

void reopen(struct story *story, const struct chw_options *options)
{
    chw_close(story->client);
    story->client = NULL;
    assert_int_equal(chw_open(options, &story->client, NULL), CHW_OK);
}

static enum status bind_broker(struct story *story, int broker)
{
    return socket_bind(story->context, story->endpoints[broker], &story->routers[broker],
                       NULL);
}

static enum status open_broker(struct story *story, int broker)
{
    char endpoint[sizeof story->endpoints[0]];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/front%d.ipc", story->folder, broker);
    strcpy(story->endpoints[broker], endpoint);
    size_t used = strlen(story->list);
    snprintf(story->list + used, sizeof story->list - used, "%s%s", used == 0 ? "" : ",",
             endpoint);
    return bind_broker(story, broker);
}

void close_broker(struct story *story, int broker)
{
    if (story->routers[broker] == NULL)
        return;
    zmq_close(story->routers[broker]);
    story->routers[broker] = NULL;
    unlink(story->endpoints[broker] + strlen("ipc://"));
}

void restart_broker(struct story *story, int broker)
{
    close_broker(story, broker);
    assert_int_equal(bind_broker(story, broker), STATUS_OK);
}

static int setup_with(void **state, int brokers)
{
    static struct story story;
    story = (struct story){.folder = "/tmp/test-libchw-XXXXXX", .instance = 1};
    if (mkdtemp(story.folder) == NULL)
        return -1;
    snprintf(story.journal, sizeof story.journal, "%s/journal", story.folder);
    story.context = zmq_ctx_new();
    message_init(&story.message);
    *state = &story;
    for (int broker = 0; broker < brokers; broker++)
        if (open_broker(&story, broker) != STATUS_OK)
            return -1;
    return open_client(&story, false) != CHW_OK;
}

int setup(void **state)
{
    return setup_with(state, 1);
}

int setup_two(void **state)
{
    return setup_with(state, 2);
}

int teardown(void **state)
{
    struct story *story = *state;
    chw_close(story->client);
    message_close(&story->message);
    for (int broker = 0; broker < BROKERS; broker++)
        close_broker(story, broker);
    zmq_ctx_term(story->context);
    unlink(story->journal);
    return rmdir(story->folder);
}

/* ---- the broker's side ---- */

void say(struct story *story, const struct header *header, const ProtobufCMessage *body)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    if (body != NULL)
        assert_int_equal(body_pack(body, &frame), STATUS_OK);
    if (header->type == MESSAGE_REPLY)
        story->said[story->at] += HEADER_SIZE + zmq_msg_size(&frame);
    assert_int_equal(
        message_send(story->routers[story->at], &story->message.route, header, &frame),
        STATUS_OK);
}

bool take_from(struct story *story, int broker)
{
    while (story->routers[broker] != NULL &&
           message_receive(story->routers[broker], true, &story->message, NULL) ==
               STATUS_OK) {
        story->at = broker;
        if (story->message.header.type != MESSAGE_PING)
            return true;
        struct header pong = {.type = MESSAGE_PONG,
                              .ticket = story->instance + 100 * (uint64_t)broker};
        Chw__Pong body;
        chw__pong__init(&body);
        body.workerless = story->workerless[broker];
        say(story, &pong, &body.base);
    }
    return false;
}

/* A look that finds nothing, or PINGs, forgets who sent the last message. */
bool take_message(struct story *story)
{
    int at = story->at;
    bool found = false;
    zmq_msg_t route;
    zmq_msg_init(&route);
    zmq_msg_copy(&route, &story->message.route);
    for (int broker = 0; broker < BROKERS && !found; broker++)
        found = take_from(story, broker);
    if (!found) {
        story->at = at;
        zmq_msg_move(&story->message.route, &route);
    }
    zmq_msg_close(&route);
    return found;
}

struct header hear(struct story *story)
{
    struct chw_result *result;
    for (int i = 0; i < DEADLINE_ROUNDS; i++) {
        if (take_message(story))
            return story->message.header;
        assert_int_equal(chw_wait(story->client, ROUND_MS, &result), CHW_TIMEOUT);
    }
    fail_msg("nothing was heard");
    return (struct header){0};
}

struct chw_result *await(struct story *story)
{
    struct chw_result *result;
    for (int i = 0; i < DEADLINE_ROUNDS; i++) {
        enum chw_status status = chw_wait(story->client, ROUND_MS, &result);
        if (status == CHW_OK)
            return result;
        assert_int_equal(status, CHW_TIMEOUT);
        assert_false(take_message(story));
    }
    fail_msg("no result came");
    return NULL;
}

void reply(struct story *story, struct header header, uint32_t rows)
{
    float probabilities[2] = {.25f, 0};
    char *tiers[] = {(char[]){"low"}, (char[]){"high"}};
    uint8_t version[32] = {7}, tier[2] = {1, 0};
    Chw__RecordError error, *errors[] = {&error};
    Chw__TargetScores scores, *targets[] = {&scores};
    Chw__Reply body;
    chw__record_error__init(&error);
    chw__target_scores__init(&scores);
    chw__reply__init(&body);
    error.row = 1;
    error.fault = CHW__RECORD_FAULT__RECORD_FAULT_MISSING;
    error.column = (char[]){"age"};
    scores.name = (char[]){"chd"};
    scores.version = (ProtobufCBinaryData){sizeof version, version};
    scores.n_probabilities = 2;
    scores.probabilities = probabilities;
    scores.tiers = (ProtobufCBinaryData){sizeof tier, tier};
    scores.n_tier_names = 2;
    scores.tier_names = tiers;
    scores.factors = story->factors;
    body.outcome = header.flags & HEADER_WHAT_IF ? CHW__OUTCOME__OUTCOME_SCORED
                                                 : CHW__OUTCOME__OUTCOME_COUNTED;
    body.rows = rows;
    body.n_errors = 1;
    body.errors = errors;
    body.n_targets = 1;
    body.targets = targets;
    header.type = MESSAGE_REPLY;
    say(story, &header, &body.base);
}

/* ---- the client's side ---- */

enum chw_status submit(struct story *story, float age, uint64_t *sequence)
{
    size_t column;
    struct chw_batch *batch = chw_batch_new("KE/Kisumu", DAY);
    assert_non_null(batch);
    assert_int_equal(chw_batch_column(batch, "age", CHW_NUMBER, &column), CHW_OK);
    assert_int_equal(chw_batch_numbers(batch, column, (float[]){age, 1}, 2), CHW_OK);
    enum chw_status status = chw_submit(story->client, batch, sequence);
    chw_batch_free(batch);
    return status;
}

void must_submit(struct story *story, float age, uint64_t expected)
{
    uint64_t sequence;
    assert_int_equal(submit(story, age, &sequence), CHW_OK);
    assert_int_equal(sequence, expected);
}

void assert_scored(struct chw_result *result, uint64_t sequence)
{
    const char *column = NULL;
    assert_int_equal(chw_result_sequence(result), sequence);
    assert_int_equal(chw_result_rows(result), 2);
    assert_int_equal(chw_result_fault(result, 0, &column), CHW_FAULT_NONE);
    assert_int_equal(chw_result_fault(result, 1, &column), CHW_FAULT_MISSING);
    assert_string_equal(column, "age");
    assert_int_equal(chw_result_target_count(result), 1);
    assert_true(chw_result_probabilities(result, 0)[0] == .25f);
    assert_string_equal(chw_result_tier(result, 0, 0), "high");
    assert_int_equal(chw_result_version(result, 0)[0], 7);
    chw_result_free(result);
}
