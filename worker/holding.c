/* SPDX-License-Identifier: Apache-2.0 */
/* holding.c - what is held, and what of it was said. */
#include "worker/holding.h"

void holding_init(struct holding *self)
{
    *self = (struct holding){0};
    list_init(&self->all);
}

bool held_may_join(const struct header *header, size_t body_size)
{
    return header->type == MESSAGE_SCORE && header->attempt <= 1 &&
           body_size <= HELD_SMALL_MAX;
}

void holding_add(struct holding *self, struct held *held, const struct header *header,
                 size_t body_size)
{
    *held = (struct held){
        .in = self,
        .ticket = header->ticket,
        .may_join = held_may_join(header, body_size),
    };
    list_push_back(&self->all, &held->link);
    self->count++;
    self->waiting++;
}

void held_begin(struct held *self)
{
    self->in->waiting--;
    self->begun = true;
}

void held_set_scoring(struct held *self, bool scoring)
{
    self->in->scoring += scoring;
    self->in->scoring -= self->scoring;
    self->scoring = scoring;
}

void held_drop(struct held *self)
{
    held_set_scoring(self, false);
    if (!self->begun)
        self->in->waiting--;
    list_remove(&self->link);
    self->in->named -= self->named;
    self->in->count--;
}

/* broker/leases.c: it goes by what was named, while that is held; then by the oldest that
 * was handed out since it heard of this thread. Of a small one that saves a message for
 * each. */
bool holding_is_misled(const struct holding *self, bool scoring)
{
    uint32_t named = 0;
    const struct held *oldest = NULL;
    if (self->elsewhere_told != (scoring && self->scoring == 0))
        return true;
    if (self->scoring == 0 && self->named_told == 0)
        return false;
    for (struct list *node = self->all.next; node != &self->all; node = node->next) {
        const struct held *held = list_item(node, struct held, link);
        named += held->named && held->scoring;
        if (oldest == NULL && !held->told)
            oldest = held;
    }
    if (self->named == 0 && self->scoring == 1)
        return oldest == NULL || !oldest->scoring || !oldest->may_join;
    return named != self->scoring || self->named != named || self->named_told != named;
}

bool holding_is_outdated(const struct holding *self)
{
    return self->scoring == 0 && self->named > 0;
}

static void tell_one(struct held *held, struct holding_news *news)
{
    held->told = true;
    held->named = held->scoring && news->named_count < HOLDING_NAMED_MAX;
    if (news->told_held)
        news->held[news->held_count++] = held->ticket;
    if (held->named)
        news->named[news->named_count++] = held->ticket;
}

/* More than can be listed: the list is left out, as it may not be a part. */
void holding_tell(struct holding *self, bool scoring, struct holding_news *out)
{
    out->held_count = out->named_count = 0;
    out->told_held = self->count <= HOLDING_LIST_MAX;
    for (struct list *node = self->all.next; node != &self->all; node = node->next)
        tell_one(list_item(node, struct held, link), out);
    out->elsewhere = scoring && out->named_count == 0;
    self->named_told = self->named = out->named_count;
    self->elsewhere_told = out->elsewhere;
}
