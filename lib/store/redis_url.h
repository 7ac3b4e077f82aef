/* SPDX-License-Identifier: Apache-2.0 */
/* redis_url.h - where a Redis is: redis://[USER[:PASSWORD]@]HOST[:PORT][/DB], or with no
 * host redis://[USER[:PASSWORD]@]/PATH/OF/SOCKET[?db=DB]. Pure. */

#ifndef STORE_REDIS_URL_H
#define STORE_REDIS_URL_H

#include "base/error_text.h"

struct redis_url {
    char user[128], password[512]; /* decoded; empty: none given */
    char host[256];                /* empty: a local socket */
    char socket[108];
    int port, db;
    char shown[400]; /* for people: without user and password */
};

/* `text` is what follows "redis:". %XX is decoded in user and password; a user alone,
 * "redis://secret@host", is not understood as a password. STATUS_INVALID: `error` says
 * what is wrong and never shows the text. */
MUST_CHECK enum status redis_url_parse(const char *text, struct redis_url *out,
                                       struct error_text *error);

#endif
