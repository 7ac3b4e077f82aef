/* SPDX-License-Identifier: Apache-2.0 */
/* store_option.h - the store that --data or --store names, for commands that read it. */

#ifndef CLIENT_STORE_OPTION_H
#define CLIENT_STORE_OPTION_H

#include "base/error_text.h"
#include "store/store.h"

/* `url` NULL: the one of the data folder. STATUS_NOT_FOUND: there is none yet; reading
 * never makes one. */
MUST_CHECK enum status store_option_open(const char *data, const char *url,
                                         struct store **out, struct error_text *error);

/* For commands that write the first thing: made where there is none. */
MUST_CHECK enum status store_option_make(const char *data, const char *url,
                                         struct store **out, struct error_text *error);

#endif
