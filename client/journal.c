/* SPDX-License-Identifier: Apache-2.0 */
/* journal.c - the answers of a job, in an append-only file keyed by sequence. */
#include "client/journal.h"

#include "base/bytes.h"
#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    HEAD_SIZE = 64,
    FORMAT = 1,
    CHECK_SIZE = 8,
    SCAN_SIZE = 1 << 16,
    SEQUENCE_SLACK = 1 << 20, /* gaps that a window can leave, and far more */
};

static const char magic_file[4] = {'C', 'H', 'W', 'J'};
static const char magic_entry[4] = {'C', 'H', 'W', 'e'};
static const char magic_mark[4] = {'C', 'H', 'W', 'm'};

/* Where the payload of a sequence is; offset 0: there is none. */
struct place {
    uint64_t offset;
    uint32_t size;
};

struct journal {
    int fd;
    char *path;
    uint8_t client[CLIENT_ID_SIZE];
    struct digest job;
    bool only_looks;
    uint64_t size; /* all before it is good */
    uint64_t opened_size;
    bool dirty;    /* appended since the last sync */
    bool broken;   /* what a failed write left could not be cut off */
    uint64_t count, last;
    struct place *places; /* by sequence */
    uint64_t places_max;
};

struct head {
    bool is_mark;
    uint32_t payload_size;
    uint64_t sequence;
    struct digest batch;
    uint8_t payload_check[CHECK_SIZE];
};

/* ---- bytes ---- */

static void put_check(uint8_t *to, const void *bytes, size_t size)
{
    struct digest digest = digest_body(bytes, size);
    memcpy(to, digest.bytes, CHECK_SIZE);
}

static bool check_is(const uint8_t *check, const void *bytes, size_t size)
{
    struct digest digest = digest_body(bytes, size);
    return memcmp(check, digest.bytes, CHECK_SIZE) == 0;
}

static void encode_head(const struct head *head, uint8_t bytes[HEAD_SIZE])
{
    memset(bytes, 0, HEAD_SIZE);
    memcpy(bytes, head->is_mark ? magic_mark : magic_entry, 4);
    bytes_put(bytes + 4, 4, head->payload_size);
    bytes_put(bytes + 8, 8, head->sequence);
    memcpy(bytes + 16, head->batch.bytes, DIGEST_SIZE);
    memcpy(bytes + 48, head->payload_check, CHECK_SIZE);
    put_check(bytes + 56, bytes, 56);
}

static bool decode_head(const uint8_t bytes[HEAD_SIZE], struct head *head)
{
    head->is_mark = memcmp(bytes, magic_mark, 4) == 0;
    if ((!head->is_mark && memcmp(bytes, magic_entry, 4) != 0) ||
        !check_is(bytes + 56, bytes, 56))
        return false;
    head->payload_size = (uint32_t)bytes_get(bytes + 4, 4);
    head->sequence = bytes_get(bytes + 8, 8);
    memcpy(head->batch.bytes, bytes + 16, DIGEST_SIZE);
    memcpy(head->payload_check, bytes + 48, CHECK_SIZE);
    return head->is_mark ? head->payload_size == 0
                         : head->payload_size <= BODY_SIZE_MAX && head->sequence > 0;
}

/* ---- the file ---- */

