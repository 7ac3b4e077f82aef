/* SPDX-License-Identifier: Apache-2.0 */
/* clients.c - slots of connections. */
#include "broker/clients.h"

#include <assert.h>
#include <stdlib.h>

struct clients {
    struct client_limits limits;
    uint64_t seed;
    struct hash routes;
    struct list idle; /* known and not named, the one to be forgotten first at the head */
    uint32_t slots_max;
    uint32_t known_count; /* slots beyond were never used */
    uint32_t named_count;
    uint64_t untaken;
    struct client slots[];
};

struct clients *clients_new(const struct client_limits *limits, uint64_t seed)
{
    uint32_t slots_max = 2 * limits->jobs_max + 1; /* so that never all are named */
    struct clients *self = calloc(1, sizeof *self + slots_max * sizeof self->slots[0]);
    if (self == NULL)
        return NULL;
    self->limits = *limits;
    self->seed = seed;
    self->slots_max = slots_max;
    list_init(&self->idle);
    if (hash_open(&self->routes, slots_max) != STATUS_OK) {
        free(self);
        return NULL;
    }
    return self;
}

void clients_free(struct clients *self)
{
    if (self == NULL)
        return;
    assert(self->named_count == 0);
    hash_close(&self->routes);
    free(self);
}

static uint64_t route_hash(const struct clients *self, uint64_t route)
{
    return hash_bytes(self->seed, &route, sizeof route);
}

struct client *clients_find(const struct clients *self, uint64_t route)
{
    struct hash_node *node = hash_first(&self->routes, route_hash(self, route));
    for (; node != NULL; node = hash_next(node)) {
        struct client *client = hash_item(node, struct client, node);
        if (client->route == route)
            return client;
    }
    return NULL;
}

uint64_t client_untaken(const struct client *client)
{
    return client->tells ? client->sent - client->taken : 0;
}

static struct client *take_slot(struct clients *self)
{
    if (self->known_count < self->slots_max)
        return &self->slots[self->known_count++];
    struct client *client = list_item(self->idle.next, struct client, link);
    list_remove(&client->link);
    hash_remove(&self->routes, &client->node);
    self->untaken -= client_untaken(client);
    return client;
}

static struct client *add_client(struct clients *self, uint64_t route, uint64_t ticket)
{
    struct client *client = take_slot(self);
    *client = (struct client){
        .route = route,
        .tells = ticket != 0,
        .told_first = ticket,
    };
    list_push_back(&self->idle, &client->link);
    hash_insert(&self->routes, &client->node, route_hash(self, route));
    return client;
}

struct client *clients_hear(struct clients *self, uint64_t route, uint64_t ticket)
{
    struct client *client = clients_find(self, route);
    if (client == NULL)
        return add_client(self, route, ticket);
    clients_told(self, client, ticket);
    if (client->name_count == 0) {
        list_remove(&client->link);
        list_push_back(&self->idle, &client->link);
    }
    return client;
}

void clients_told(struct clients *self, struct client *client, uint64_t ticket)
{
    if (ticket == 0)
        return;
    if (ticket < client->told_first)
        client->told_first = 1; /* it began to count anew with this connection */
    uint64_t taken = ticket - client->told_first;
    if (taken > client->sent) /* so it says */
        taken = client->sent;
    self->untaken -= client_untaken(client);
    if (!client->tells)
        client->sent_before_told = client->sent;
    client->tells = true;
    if (taken > client->taken)
        client->taken = taken;
    self->untaken += client_untaken(client);
}

enum busy clients_check(const struct clients *self, const struct client *client,
                        size_t size)
{
    const struct client_limits *limits = &self->limits;
    if (limits->bytes_max != 0 && size > limits->bytes_max - client->bytes)
        return BUSY_CLIENT;
    /* The other half is for the answers of what it has sent by now. */
    if (limits->untaken_max != 0 && client_untaken(client) > limits->untaken_max / 2)
        return BUSY_UNTAKEN;
    return BUSY_NOT;
}

void clients_name(struct clients *self, struct client *client, size_t bytes)
{
    if (client->name_count++ == 0) {
        list_remove(&client->link);
        self->named_count++;
    }
    client->bytes += bytes;
}

void clients_unname(struct clients *self, struct client *client, size_t bytes)
{
    client->bytes -= bytes;
    if (--client->name_count == 0) {
        list_push_back(&self->idle, &client->link);
        self->named_count--;
    }
}

bool clients_send(struct clients *self, struct client *client, size_t size)
{
    size_t untaken_max = self->limits.untaken_max;
    if (untaken_max != 0 && client_untaken(client) + size > untaken_max && client->tells)
        return false;
    client->sent += size;
    self->untaken += client->tells ? size : 0;
    return true;
}

void clients_unsend(struct clients *self, struct client *client, size_t size)
{
    self->untaken -= client_untaken(client);
    client->sent -= size;
    self->untaken += client_untaken(client);
}

void clients_gone(struct clients *self, struct client *client)
{
    self->untaken -= client_untaken(client);
    client->sent = client->taken = client->sent_before_told = 0;
}

bool clients_took_all(const struct clients *self)
{
    for (uint32_t i = 0; i < self->known_count; i++)
        if (self->slots[i].taken < self->slots[i].sent)
            return false;
    return true;
}

uint32_t clients_count(const struct clients *self)
{
    return self->named_count;
}

uint64_t clients_untaken(const struct clients *self)
{
    return self->untaken;
}

static void check_that(bool holds)
{
    if (!holds)
        abort();
}

static void check_client(const struct clients *self, const struct client *client)
{
    const struct client_limits *limits = &self->limits;
    check_that(clients_find(self, client->route) == client);
    check_that(client->taken <= client->sent);
    check_that(client->name_count > 0 || client->bytes == 0);
    check_that(limits->bytes_max == 0 || client->bytes <= limits->bytes_max);
    check_that(limits->untaken_max == 0 ||
               client_untaken(client) <= limits->untaken_max + client->sent_before_told);
}

void clients_check_all(const struct clients *self, size_t bytes, uint32_t names)
{
    uint32_t named_count = 0;
    uint64_t untaken = 0;
    for (uint32_t i = 0; i < self->known_count; i++) {
        const struct client *client = &self->slots[i];
        check_client(self, client);
        bytes -= client->bytes;
        names -= client->name_count;
        named_count += client->name_count > 0;
        untaken += client_untaken(client);
    }
    check_that(bytes == 0 && names == 0);
    check_that(named_count == self->named_count && untaken == self->untaken);
    for (const struct list *at = self->idle.next; at != &self->idle; at = at->next)
        named_count++;
    check_that(named_count == self->known_count);
}
