/* SPDX-License-Identifier: Apache-2.0 */
/* client_steps.c - libchw: what the session wants done, and what it is told of the
 * brokers' addresses. */
#include "client/client.h"

#include "base/clock.h"

#include <assert.h>
#include <string.h>

enum { SEND_ROUND = 4096 }; /* steps before the caller is served */

_Static_assert(LINK_PEERS_MAX == (int)SESSION_PEERS_MAX, "the peers are the same");

static void follow_link(struct chw_client *self, uint64_t now_ms)
{
    enum link_change change;
    uint32_t peer;
    link_look(self->link, now_ms);
    while (link_changed(self->link, &change, &peer)) {
        if (change == LINK_ADDED)
            session_peer_add(self->session, peer, now_ms);
        else if (change == LINK_REMOVED)
            session_peer_remove(self->session, peer);
        else
            session_lost(self->session, peer, now_ms);
    }
}

/* A what-if has what is left of its time; a batch that counts all of it each time. */
static uint32_t deadline_of(const struct request *request, uint64_t now_ms)
{
    if (request->expires_ms == 0)
        return request->header.deadline_ms;
    return request->expires_ms > now_ms ? (uint32_t)(request->expires_ms - now_ms) : 1;
}

static void send_request(struct chw_client *self, const struct session_step *step,
                         uint64_t now_ms)
{
    struct request *request = client_find(self, step->sequence);
    assert(request != NULL); /* what the session would send has no answer */
    if (request->header.type == MESSAGE_SCORE && !self->options.what_if)
        request->header.acked_below = session_acked_below(self->session);
    request->header.deadline_ms = deadline_of(request, now_ms);
    if (link_send(self->link, step->peer, &request->header, request->body) != STATUS_OK)
        session_unsent(self->session, step->peer, step->sequence, now_ms);
}

static void send_ping(struct chw_client *self, uint32_t peer, uint64_t now_ms)
{
    struct header header = {.type = MESSAGE_PING};
    memcpy(header.key.client, self->id, CLIENT_ID_SIZE);
    if (link_send(self->link, peer, &header, NULL) != STATUS_OK)
        session_unpinged(self->session, peer, now_ms);
}

static enum status give_up(struct chw_client *self, uint64_t sequence)
{
    struct request *request = client_find(self, sequence);
    assert(request != NULL);
    return client_give_up(self, request, CHW_EXPIRED, "no answer within its deadline");
}

static void tell(struct chw_client *self, const struct session_step *step)
{
    struct error_text trouble = {""};
    if (step->action == SESSION_SILENT) {
        link_trouble(self->link, &trouble);
        client_notify(self, CHW_NOTICE_SILENT, "no broker answers at %.400s%s%.100s",
                      self->endpoint, trouble.text[0] == '\0' ? "" : ": ", trouble.text);
    }
    if (step->action == SESSION_BACK)
        client_notify(self, CHW_NOTICE_BACK, "the broker answers");
    if (step->action == SESSION_RESTARTED)
        client_notify(self, CHW_NOTICE_RESTARTED,
                      "the broker at %s was restarted: what it had is sent again",
                      link_address(self->link, step->peer));
    if (step->action == SESSION_DRAINING)
        client_notify(self, CHW_NOTICE_DRAINING,
                      "the broker at %s is draining: it gets no more batches",
                      link_address(self->link, step->peer));
}

enum status client_act(struct chw_client *self)
{
    uint64_t now_ms = clock_monotonic_ms();
    enum status status = STATUS_OK;
    follow_link(self, now_ms);
    for (int i = 0; status == STATUS_OK && i < SEND_ROUND; i++) {
        struct session_step step = session_next(self->session, now_ms);
        if (step.action == SESSION_NOTHING)
            break;
        if (step.action == SESSION_SEND)
            send_request(self, &step, now_ms);
        else if (step.action == SESSION_PING)
            send_ping(self, step.peer, now_ms);
        else if (step.action == SESSION_GIVEN_UP)
            status = give_up(self, step.sequence);
        else
            tell(self, &step);
    }
    return status;
}
