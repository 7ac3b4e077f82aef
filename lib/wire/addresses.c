/* SPDX-License-Identifier: Apache-2.0 */
/* addresses.c - a list taken apart, and the thread that asks for its names. */
#include "wire/addresses.h"

#include "wire/socket.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- sets ---- */

/* Where `item` is, or would be. */
static size_t find_place(const struct address_set *self, const char *item)
{
    size_t place = 0;
    while (place < self->count && strcmp(self->items[place], item) < 0)
        place++;
    return place;
}

bool address_set_has(const struct address_set *self, const char *item)
{
    size_t place = find_place(self, item);
    return place < self->count && strcmp(self->items[place], item) == 0;
}

/* The first are kept, so that everybody who sees the same answer connects alike. */
bool address_set_add(struct address_set *self, const char *item)
{
    size_t place = find_place(self, item);
    bool full = self->count == ADDRESSES_MAX;
    if (address_set_has(self, item))
        return true;
    if (strlen(item) >= ADDRESS_SIZE || place == ADDRESSES_MAX)
        return false;
    size_t moved = self->count - place - full;
    memmove(self->items[place + 1], self->items[place], moved * ADDRESS_SIZE);
    snprintf(self->items[place], ADDRESS_SIZE, "%s", item);
    self->count += !full;
    return !full;
}

static bool address_set_join(struct address_set *self, const struct address_set *other)
{
    bool fitted = true;
    for (size_t i = 0; i < other->count; i++)
        fitted = address_set_add(self, other->items[i]) && fitted;
    return fitted;
}

static bool address_set_equal(const struct address_set *a, const struct address_set *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++)
        equal = strcmp(a->items[i], b->items[i]) == 0;
    return equal;
}

/* ---- the system's resolver ---- */

static enum status resolve_host(void *context, const char *host,
                                struct address_set *hosts, struct error_text *error)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char text[ADDRESS_SIZE];
    (void)context;
    int code = getaddrinfo(host, NULL, &hints, &found);
    if (code != 0)
        return error_set(error, STATUS_UNAVAILABLE, "%s",
                         code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
    for (const struct addrinfo *info = found; info != NULL; info = info->ai_next)
        if (getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof text, NULL, 0,
                        NI_NUMERICHOST) == 0)
            address_set_add(hosts, text);
    freeaddrinfo(found);
    return STATUS_OK;
}

/* ---- the list ---- */

/* A host name of the list, and the addresses that it had last. */
struct name {
    char host[ENDPOINT_HOST_SIZE];
    const char *port; /* in the list */
    struct address_set set;
};

struct addresses {
    char *list; /* commas replaced by ends */
    bool insecure;
    struct address_resolver resolver;
    struct address_set fixed; /* what needs no resolving */
    struct name *names;       /* their sets are the thread's own */
    size_t name_count;

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct address_set set;
    struct error_text trouble;
    atomic_uint_fast64_t generation;
    bool stopping, hurried;
    bool asking;    /* the thread waits for the resolver */
    bool abandoned; /* it frees what it stands on */
};

typedef enum status item_fn(struct addresses *self, const char *endpoint,
                            struct error_text *error);

/* Each item of a list whose commas are replaced as it is walked. */
static enum status each_item(struct addresses *self, char *list, item_fn *take,
                             struct error_text *error)
{
    enum status status = STATUS_OK;
    for (char *item = list, *next; status == STATUS_OK && item != NULL; item = next) {
        next = strchr(item, ',');
        if (next != NULL)
            *next++ = '\0';
        status = *item == '\0' ? error_set(error, STATUS_INVALID,
                                           "the list of addresses has an empty place")
                               : take(self, item, error);
    }
    return status;
}

