/* SPDX-License-Identifier: Apache-2.0 */
/* redis_link.c - dialling, logging in, one question and its answer. */
#include "store/redis_link.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    CONNECT_S = 2,
    ANSWER_S = 5,
    LARGE_SIZE = 4 << 20, /* what takes Redis longer: a large artifact to disk */
    LARGE_ANSWER_S = 60,
    WORDS_MAX = 4
};

/* ---- what went wrong ---- */

/* A connection in doubt may still bring an answer to what was asked: it is not used
 * again. */
void redis_link_close(struct redis_link *self)
{
    if (self->context != NULL)
        redisFree(self->context);
    self->context = NULL;
}

static enum status fail(struct redis_link *self, const char *text,
                        struct error_text *error)
{
    error_set(error, STATUS_UNAVAILABLE, "%s: %s", self->url->shown, text);
    redis_link_close(self);
    return STATUS_UNAVAILABLE;
}

static enum status lost(struct redis_link *self, struct error_text *error)
{
    char silence[32];
    bool silent = self->context->err == REDIS_ERR_IO && errno == EAGAIN;
    snprintf(silence, sizeof silence, "no answer for %d s", self->answer_s);
    return fail(self, silent ? silence : self->context->errstr, error);
}

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* What an error reply means; others are told in Redis's own words. */
static const struct {
    const char *prefix, *text;
    enum status status;
} refusals[] = {
    {"WRONGPASS", "user or password is wrong", STATUS_UNAVAILABLE},
    {"ERR invalid password", "the password is wrong", STATUS_UNAVAILABLE},
    {"NOAUTH", "it needs a password: redis://USER:PASSWORD@...", STATUS_UNAVAILABLE},
    {"ERR AUTH", "it has no password, and one was given", STATUS_UNAVAILABLE},
    {"ERR Client sent AUTH", "it has no password, and one was given", STATUS_UNAVAILABLE},
    {"NOPERM", "this user may not run what a store needs", STATUS_UNAVAILABLE},
    {"OOM", "its memory is full (maxmemory): nothing was stored", STATUS_UNAVAILABLE},
    {"READONLY", "it is a replica, which cannot be written to", STATUS_UNAVAILABLE},
    {"LOADING", "it is still loading its data", STATUS_UNAVAILABLE},
    {"ERR DB index", "it has no database of that number", STATUS_UNAVAILABLE},
    {"ERR Background append only", "it rewrites its append-only file", STATUS_TAKEN},
    {"NOSCRIPT", "it does not know the script", STATUS_NOT_FOUND},
    {"WRONGTYPE", "its keys chw:* are not those of a store", STATUS_CORRUPT},
};

static enum status refused(struct redis_link *self, const redisReply *reply,
                           struct error_text *error)
{
    static const char overflow[] = "OVERFLOW ";
    if (begins(reply->str, overflow))
        return error_set(error, STATUS_INVALID,
                         "%s: the demand of %s would pass what 64 bits hold",
                         self->url->shown, reply->str + strlen(overflow));
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (begins(reply->str, refusals[i].prefix))
            return error_set(error, refusals[i].status, "%s: %s", self->url->shown,
                             refusals[i].text);
    return error_set(error, STATUS_UNAVAILABLE, "%s: %s", self->url->shown, reply->str);
}

/* ---- a command on a connection ---- */

static enum status answer(struct redis_link *self, redisReply **reply,
                          struct error_text *error)
{
    void *got = NULL;
    if (redisGetReply(self->context, &got) != REDIS_OK)
        return lost(self, error);
    *reply = got;
    if ((*reply)->type != REDIS_REPLY_ERROR)
        return STATUS_OK;
    enum status status = refused(self, *reply, error);
    freeReplyObject(*reply);
    *reply = NULL;
    return status;
}

static void wait_for(struct redis_link *self, int answer_s)
{
    self->answer_s = answer_s;
    (void)redisSetTimeout(self->context, (struct timeval){.tv_sec = answer_s});
}

