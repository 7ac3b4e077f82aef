/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a Redis address, as INFO, and as what a store kept there: parsed within
 * their bounds, or a sentence that does not repeat them. */
#include "store/redis_server.h"
#include "store/redis_url.h"
#include "store/settlement_bytes.h"

#include <stdlib.h>
#include <string.h>

static void require(int holds)
{
    if (!holds)
        abort();
}

static void try_url(const char *text)
{
    struct redis_url url;
    struct error_text error = {""};
    if (redis_url_parse(text, &url, &error) != STATUS_OK) {
        require(error.text[0] != '\0');
        return;
    }
    require((url.host[0] == '\0') != (url.socket[0] == '\0'));
    require(url.db >= 0 && (url.host[0] == '\0' || url.port > 0));
    for (const char *at = url.shown; *at != '\0'; at++)
        require((unsigned char)*at >= ' ');
}

static void try_info(const char *text)
{
    struct redis_server server;
    struct error_text error = {""};
    if (redis_server_parse(text, &server, &error) != STATUS_OK)
        return;
    if (redis_server_check(&server, &error) != STATUS_OK ||
        redis_server_check_durable(&server, &error) != STATUS_OK)
        require(error.text[0] != '\0');
}

static void try_bytes(const uint8_t *data, size_t size)
{
    static uint8_t again[SETTLEMENT_BYTES_MAX];
    struct settlement settlement;
    struct dead_letter letter;
    if (settlement_unpack(data, size, &settlement))
        require(settlement_pack(&settlement, again) <= sizeof again);
    if (letter_unpack(data, size, &letter))
        require(letter.size <= size);
    if (letter_told_unpack(data, size, &letter))
        require(letter.body == NULL && letter_told_pack(&letter, again) <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    try_url(text);
    try_info(text);
    try_bytes(data, size);
    free(text);
    return 0;
}