static enum status take_name(struct addresses *self, const char *host, const char *port,
                             struct error_text *error)
{
    size_t size = (self->name_count + 1) * sizeof *self->names;
    struct name *larger = realloc(self->names, size);
    if (larger == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    self->names = larger;
    struct name *name = &larger[self->name_count++];
    *name = (struct name){.port = port};
    snprintf(name->host, sizeof name->host, "%s", host);
    return STATUS_OK;
}

static enum status take_item(struct addresses *self, const char *endpoint,
                             struct error_text *error)
{
    char host[ENDPOINT_HOST_SIZE];
    const char *port;
    enum status status = endpoint_check(endpoint, self->insecure, error);
    if (status != STATUS_OK)
        return status;
    if (self->fixed.count + self->name_count == ADDRESSES_MAX)
        return error_set(error, STATUS_INVALID, "more than %d addresses", ADDRESSES_MAX);
    if (endpoint_name(endpoint, host, &port))
        return strcmp(host, "*") == 0
                   ? error_set(error, STATUS_INVALID,
                               "%s is every address of this machine: nothing to "
                               "connect to",
                               endpoint)
                   : take_name(self, host, port, error);
    bool fitted = address_set_add(&self->fixed, endpoint);
    assert(fitted); /* a checked path or a number is shorter */
    return STATUS_OK;
}

static void free_list(struct addresses *self)
{
    free(self->names);
    free(self->list);
    free(self);
}

static enum status read_list(const char *list, bool insecure, struct addresses **out,
                             struct error_text *error)
{
    struct addresses *self = calloc(1, sizeof *self);
    *out = NULL;
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    self->insecure = insecure;
    self->list = strdup(list);
    enum status status = self->list == NULL
                             ? error_set(error, STATUS_NOMEM, "out of memory")
                             : each_item(self, self->list, take_item, error);
    if (status == STATUS_OK)
        *out = self;
    else
        free_list(self);
    return status;
}

enum status addresses_check(const char *list, bool insecure, struct error_text *error)
{
    struct addresses *self;
    enum status status = read_list(list, insecure, &self, error);
    if (status == STATUS_OK)
        free_list(self);
    return status;
}

/* ---- asking ---- */

/* The resolver's answer as endpoints. What would carry data in clear out of this machine
 * is left out without `insecure`, whatever the name. */
static void format_hosts(const struct addresses *self, const struct name *name,
                         const struct address_set *hosts, struct address_set *out)
{
    for (size_t i = 0; i < hosts->count; i++) {
        bool six = strchr(hosts->items[i], ':') != NULL;
        char endpoint[ADDRESS_SIZE];
        snprintf(endpoint, sizeof endpoint, six ? "tcp://[%s]:%s" : "tcp://%s:%s",
                 hosts->items[i], name->port);
        if (endpoint_check(endpoint, self->insecure, NULL) == STATUS_OK)
            address_set_add(out, endpoint);
    }
}

static void ask_name(struct addresses *self, struct name *name,
                     struct error_text *trouble)
{
    struct address_set hosts = {0}, found = {0};
    struct error_text error = {""};
    enum status status =
        self->resolver.resolve(self->resolver.context, name->host, &hosts, &error);
    if (status == STATUS_OK)
        format_hosts(self, name, &hosts, &found);
    if (found.count > 0)
        name->set = found;
    else
        error_set(trouble, STATUS_UNAVAILABLE, "%s does not resolve%s%s: %s", name->host,
                  name->set.count > 0 ? " now" : "",
                  name->set.count > 0 ? ", its last addresses are kept" : "",
                  status == STATUS_OK ? "no address that may be used" : error.text);
}

static void ask_all(struct addresses *self, struct address_set *set,
                    struct error_text *trouble)
{
    *trouble = (struct error_text){""};
    *set = self->fixed;
    bool fitted = true;
    for (size_t i = 0; i < self->name_count; i++) {
        ask_name(self, &self->names[i], trouble);
        fitted = address_set_join(set, &self->names[i].set) && fitted;
    }
    if (!fitted)
        error_set(trouble, STATUS_FULL, "more than %d addresses: the first are used",
                  ADDRESSES_MAX);
}

/* Under the lock. */
static void publish(struct addresses *self, const struct address_set *set,
                    const struct error_text *trouble)
{
    bool first = atomic_load(&self->generation) == 0;
    if (!first && address_set_equal(&self->set, set) &&
        strcmp(self->trouble.text, trouble->text) == 0)
        return;
    self->set = *set;
    self->trouble = *trouble;
    atomic_fetch_add(&self->generation, 1);
}

static struct timespec after_ms(uint32_t ms)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += ms / 1000;
    time.tv_nsec += (long)(ms % 1000) * 1000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

/* Under the lock, but for the asking itself. False: nobody wants the answer. */
static bool ask(struct addresses *self)
{
    struct address_set set;
    struct error_text trouble;
    self->asking = true;
    self->hurried = false;
    pthread_mutex_unlock(&self->lock);
    ask_all(self, &set, &trouble);
    pthread_mutex_lock(&self->lock);
    self->asking = false;
    pthread_cond_broadcast(&self->changed);
    if (!self->stopping)
        publish(self, &set, &trouble);
    return !self->stopping;
}

static void wait_until_due(struct addresses *self)
{
    struct timespec until = after_ms(ADDRESSES_REFRESH_MS);
    int waited = 0;
    while (!self->stopping && !self->hurried && waited == 0)
        waited = pthread_cond_timedwait(&self->changed, &self->lock, &until);
}

static void free_all(struct addresses *self)
{
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->changed);
    free_list(self);
}