/* hiredis would write without the flag: a peer that is gone would end this process. */
static enum status send_all(struct redis_link *self, const char *bytes, size_t size,
                            struct error_text *error)
{
    while (size > 0) {
        ssize_t sent = send(self->context->fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return fail(self, errno == EAGAIN ? "it takes no more data" : strerror(errno),
                        error);
        bytes += sent;
        size -= (size_t)sent;
    }
    return STATUS_OK;
}

enum status redis_link_run(struct redis_link *self, int count, const char **words,
                           const size_t *sizes, redisReply **reply,
                           struct error_text *error)
{
    char *command;
    *reply = NULL;
    long long size = redisFormatCommandArgv(&command, count, words, sizes);
    if (size < 0)
        return error_set(error, STATUS_NOMEM, "out of memory");
    bool large = size > LARGE_SIZE;
    if (large)
        wait_for(self, LARGE_ANSWER_S);
    enum status status = send_all(self, command, (size_t)size, error);
    redisFreeCommand(command);
    if (status == STATUS_OK)
        status = answer(self, reply, error);
    if (large && self->context != NULL)
        wait_for(self, ANSWER_S);
    return status;
}

/* ---- connecting ---- */

static enum status dial(struct redis_link *self, struct error_text *error)
{
    static const struct timeval connect_time = {.tv_sec = CONNECT_S};
    const struct redis_url *url = self->url;
    self->context = url->host[0] == '\0'
                        ? redisConnectUnixWithTimeout(url->socket, connect_time)
                        : redisConnectWithTimeout(url->host, url->port, connect_time);
    if (self->context == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    if (self->context->err != 0)
        return fail(self, self->context->errstr, error);
    wait_for(self, ANSWER_S);
    if (url->host[0] != '\0')
        (void)redisEnableKeepAlive(self->context);
    return STATUS_OK;
}

enum status redis_link_ask(struct redis_link *self, const char *const *words,
                           redisReply **reply, struct error_text *error)
{
    const char *argv[WORDS_MAX];
    size_t sizes[WORDS_MAX];
    int count = 0;
    for (; words[count] != NULL; count++) {
        assert(count < WORDS_MAX);
        argv[count] = words[count];
        sizes[count] = strlen(words[count]);
    }
    return redis_link_run(self, count, argv, sizes, reply, error);
}

static enum status say_only(struct redis_link *self, const char *const *words,
                            struct error_text *error)
{
    redisReply *reply;
    enum status status = redis_link_ask(self, words, &reply, error);
    if (status == STATUS_OK)
        freeReplyObject(reply);
    return status;
}

static enum status log_in(struct redis_link *self, struct error_text *error)
{
    const struct redis_url *url = self->url;
    char db[16];
    snprintf(db, sizeof db, "%d", url->db);
    enum status status = STATUS_OK;
    if (url->password[0] != '\0' && url->user[0] == '\0')
        status = say_only(self, (const char *[]){"AUTH", url->password, NULL}, error);
    else if (url->password[0] != '\0')
        status = say_only(self, (const char *[]){"AUTH", url->user, url->password, NULL},
                          error);
    if (status == STATUS_OK && url->db != 0)
        status = say_only(self, (const char *[]){"SELECT", db, NULL}, error);
    return status;
}

enum status redis_link_open(struct redis_link *self, struct error_text *error)
{
    enum status status = dial(self, error);
    if (status == STATUS_OK)
        status = log_in(self, error);
    if (status != STATUS_OK)
        redis_link_close(self);
    return status;
}

bool redis_link_is_open(struct redis_link *self)
{
    if (self->context == NULL)
        return false;
    struct pollfd readable = {.fd = self->context->fd, .events = POLLIN};
    if (poll(&readable, 1, 0) != 0) /* its end, or what nobody asked for */
        redis_link_close(self);
    return self->context != NULL;
}

bool redis_link_await(struct redis_link *self, int timeout_ms)
{
    struct pollfd readable = {.fd = self->context->fd, .events = POLLIN};
    void *message = NULL;
    if (poll(&readable, 1, timeout_ms) <= 0)
        return true;
    bool whole = redisBufferRead(self->context) == REDIS_OK;
    while (whole && redisGetReplyFromReader(self->context, &message) == REDIS_OK &&
           message != NULL)
        freeReplyObject(message);
    if (self->context->err != 0)
        redis_link_close(self);
    return self->context != NULL;
}
