/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the file of a batch in a spool: it is loaded as its checksums say, and
 * goes on to be kept and removed like one that was put, or it is refused with a sentence
 * that names it. The input is a flag, the file's name up to a line end, and the file.
 * Where the flag is odd the checksums are made to hold, so that what stands behind them
 * is reached too. */
#include "client/spool.h"

#include "tests/lib/memory_disk.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD_SIZE = 184, AT_CLIENT = 32, AT_DIGEST = 144, AT_CHECK = 176, NAME_MAX = 40 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void make_checks_hold(uint8_t *bytes, size_t size)
{
    if (size < HEAD_SIZE)
        return;
    struct digest digest = digest_body(bytes + HEAD_SIZE, size - HEAD_SIZE);
    memcpy(bytes + AT_DIGEST, digest.bytes, sizeof digest.bytes);
    digest = digest_body(bytes, AT_CHECK);
    memcpy(bytes + AT_CHECK, digest.bytes, HEAD_SIZE - AT_CHECK);
}

/* The one that is there, if its body holds too. */
static void load_and_keep(struct spool *spool, uint64_t sequence)
{
    struct spool_batch batch, again;
    struct error_text error = {""};
    if (spool_load(spool, sequence, &batch, &error) != STATUS_OK) {
        require(strstr(error.text, "memory/") == error.text);
        return;
    }
    require(batch.header.key.sequence == sequence);
    require(region_is_valid(batch.header.region));
    require(spool_remove(spool, sequence, NULL) == STATUS_OK);
    require(spool_count(spool) == 0 && spool_bytes(spool) == 0);
    require(spool_put(spool, &batch, NULL) == STATUS_OK);
    require(spool_charge(spool, sequence, 3, NULL) == STATUS_OK);
    require(spool_load(spool, sequence, &again, NULL) == STATUS_OK);
    require(again.size == batch.size && again.header.attempt == 3);
    require(memcmp(again.body, batch.body, batch.size) == 0);
    free(again.body);
    free(batch.body);
}

static void open_and_use(struct memory_disk *disk, const uint8_t *client)
{
    struct spool_disk ops;
    struct spool *spool;
    struct error_text error = {""};
    memory_disk_init(disk, &ops);
    if (spool_open(&ops, client, 1 << 30, &spool, &error) != STATUS_OK) {
        require(strstr(error.text, "memory/") == error.text);
        return;
    }
    uint64_t sequence = spool_next(spool, 0);
    require((sequence != 0) == (spool_count(spool) == 1));
    if (sequence != 0 && client != NULL)
        load_and_keep(spool, sequence);
    spool_close(spool);
}

/* The client that the head names, so that it is ours. */
static void use_file(const char *name, uint8_t *bytes, size_t size)
{
    uint8_t client[CLIENT_ID_SIZE] = {0};
    struct memory_disk *disk = memory_disk_new(1);
    if (size >= HEAD_SIZE)
        memcpy(client, bytes + AT_CLIENT, sizeof client);
    memory_disk_write(disk, name, bytes, size);
    open_and_use(disk, NULL);
    open_and_use(disk, client);
    memory_disk_free(disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[NAME_MAX] = "";
    const uint8_t *end = size < 2 ? NULL : memchr(data + 1, '\n', size - 1);
    size_t name_size = end == NULL ? 0 : (size_t)(end - data) - 1;
    if (end == NULL || name_size >= NAME_MAX)
        return 0;
    memcpy(name, data + 1, name_size);
    size -= name_size + 2;
    uint8_t *bytes = malloc(size + 1);
    require(bytes != NULL);
    memcpy(bytes, end + 1, size);
    if (data[0] % 2 == 1)
        make_checks_hold(bytes, size);
    use_file(name, bytes, size);
    free(bytes);
    return 0;
}