static void *run(void *arg)
{
    struct addresses *self = arg;
    pthread_mutex_lock(&self->lock);
    while (!self->stopping && ask(self))
        wait_until_due(self);
    bool abandoned = self->abandoned;
    pthread_mutex_unlock(&self->lock);
    if (abandoned)
        free_all(self);
    return NULL;
}

/* ---- the contract ---- */

static void wait_for_first(struct addresses *self)
{
    struct timespec until = after_ms(ADDRESSES_PATIENCE_MS);
    int waited = 0;
    pthread_mutex_lock(&self->lock);
    while (atomic_load(&self->generation) == 0 && waited == 0)
        waited = pthread_cond_timedwait(&self->changed, &self->lock, &until);
    pthread_mutex_unlock(&self->lock);
}

static void open_locks(struct addresses *self)
{
    pthread_condattr_t monotonic;
    int made = pthread_condattr_init(&monotonic);
    made += pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    made += pthread_cond_init(&self->changed, &monotonic);
    made += pthread_mutex_init(&self->lock, NULL);
    assert(made == 0);
    pthread_condattr_destroy(&monotonic);
}

enum status addresses_open(const char *list, bool insecure,
                           const struct address_resolver *resolver,
                           struct addresses **out, struct error_text *error)
{
    static const struct address_resolver system_resolver = {resolve_host, NULL};
    struct addresses *self;
    enum status status = read_list(list, insecure, &self, error);
    *out = self;
    if (status != STATUS_OK)
        return status;
    self->resolver = resolver == NULL ? system_resolver : *resolver;
    open_locks(self);
    if (self->name_count == 0) {
        publish(self, &self->fixed, &(struct error_text){""});
        return STATUS_OK;
    }
    int made = pthread_create(&self->thread, NULL, run, self);
    assert(made == 0);
    wait_for_first(self);
    return STATUS_OK;
}

/* A resolver may take half a minute to give up: the thread is left to itself then. */
void addresses_close(struct addresses *self)
{
    if (self == NULL)
        return;
    if (self->name_count == 0) {
        free_all(self);
        return;
    }
    pthread_t thread = self->thread;
    struct timespec until = after_ms(ADDRESSES_PATIENCE_MS);
    int waited = 0;
    pthread_mutex_lock(&self->lock);
    self->stopping = true;
    pthread_cond_broadcast(&self->changed);
    while (self->asking && waited == 0)
        waited = pthread_cond_timedwait(&self->changed, &self->lock, &until);
    bool abandoned = self->abandoned = self->asking;
    pthread_mutex_unlock(&self->lock);
    if (abandoned) {
        pthread_detach(thread);
    } else {
        pthread_join(thread, NULL);
        free_all(self);
    }
}

bool addresses_get(struct addresses *self, uint64_t *generation, struct address_set *out)
{
    if (atomic_load(&self->generation) == *generation)
        return false;
    pthread_mutex_lock(&self->lock);
    *generation = atomic_load(&self->generation);
    *out = self->set;
    pthread_mutex_unlock(&self->lock);
    return true;
}

void addresses_trouble(struct addresses *self, struct error_text *out)
{
    pthread_mutex_lock(&self->lock);
    *out = self->trouble;
    pthread_mutex_unlock(&self->lock);
}

void addresses_hurry(struct addresses *self)
{
    pthread_mutex_lock(&self->lock);
    self->hurried = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}
