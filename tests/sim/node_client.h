/* SPDX-License-Identifier: Apache-2.0 */
/* node_client.h - a client: the real session, fed by the network, and around it what
 * client.c does with it: a journal, and an input of batches that is read again after a
 * crash; or, at some, the real spool, which is all that is left of the input then. */

#ifndef SIM_NODE_CLIENT_H
#define SIM_NODE_CLIENT_H

#include "client/session.h"
#include "tests/sim/client_spool.h"
#include "tests/sim/network.h"

/* An answer in the journal. */
enum kept { KEPT_NOT, KEPT_WRITTEN, KEPT_SYNCED };

/* What the client has of a batch. */
struct entry {
    struct answer answer;
    enum kept kept;
    uint8_t attempt;      /* workers that it has cost, as told; lost in a crash, unless it
                           * is in a spool */
    uint8_t attempt_kept; /* as the spool has promised */
};

struct client_node {
    struct peer peer; /* first */
    struct node node;
    struct session *session; /* NULL while it is down */
    bool what_if;
    bool failed;    /* by its disk: it does nothing more and is about to end */
    bool ill_fated; /* it is to lose power as soon as it is back */
    struct client_spool spool;
    struct batch *batches; /* by sequence, from 1 */
    struct entry *entries; /* likewise */
    struct batch question; /* DESCRIBE; its sequence is 0 while there is none */
    uint64_t *taken;       /* bytes of answers, by broker, on this connection */
    uint32_t open;         /* batches whose outcome it has not learned */
    bool syncing;
    uint64_t retry_us; /* a full disk is not asked before */
    uint64_t wake_us;  /* when its timer goes off; UINT64_MAX: never */
};

void client_init(struct world *world, struct client_node *self, uint32_t number);
void client_close(struct client_node *self);

void client_start(struct world *world, struct client_node *self);
/* kill -9, or a power cut: then what was not synced may be lost. */
void client_crash(struct world *world, struct client_node *self, bool power_cut);
/* The same where a spool is in the middle of its work, so many steps of its disk later.
 */
void client_doom(struct world *world, struct client_node *self, uint32_t steps,
                 bool power_cut);
/* The disk is full, or fails, once. */
void client_disturb_disk(struct world *world, struct client_node *self, uint32_t steps,
                         enum status status);
void client_spare(struct client_node *self);
/* Everything has come to its end. */
void client_check_end(struct world *world, const struct client_node *self);
/* The broker's address leaves its list for so long. */
void client_forget(struct world *world, struct client_node *self, uint32_t broker,
                   uint64_t for_us);
/* Every address is back. */
void client_remember(struct world *world, struct client_node *self);

#endif