static enum status write_at(const struct journal *self, const void *bytes, size_t size,
                            uint64_t offset, struct error_text *error)
{
    const uint8_t *from = bytes;
    while (size > 0) {
        ssize_t done = pwrite(self->fd, from, size, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return error_set(error, STATUS_IO, "%s: cannot write: %s", self->path,
                             strerror(done < 0 ? errno : ENOSPC));
        from += done;
        offset += (uint64_t)done;
        size -= (size_t)done;
    }
    return STATUS_OK;
}

/* STATUS_END: the file ends before `size` bytes. */
static enum status read_at(const struct journal *self, void *bytes, size_t size,
                           uint64_t offset, struct error_text *error)
{
    uint8_t *to = bytes;
    while (size > 0) {
        ssize_t done = pread(self->fd, to, size, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_set(error, STATUS_IO, "%s: cannot read: %s", self->path,
                             strerror(errno));
        if (done == 0)
            return STATUS_END;
        to += done;
        offset += (uint64_t)done;
        size -= (size_t)done;
    }
    return STATUS_OK;
}

static enum status sync_file(const struct journal *self, struct error_text *error)
{
    if (fdatasync(self->fd) == 0)
        return STATUS_OK;
    return error_set(error, STATUS_IO, "%s: cannot sync: %s", self->path,
                     strerror(errno));
}

/* ---- what is where ---- */

static enum status grow_places(struct journal *self, uint64_t sequence,
                               struct error_text *error)
{
    uint64_t places_max = self->places_max == 0 ? 1024 : self->places_max;
    while (places_max <= sequence)
        places_max *= 2;
    if (places_max == self->places_max)
        return STATUS_OK;
    struct place *places = realloc(self->places, places_max * sizeof *places);
    if (places == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory for the journal's index");
    memset(places + self->places_max, 0,
           (places_max - self->places_max) * sizeof *places);
    self->places = places;
    self->places_max = places_max;
    return STATUS_OK;
}

static const struct place *find_place(const struct journal *self, uint64_t sequence)
{
    if (sequence >= self->places_max || self->places[sequence].offset == 0)
        return NULL;
    return &self->places[sequence];
}

/* The caller has grown the places. */
static void set_place(struct journal *self, const struct head *head, uint64_t offset)
{
    self->count += self->places[head->sequence].offset == 0;
    if (self->last < head->sequence)
        self->last = head->sequence;
    self->places[head->sequence] = (struct place){offset, head->payload_size};
}

/* ---- opening ---- */

static enum status write_header(struct journal *self, const struct digest *job,
                                struct error_text *error)
{
    uint8_t bytes[HEAD_SIZE] = {0};
    self->job = *job;
    random_bytes(self->client, sizeof self->client);
    memcpy(bytes, magic_file, 4);
    bytes_put(bytes + 4, 4, FORMAT);
    memcpy(bytes + 8, self->client, CLIENT_ID_SIZE);
    memcpy(bytes + 24, job->bytes, DIGEST_SIZE);
    put_check(bytes + 56, bytes, 56);
    enum status status = write_at(self, bytes, sizeof bytes, 0, error);
    if (status == STATUS_OK)
        status = sync_file(self, error);
    if (status == STATUS_OK)
        status = file_sync_folder(self->path, error);
    self->size = HEAD_SIZE;
    return status;
}

/* `job` NULL: whichever it is of. */
static enum status read_header(struct journal *self, const struct digest *job,
                               struct error_text *error)
{
    uint8_t bytes[HEAD_SIZE];
    enum status status = read_at(self, bytes, sizeof bytes, 0, error);
    if (status == STATUS_IO)
        return status;
    if (status != STATUS_OK || memcmp(bytes, magic_file, 4) != 0)
        return error_set(error, STATUS_CORRUPT, "%s is not a journal of answers",
                         self->path);
    if (!check_is(bytes + 56, bytes, 56))
        return error_set(error, STATUS_CORRUPT, "%s is damaged in its header, at byte 0",
                         self->path);
    if (bytes_get(bytes + 4, 4) != FORMAT)
        return error_set(error, STATUS_CORRUPT,
                         "%s has format %llu; this program reads %d", self->path,
                         (unsigned long long)bytes_get(bytes + 4, 4), FORMAT);
    if (job != NULL && memcmp(bytes + 24, job->bytes, DIGEST_SIZE) != 0)
        return error_set(error, STATUS_CORRUPT, "%s belongs to another job", self->path);
    memcpy(self->client, bytes + 8, CLIENT_ID_SIZE);
    memcpy(self->job.bytes, bytes + 24, DIGEST_SIZE);
    self->size = HEAD_SIZE;
    return STATUS_OK;
}

/* STATUS_END: no whole entry or mark is there. */
static enum status read_entry(const struct journal *self, uint64_t offset,
                              struct head *head, uint8_t **payload,
                              struct error_text *error)
{
    uint8_t bytes[HEAD_SIZE];
    *payload = NULL;
    enum status status = read_at(self, bytes, sizeof bytes, offset, error);
    if (status != STATUS_OK)
        return status;
    if (!decode_head(bytes, head) || (head->is_mark && head->sequence != offset))
        return STATUS_END;
    *payload = malloc(head->payload_size + 1);
    if (*payload == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    status = read_at(self, *payload, head->payload_size, offset + HEAD_SIZE, error);
    if (status == STATUS_OK &&
        !check_is(head->payload_check, *payload, head->payload_size))
        status = STATUS_END;
    if (status != STATUS_OK) {
        free(*payload);
        *payload = NULL;
    }
    return status;
}

/* Does a mark stand after `offset`? It proves that what was there had been synced. Every
 * byte is tried, since what is damaged does not say where the next entry begins. */
static enum status find_mark(const struct journal *self, uint64_t offset, bool *found,
                             struct error_text *error)
{
    static const size_t step = SCAN_SIZE - HEAD_SIZE;
    uint8_t *bytes = malloc(SCAN_SIZE);
    enum status status =
        bytes == NULL ? error_set(error, STATUS_NOMEM, "out of memory") : STATUS_OK;
    *found = false;
    for (bool more = true; status == STATUS_OK && more && !*found; offset += step) {
        ssize_t size = pread(self->fd, bytes, SCAN_SIZE, (off_t)offset);
        if (size < 0)
            status = error_set(error, STATUS_IO, "%s: cannot read: %s", self->path,
                               strerror(errno));
        more = size == SCAN_SIZE;
        for (ssize_t i = 0; !*found && i + HEAD_SIZE <= size; i++) {
            struct head head;
            *found = bytes[i] == 'C' && decode_head(bytes + i, &head) && head.is_mark &&
                     head.sequence == offset + (uint64_t)i;
        }
    }
    free(bytes);
    return status;
}

/* What follows self->size is not whole: a torn write, or damage to what was kept. */
static enum status cut_tail(struct journal *self, struct error_text *error)
{
    bool found;
    enum status status = find_mark(self, self->size, &found, error);
    if (status != STATUS_OK)
        return status;
    if (found)
        return error_set(
            error, STATUS_CORRUPT,
            "%s is damaged at byte %llu: answers that had been kept are lost", self->path,
            (unsigned long long)self->size);
    if (self->only_looks)
        return STATUS_OK;
    if (ftruncate(self->fd, (off_t)self->size) != 0)
        return error_set(error, STATUS_IO, "%s: cannot cut its torn end: %s", self->path,
                         strerror(errno));
    return sync_file(self, error);
}

static enum status load_entries(struct journal *self, struct error_text *error)
{
    struct head head;
    uint8_t *payload;
    enum status status;
    while ((status = read_entry(self, self->size, &head, &payload, error)) == STATUS_OK) {
        free(payload);
        if (!head.is_mark && head.sequence > self->count + SEQUENCE_SLACK)
            return error_set(error, STATUS_CORRUPT,
                             "%s has an impossible sequence number at byte %llu",
                             self->path, (unsigned long long)self->size);
        if (!head.is_mark) {
            status = grow_places(self, head.sequence, error);
            if (status != STATUS_OK)
                return status;
            set_place(self, &head, self->size + HEAD_SIZE);
        }
        self->size += HEAD_SIZE + head.payload_size;
    }
    return status == STATUS_END ? cut_tail(self, error) : status;
}

/* A crash before the header was synced left a beginning of it, or zeros; nothing had been
 * kept. A header that is damaged later does not look like this: it ends with a check. */
static enum status find_beginning(const struct journal *self, bool *found,
                                  struct error_text *error)
{
    uint8_t bytes[HEAD_SIZE + 1];
    ssize_t size = pread(self->fd, bytes, sizeof bytes, 0);
    if (size < 0)
        return error_set(error, STATUS_IO, "%s: cannot read: %s", self->path,
                         strerror(errno));
    size_t written = (size_t)size;
    while (written > 0 && bytes[written - 1] == 0)
        written--;
    *found = size <= HEAD_SIZE && written <= HEAD_SIZE - CHECK_SIZE &&
             memcmp(bytes, magic_file, written < 4 ? written : 4) == 0;
    return STATUS_OK;
}

static enum status open_file(struct journal *self, bool *empty, struct error_text *error)
{
    self->fd = open(self->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self->fd < 0)
        return error_set(error, STATUS_IO, "%s: cannot open: %s", self->path,
                         strerror(errno));
    if (flock(self->fd, LOCK_EX | LOCK_NB) != 0)
        return error_set(error, STATUS_TAKEN, "%s is open in another process",
                         self->path);
    return find_beginning(self, empty, error);
}

static enum status load(struct journal *self, const struct digest *job, bool empty,
                        struct error_text *error)
{
    if (empty)
        return write_header(self, job, error);
    enum status status = read_header(self, job, error);
    return status == STATUS_OK ? load_entries(self, error) : status;
}

/* NULL: out of memory. */
static struct journal *new_journal(const char *path)
{
    struct journal *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->fd = -1;
    self->path = strdup(path);
    if (self->path == NULL) {
        free(self);
        return NULL;
    }
    return self;
}

enum status journal_open(const char *path, const struct digest *job, struct journal **out,
                         struct error_text *error)
{
    bool empty = false;
    struct journal *self = new_journal(path);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    enum status status = open_file(self, &empty, error);
    if (status == STATUS_OK)
        status = load(self, job, empty, error);
    if (status != STATUS_OK) {
        journal_close(self);
        return status;
    }
    self->opened_size = self->size;
    *out = self;
    return STATUS_OK;
}

enum status journal_look(const char *path, struct journal **out, struct error_text *error)
{
    enum status status = STATUS_OK;
    struct journal *self = new_journal(path);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    self->only_looks = true;
    self->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (self->fd < 0)
        status = error_set(error, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO,
                           "%s: cannot open: %s", path, strerror(errno));
    if (status == STATUS_OK)
        status = load(self, NULL, false, error);
    if (status != STATUS_OK) {
        journal_close(self);
        return status;
    }
    *out = self;
    return STATUS_OK;
}

void journal_close(struct journal *self)
{
    if (self == NULL)
        return;
    if (self->fd >= 0)
        close(self->fd);
    free(self->places);
    free(self->path);
    free(self);
}

const uint8_t *journal_client(const struct journal *self)
{
    return self->client;
}

const struct digest *journal_job(const struct journal *self)
{
    return &self->job;
}

uint64_t journal_count(const struct journal *self)
{
    return self->count;
}

bool journal_has(const struct journal *self, uint64_t sequence)
{
    return find_place(self, sequence) != NULL;
}

uint64_t journal_last(const struct journal *self)
{
    return self->last;
}

bool journal_is_recent(const struct journal *self, uint64_t sequence)
{
    const struct place *place = find_place(self, sequence);
    return place != NULL && place->offset > self->opened_size;
}

/* ---- writing and reading ---- */

/* A head and its payload, or nothing of them. */
static enum status put_entry(struct journal *self, const struct head *head,
                             const void *payload, struct error_text *error)
{
    uint8_t bytes[HEAD_SIZE];
    if (self->broken)
        return error_set(error, STATUS_IO, "%s: an earlier write failed", self->path);
    encode_head(head, bytes);
    enum status status = write_at(self, bytes, sizeof bytes, self->size, error);
    if (status == STATUS_OK)
        status =
            write_at(self, payload, head->payload_size, self->size + HEAD_SIZE, error);
    if (status == STATUS_OK)
        self->size += HEAD_SIZE + head->payload_size;
    else
        self->broken = ftruncate(self->fd, (off_t)self->size) != 0;
    return status;
}

enum status journal_append(struct journal *self, uint64_t sequence,
                           const struct digest *batch, const void *payload, size_t size,
                           struct error_text *error)
{
    assert(sequence > 0 && size <= BODY_SIZE_MAX);
    struct head head = {
        .payload_size = (uint32_t)size, .sequence = sequence, .batch = *batch};
    uint64_t offset = self->size + HEAD_SIZE;
    put_check(head.payload_check, payload, size);
    enum status status = grow_places(self, sequence, error);
    if (status == STATUS_OK)
        status = put_entry(self, &head, payload, error);
    if (status != STATUS_OK)
        return status;
    set_place(self, &head, offset);
    self->dirty = true;
    return STATUS_OK;
}

enum status journal_sync(struct journal *self, struct error_text *error)
{
    if (!self->dirty)
        return STATUS_OK;
    enum status status = sync_file(self, error);
    if (status != STATUS_OK)
        return status;
    self->dirty = false;
    struct head mark = {.is_mark = true, .sequence = self->size};
    put_check(mark.payload_check, "", 0);
    return put_entry(self, &mark, "", error);
}

enum status journal_read(const struct journal *self, uint64_t sequence,
                         struct digest *batch, uint8_t **payload, size_t *size,
                         struct error_text *error)
{
    struct head head;
    const struct place *place = find_place(self, sequence);
    if (place == NULL)
        return error_set(error, STATUS_NOT_FOUND, "batch %llu has no answer yet",
                         (unsigned long long)sequence);
    enum status status =
        read_entry(self, place->offset - HEAD_SIZE, &head, payload, error);
    if (status == STATUS_END)
        return error_set(error, STATUS_CORRUPT, "%s is damaged at byte %llu", self->path,
                         (unsigned long long)(place->offset - HEAD_SIZE));
    if (status != STATUS_OK)
        return status;
    *batch = head.batch;
    *size = head.payload_size;
    return STATUS_OK;
}
