/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - what the parts of libchw's front share: client.c (the calls of chw.h),
 * client_answers.c (what arrives), client_steps.c (what the session wants done) and
 * client_spool.c (what waits on the disk).
 *
 *   chw_submit: request, PENDING ---answer---> UNSYNCED ---journal synced---> FINISHED
 *        |      kept to be sent again          where there is a journal    for chw_wait()
 *        |               ^
 *        +-> in a spool: on the disk, in order, as the window has room
 *
 * acked_below, which each SCORE carries, advances where session_final() is called: after
 * the sync where there is a journal, else when the caller takes the result. */

#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "base/list.h"
#include "client/chw.h"
#include "client/journal.h"
#include "client/link.h"
#include "client/session.h"
#include "client/spool.h"

/* A batch or a DESCRIBE, until the caller has its answer. */
struct request {
    struct list link; /* in `unsynced` or `finished` */
    struct header header;
    struct link_body *body; /* NULL once it is answered */
    size_t rows;
    struct digest digest;      /* of the body, where there is a journal */
    uint64_t expires_ms;       /* of a what-if; 0: never */
    struct chw_result *result; /* owned */
    bool is_final;             /* nothing is to be said to the session any more */
};

struct chw_client {
    struct chw_options options;
    char *endpoint; /* a copy, for notices */
    struct session *session;
    struct link *link;
    struct journal *journal; /* NULL: answers are not kept */
    struct spool *spool;     /* NULL: batches are not kept */
    char *folder;            /* of the spool */
    uint64_t next;           /* where there is a spool: what chw_submit() gives next */
    uint8_t id[CLIENT_ID_SIZE];

    struct request **pending; /* by sequence: a ring as long as the session's span */
    uint64_t mask;
    uint64_t unanswered;     /* batches pending, or in the spool */
    struct list unsynced;    /* answered, in the journal, not yet synced */
    struct list finished;    /* for the caller */
    uint32_t finished_count; /* of both */
    uint64_t served_ms;      /* when the link was last looked at */
    enum status failure; /* journal, spool or link broke: nothing more can be promised */

    struct request *question;            /* the DESCRIBE that is outstanding, or NULL */
    struct chw_description *description; /* its answer, not yet taken */
    enum status description_status;
    struct error_text error;
};

/* Takes over `bytes` (malloc) in any case. NULL: out of memory. */
struct request *request_new(struct chw_client *self, enum message_type type,
                            uint8_t *bytes, size_t size);
void request_free(struct request *request); /* accepts NULL */

/* NULL: it has been answered, or never was. */
struct request *client_find(const struct chw_client *self, uint64_t sequence);
/* From now on it is sent until it is answered. Its header has a sequence. */
void client_add_pending(struct chw_client *self, struct request *request);
/* The answer is there; the body is let go, the request is the caller's again. */
void client_end_pending(struct chw_client *self, struct request *request);
/* To chw_wait(); takes `request` over. */
void client_hand_over(struct chw_client *self, struct request *request);
/* The same for a batch without an answer of the cluster, that the session has let go or
 * never will. */
MUST_CHECK enum status client_give_up(struct chw_client *self, struct request *request,
                                      enum chw_outcome outcome, const char *reason);

/* Where the journal has an answer under this number: gives it to chw_wait() and takes
 * `request` over, if it is this batch's and no run before has. */
MUST_CHECK enum status client_replay(struct chw_client *self, struct request *request,
                                     uint64_t sequence);

void client_notify(struct chw_client *self, enum chw_notice notice, const char *format,
                   ...) __attribute__((format(printf, 3, 4)));

/* All that has arrived; answers are durable then. An error is the end of the client. */
MUST_CHECK enum status client_receive(struct chw_client *self);
/* Do what the session says. */
MUST_CHECK enum status client_act(struct chw_client *self);

/* ---- where there is a spool ---- */

/* The folder, made where there is none, and its journal's name, the caller's to free. */
MUST_CHECK enum status client_name_journal(struct chw_client *self, char **path,
                                           struct error_text *error);
/* The journal is open. */
MUST_CHECK enum status client_open_spool(struct chw_client *self,
                                         struct error_text *error);
/* The next batch is durable, or has been for long, or is answered; takes `request` over
 * on STATUS_OK. */
MUST_CHECK enum status client_keep(struct chw_client *self, struct request *request,
                                   uint64_t *sequence);
/* From the disk to the session, as many as it may have in flight. */
MUST_CHECK enum status client_feed(struct chw_client *self);
/* A worker ended over it. */
MUST_CHECK enum status client_charge(struct chw_client *self,
                                     const struct request *request);
/* Batches wait behind one that is not there. */
bool client_is_stuck(const struct chw_client *self);

#endif
