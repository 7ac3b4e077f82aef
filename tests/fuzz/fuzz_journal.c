/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a journal of answers: it opens and all that it says it has can be read, it
 * takes a further answer and has it after reopening, or it is refused with a sentence.
 * Where the first byte is odd the checksums are made to hold, so that what stands behind
 * them is reached too. The file is in memory: the journal takes a path, /proc gives it
 * one. */
#define _GNU_SOURCE /* memfd_create */
#include "client/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HEAD_SIZE = 64, AT_PAYLOAD_CHECK = 48, AT_CHECK = 56, CHECK_SIZE = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void put_check(uint8_t *to, const uint8_t *bytes, size_t size)
{
    struct digest digest = digest_body(bytes, size);
    memcpy(to, digest.bytes, CHECK_SIZE);
}

/* Of the header and of each entry, as far as they follow each other. */
static void make_checks_hold(uint8_t *bytes, size_t size)
{
    if (size < HEAD_SIZE)
        return;
    put_check(bytes + AT_CHECK, bytes, AT_CHECK);
    for (size_t at = HEAD_SIZE; size - at >= HEAD_SIZE;) {
        uint8_t *head = bytes + at;
        size_t payload = head[4] | (size_t)head[5] << 8;
        at += HEAD_SIZE;
        if (payload > size - at)
            payload = size - at;
        put_check(head + AT_PAYLOAD_CHECK, bytes + at, payload);
        put_check(head + AT_CHECK, head, AT_CHECK);
        at += payload;
    }
}

static void check_entries(const struct journal *journal)
{
    uint64_t found = 0;
    for (uint64_t n = 0; n <= journal_last(journal); n++) {
        struct digest batch;
        struct error_text error = {""};
        uint8_t *payload;
        size_t size;
        if (!journal_has(journal, n))
            continue;
        found++;
        require(n > 0);
        require(journal_read(journal, n, &batch, &payload, &size, &error) == STATUS_OK);
        free(payload);
    }
    require(found == journal_count(journal));
}

static struct journal *open_any(const char *path)
{
    struct journal *journal;
    struct error_text error = {""};
    if (journal_look(path, &journal, &error) != STATUS_OK) {
        require(error.text[0] != '\0');
        return NULL;
    }
    check_entries(journal);
    struct digest job = *journal_job(journal);
    uint64_t count = journal_count(journal);
    journal_close(journal);
    enum status status = journal_open(path, &job, &journal, &error);
    require(status == STATUS_OK && journal_count(journal) == count);
    check_entries(journal);
    return journal;
}

static void go_on(struct journal *journal, const char *path)
{
    static const struct digest batch = {{3}};
    struct digest job = *journal_job(journal);
    uint64_t next = journal_last(journal) + 1, count = journal_count(journal);
    require(journal_append(journal, next, &batch, "more", 4, NULL) == STATUS_OK);
    require(journal_sync(journal, NULL) == STATUS_OK);
    journal_close(journal);
    require(journal_open(path, &job, &journal, NULL) == STATUS_OK);
    require(journal_count(journal) == count + 1 && journal_has(journal, next));
    journal_close(journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    if (size < 2)
        return 0;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    uint8_t *bytes = malloc(size);
    require(fd >= 0 && bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    if (data[0] % 2 == 1)
        make_checks_hold(bytes, size - 1);
    require(write(fd, bytes, size - 1) == (ssize_t)size - 1);
    free(bytes);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct journal *journal = open_any(path);
    if (journal != NULL)
        go_on(journal, path);
    close(fd);
    return 0;
}
