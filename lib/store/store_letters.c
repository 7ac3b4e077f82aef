/* SPDX-License-Identifier: Apache-2.0 */
/* store_letters.c - dead letters, page by page: a body is up to megabytes, so no more
 * than one is in memory. */
#include "store/store_backend.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct dead_letter dead_letter_of(const struct settle_request *request)
{
    struct dead_letter letter = {
        .key.sequence = request->sequence,
        .buried_s = time(NULL),
        .as_of = request->dead_as_of,
        .attempts = request->dead_attempts,
        .records = request->dead_records,
        .body = request->dead_body,
        .size = request->dead_size,
    };
    memcpy(letter.key.client, request->client, sizeof letter.key.client);
    memcpy(letter.reason, request->settlement.reason, sizeof letter.reason);
    memcpy(letter.region, request->region, strlen(request->region));
    return letter;
}

enum status store_settlement_get(struct store *self, const struct settle_key *key,
                                 struct settlement *out, struct error_text *error)
{
    return self->backend->settlement_get(self, key, out, error);
}

enum status store_dead_letter_page(struct store *self, const struct settle_key *after,
                                   struct dead_letter *page, size_t *count,
                                   struct error_text *error)
{
    struct settle_key
        from; /* `after` is mostly the last of the page, which is filled anew */
    if (after == NULL)
        return self->backend->dead_letter_page(self, NULL, page, count, error);
    from = *after;
    return self->backend->dead_letter_page(self, &from, page, count, error);
}

enum status store_dead_letter_get(struct store *self, const struct settle_key *key,
                                  struct dead_letter *out, uint8_t **body,
                                  struct error_text *error)
{
    *body = NULL;
    return self->backend->dead_letter_get(self, key, out, body, error);
}

enum status store_dead_letter_drop(struct store *self, const struct settle_key *key,
                                   struct error_text *error)
{
    return self->backend->dead_letter_drop(self, key, error);
}

struct letter_visit {
    bool (*visit)(void *arg, const struct dead_letter *letter);
    void *arg;
    bool more;
};

/* One that was dropped since its page was read is not visited. */
static enum status visit_letter(struct store *self, const struct settle_key *key,
                                struct letter_visit *visit, struct error_text *error)
{
    struct dead_letter letter;
    uint8_t *body;
    enum status status = store_dead_letter_get(self, key, &letter, &body, error);
    if (status == STATUS_OK)
        visit->more = visit->visit(visit->arg, &letter);
    free(body);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status store_dead_letters(struct store *self,
                               bool (*visit)(void *arg, const struct dead_letter *letter),
                               void *arg, struct error_text *error)
{
    struct dead_letter page[STORE_LETTERS_PAGE];
    struct letter_visit visiting = {.visit = visit, .arg = arg, .more = true};
    const struct settle_key *after = NULL;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && visiting.more) {
        size_t count;
        status = store_dead_letter_page(self, after, page, &count, error);
        if (status != STATUS_OK || count == 0)
            return status;
        for (size_t i = 0; status == STATUS_OK && visiting.more && i < count; i++)
            status = visit_letter(self, &page[i].key, &visiting, error);
        after = &page[count - 1].key;
    }
    return status;
}
