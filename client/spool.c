/* SPDX-License-Identifier: Apache-2.0 */
/* spool.c - an index of the files in the order of their sequences. */
#include "client/spool.h"

#include "base/bytes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_SIZE = 184,
    FORMAT = 1,
    CHECK_SIZE = 8,
    AT_HEADER = 16,
    AT_DIGEST = 144,
    AT_CHECK = 176,
    NAME_SIZE = 32,
    NAME_DIGITS = 16,
    DISK_BLOCK = 4096,
    REMOVALS_PER_SYNC = 64,
    ENTRIES_BEGIN = 64,
};

static const char magic[4] = {'C', 'H', 'W', 'B'};

/* In the order in which entries of one sequence are sorted. */
enum kind { KIND_PART, KIND_GIVEN_UP, KIND_BATCH, KIND_COUNT };

static const char *const suffixes[KIND_COUNT] = {
    [KIND_PART] = ".batch.part",
    [KIND_GIVEN_UP] = ".damaged",
    [KIND_BATCH] = ".batch",
};

struct entry {
    uint64_t sequence;
    uint64_t file_size;
    enum kind kind;
    struct digest digest; /* of a batch's body */
};

struct spool {
    struct spool_disk disk;
    uint8_t client[CLIENT_ID_SIZE];
    bool only_looks;
    bool broken;
    uint64_t bytes, bytes_max, count;
    uint32_t removals;     /* since the last sync */
    enum status listed;    /* of the listing: its callback cannot fail */
    struct entry *entries; /* by sequence; those before `begin` are gone */
    size_t begin, end, room;
};

/* ---- names ---- */

static void format_name(uint64_t sequence, enum kind kind, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%016llx%s", (unsigned long long)sequence, suffixes[kind]);
}

static bool parse_digits(const char *name, uint64_t *sequence)
{
    static const char digits[] = "0123456789abcdef";
    *sequence = 0;
    for (size_t i = 0; i < NAME_DIGITS; i++) {
        const char *digit = name[i] == '\0' ? NULL : strchr(digits, name[i]);
        if (digit == NULL)
            return false;
        *sequence = *sequence << 4 | (uint64_t)(digit - digits);
    }
    return true;
}

/* False: not one of ours. */
static bool parse_name(const char *name, uint64_t *sequence, enum kind *kind)
{
    if (!parse_digits(name, sequence))
        return false;
    for (*kind = 0; *kind < KIND_COUNT; (*kind)++)
        if (strcmp(name + NAME_DIGITS, suffixes[*kind]) == 0)
            return true;
    return false;
}

static enum status damaged(const struct spool *self, uint64_t sequence, const char *what,
                           struct error_text *error)
{
    char name[NAME_SIZE];
    format_name(sequence, KIND_BATCH, name);
    return error_set(error, STATUS_CORRUPT,
                     "%s/%s is damaged: %s; to go on without its records, rename it to "
                     "%016llx%s",
                     self->disk.folder, name, what, (unsigned long long)sequence,
                     suffixes[KIND_GIVEN_UP]);
}

/* ---- the index ---- */

static uint64_t disk_size(uint64_t file_size)
{
    return (file_size + DISK_BLOCK - 1) / DISK_BLOCK * DISK_BLOCK;
}

/* Where the sequence is or would be. */
static size_t place(const struct spool *self, uint64_t sequence)
{
    size_t low = self->begin, high = self->end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->entries[middle].sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* NULL: there is none of this kind. */
static struct entry *find(const struct spool *self, uint64_t sequence, enum kind kind)
{
    size_t at = place(self, sequence);
    bool found = at < self->end && self->entries[at].sequence == sequence &&
                 self->entries[at].kind == kind;
    return found ? &self->entries[at] : NULL;
}

/* Room for one more. */
static enum status grow(struct spool *self, struct error_text *error)
{
    if (self->end < self->room)
        return STATUS_OK;
    if (self->begin > self->room / 2) {
        self->end -= self->begin;
        memmove(self->entries, self->entries + self->begin,
                self->end * sizeof *self->entries);
        self->begin = 0;
        return STATUS_OK;
    }
    size_t room = self->room == 0 ? ENTRIES_BEGIN : 2 * self->room;
    struct entry *entries = realloc(self->entries, room * sizeof *entries);
    if (entries == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory for the spool's index");
    self->entries = entries;
    self->room = room;
    return STATUS_OK;
}

/* The caller has grown it. One that was given up and is put again is kept again. */
static void insert(struct spool *self, const struct entry *entry)
{
    size_t at = place(self, entry->sequence);
    if (at == self->end || self->entries[at].sequence != entry->sequence) {
        memmove(self->entries + at + 1, self->entries + at,
                (self->end - at) * sizeof *self->entries);
        self->end++;
    }
    self->entries[at] = *entry;
    self->count++;
    self->bytes += disk_size(entry->file_size);
}

static void forget(struct spool *self, const struct entry *entry)
{
    size_t at = (size_t)(entry - self->entries);
    self->count--;
    self->bytes -= disk_size(entry->file_size);
    if (at == self->begin) {
        self->begin++;
        return;
    }
    self->end--;
    memmove(self->entries + at, self->entries + at + 1,
            (self->end - at) * sizeof *self->entries);
}

/* ---- a file ---- */

static void put_check(const uint8_t *bytes, size_t size, uint8_t check[CHECK_SIZE])
{
    struct digest digest = digest_body(bytes, size);
    memcpy(check, digest.bytes, CHECK_SIZE);
}

static void encode_head(const struct spool_batch *batch, uint8_t bytes[HEAD_SIZE])
{
    struct header header = batch->header;
    header.acked_below = header.ticket = 0; /* they belong to the sending */
    memcpy(bytes, magic, sizeof magic);
    bytes_put(bytes + 4, 4, FORMAT);
    bytes_put(bytes + 8, 4, batch->size);
    bytes_put(bytes + 12, 4, batch->rows);
    header_encode(&header, bytes + AT_HEADER);
    memcpy(bytes + AT_DIGEST, batch->digest.bytes, DIGEST_SIZE);
    put_check(bytes, AT_CHECK, bytes + AT_CHECK);
}

/* What is wrong with the head; NULL: nothing, and *batch is what it says. */
static const char *decode_head(const uint8_t *bytes, size_t size, uint64_t sequence,
                               struct spool_batch *batch)
{
    uint8_t check[CHECK_SIZE];
    if (size < HEAD_SIZE)
        return "it is cut short";
    if (memcmp(bytes, magic, sizeof magic) != 0)
        return "it is not a batch";
    put_check(bytes, AT_CHECK, check);
    if (memcmp(check, bytes + AT_CHECK, CHECK_SIZE) != 0)
        return "its head's checksum does not hold";
    if (bytes_get(bytes + 4, 4) != FORMAT)
        return "another version of this program wrote it";
    *batch = (struct spool_batch){
        .size = bytes_get(bytes + 8, 4),
        .rows = (uint32_t)bytes_get(bytes + 12, 4),
    };
    memcpy(batch->digest.bytes, bytes + AT_DIGEST, DIGEST_SIZE);
    if (header_decode(bytes + AT_HEADER, HEADER_SIZE, &batch->header, NULL) !=
            STATUS_OK ||
        batch->header.type != MESSAGE_SCORE || batch->size > BODY_SIZE_MAX ||
        sequence == 0 || sequence > INT64_MAX)
        return "its head is not that of a batch";
    return batch->header.key.sequence == sequence ? NULL : "it holds another batch";
}

static const char *check_size(const struct spool_batch *batch, uint64_t file_size)
{
    uint64_t size = HEAD_SIZE + (uint64_t)batch->size;
    if (file_size < size)
        return "it is cut short";
    return file_size > size ? "it is longer than its head says" : NULL;
}

/* ---- opening ---- */

static void note_file(void *context, const char *name, uint64_t size)
{
    struct spool *self = context;
    struct entry entry = {.file_size = size};
    if (self->listed != STATUS_OK || !parse_name(name, &entry.sequence, &entry.kind))
        return;
    self->listed = grow(self, NULL);
    if (self->listed == STATUS_OK)
        self->entries[self->end++] = entry;
}

static int compare(const void *a, const void *b)
{
    const struct entry *one = a, *other = b;
    if (one->sequence != other->sequence)
        return one->sequence < other->sequence ? -1 : 1;
    return (int)one->kind - (int)other->kind;
}

/* A crash interrupted its writing: nobody was told that it is kept. */
static enum status drop_part(struct spool *self, uint64_t sequence,
                             struct error_text *error)
{
    char name[NAME_SIZE];
    if (self->only_looks)
        return STATUS_OK;
    format_name(sequence, KIND_PART, name);
    return self->disk.remove(self->disk.arg, name, error);
}

/* STATUS_NOT_FOUND: its owner removed it while we looked. */
static enum status read_head(const struct spool *self, const struct entry *entry,
                             struct spool_batch *batch, struct error_text *error)
{
    char name[NAME_SIZE];
    uint8_t bytes[HEAD_SIZE];
    size_t size;
    format_name(entry->sequence, KIND_BATCH, name);
    enum status status =
        self->disk.get(self->disk.arg, name, bytes, sizeof bytes, &size, error);
    if (status != STATUS_OK)
        return status;
    const char *fault = decode_head(bytes, size, entry->sequence, batch);
    if (fault == NULL)
        fault = check_size(batch, entry->file_size);
    return fault == NULL ? STATUS_OK : damaged(self, entry->sequence, fault, error);
}

static enum status take_batch(const struct spool *self, struct entry *entry,
                              struct error_text *error)
{
    struct spool_batch batch;
    enum status status = read_head(self, entry, &batch, error);
    if (status != STATUS_OK)
        return status;
    if (!self->only_looks &&
        memcmp(batch.header.key.client, self->client, CLIENT_ID_SIZE) != 0)
        return error_set(error, STATUS_CORRUPT, "%s/%016llx%s belongs to another journal",
                         self->disk.folder, (unsigned long long)entry->sequence,
                         suffixes[KIND_BATCH]);
    entry->digest = batch.digest;
    return STATUS_OK;
}

/* Put what was listed at [from] into the index, which is shorter or as long. */
static enum status take_file(struct spool *self, struct entry *from,
                             struct error_text *error)
{
    enum status status = STATUS_OK;
    struct entry entry = *from;
    if (entry.kind == KIND_PART)
        return drop_part(self, entry.sequence, error);
    if (entry.kind == KIND_BATCH)
        status = take_batch(self, &entry, error);
    if (status == STATUS_NOT_FOUND && self->only_looks)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    if (entry.kind == KIND_BATCH)
        insert(self, &entry);
    else
        self->entries[self->end++] = entry;
    return STATUS_OK;
}

static enum status read_files(struct spool *self, struct error_text *error)
{
    enum status status = self->disk.list(self->disk.arg, note_file, self, error);
    if (status == STATUS_OK && self->listed != STATUS_OK)
        status = error_set(error, self->listed, "out of memory for the spool's index");
    size_t listed = self->end;
    if (listed > 0)
        qsort(self->entries, listed, sizeof *self->entries, compare);
    self->end = 0;
    for (size_t i = 0; status == STATUS_OK && i < listed; i++)
        status = take_file(self, &self->entries[i], error);
    return status;
}

/* One that was killed between a rename and its sync left a batch that the power could
 * still take away: from now on it is kept like others. */
static enum status keep_names(struct spool *self, struct error_text *error)
{
    return self->disk.sync(self->disk.arg, error);
}

enum status spool_open(const struct spool_disk *disk, const uint8_t *client,
                       uint64_t bytes_max, struct spool **out, struct error_text *error)
{
    struct spool *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    self->disk = *disk;
    self->only_looks = client == NULL;
    self->bytes_max = bytes_max;
    if (client != NULL)
        memcpy(self->client, client, CLIENT_ID_SIZE);
    enum status status = read_files(self, error);
    if (status == STATUS_OK && !self->only_looks)
        status = keep_names(self, error);
    if (status != STATUS_OK) {
        spool_close(self);
        return status;
    }
    *out = self;
    return STATUS_OK;
}

void spool_close(struct spool *self)
{
    if (self == NULL)
        return;
    if (self->removals > 0 && self->disk.sync(self->disk.arg, NULL) != STATUS_OK)
        self->removals = 0; /* they may come back, and are removed again */
    free(self->entries);
    free(self);
}

/* ---- keeping ---- */

static enum status check_room(const struct spool *self, size_t size,
                              struct error_text *error)
{
    uint64_t needed = disk_size(HEAD_SIZE + size);
    if (needed > self->bytes_max)
        return error_set(error, STATUS_INVALID,
                         "a batch of %zu bytes is more than the spool may hold, %llu",
                         size, (unsigned long long)self->bytes_max);
    if (self->bytes + needed > self->bytes_max)
        return error_set(error, STATUS_FULL, "%s holds %llu batches, %llu bytes",
                         self->disk.folder, (unsigned long long)self->count,
                         (unsigned long long)self->bytes);
    return STATUS_OK;
}

static enum status write_file(const struct spool *self, const struct spool_batch *batch,
                              struct error_text *error)
{
    char name[NAME_SIZE];
    uint8_t *bytes = malloc(HEAD_SIZE + batch->size);
    if (bytes == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    encode_head(batch, bytes);
    if (batch->size > 0)
        memcpy(bytes + HEAD_SIZE, batch->body, batch->size);
    format_name(batch->header.key.sequence, KIND_BATCH, name);
    enum status status =
        self->disk.put(self->disk.arg, name, bytes, HEAD_SIZE + batch->size, error);
    free(bytes);
    return status;
}

/* After a failed put: it must not be there tomorrow, when the caller has given it to us
 * again under another number. */
static void take_back(struct spool *self, uint64_t sequence)
{
    char name[NAME_SIZE];
    format_name(sequence, KIND_BATCH, name);
    enum status status = self->disk.remove(self->disk.arg, name, NULL);
    self->broken = (status != STATUS_OK && status != STATUS_NOT_FOUND) ||
                   self->disk.sync(self->disk.arg, NULL) != STATUS_OK;
}

enum status spool_put(struct spool *self, const struct spool_batch *batch,
                      struct error_text *error)
{
    uint64_t sequence = batch->header.key.sequence;
    assert(!self->only_looks && find(self, sequence, KIND_BATCH) == NULL);
    if (self->broken)
        return error_set(error, STATUS_IO, "%s: an earlier write failed: open it again",
                         self->disk.folder);
    enum status status = check_room(self, batch->size, error);
    if (status == STATUS_OK)
        status = grow(self, error);
    if (status != STATUS_OK)
        return status;
    status = write_file(self, batch, error);
    if (status != STATUS_OK) {
        take_back(self, sequence);
        bool will_have_room = status == STATUS_FULL && !self->broken && self->count > 0;
        return will_have_room || status == STATUS_NOMEM ? status : STATUS_IO;
    }
    struct entry entry = {sequence, HEAD_SIZE + batch->size, KIND_BATCH, batch->digest};
    insert(self, &entry);
    return STATUS_OK;
}

bool spool_is_broken(const struct spool *self)
{
    return self->broken;
}

/* ---- reading ---- */

/* `room`: the file and one byte, so that a file that grew is seen. */
static enum status read_file(const struct spool *self, const struct entry *entry,
                             uint8_t *bytes, size_t room, struct spool_batch *out,
                             struct error_text *error)
{
    char name[NAME_SIZE];
    size_t size;
    format_name(entry->sequence, KIND_BATCH, name);
    enum status status = self->disk.get(self->disk.arg, name, bytes, room, &size, error);
    if (status != STATUS_OK)
        return status;
    const char *fault = decode_head(bytes, size, entry->sequence, out);
    if (fault == NULL)
        fault = check_size(out, size);
    if (fault == NULL) {
        struct digest digest = digest_body(bytes + HEAD_SIZE, out->size);
        if (memcmp(&digest, &out->digest, sizeof digest) != 0)
            fault = "its body's checksum does not hold";
    }
    return fault == NULL ? STATUS_OK : damaged(self, entry->sequence, fault, error);
}

static enum status find_batch(const struct spool *self, uint64_t sequence,
                              const struct entry **entry, struct error_text *error)
{
    *entry = find(self, sequence, KIND_BATCH);
    return *entry != NULL
               ? STATUS_OK
               : error_set(error, STATUS_NOT_FOUND, "batch %llu is not in the spool",
                           (unsigned long long)sequence);
}

enum status spool_head(const struct spool *self, uint64_t sequence,
                       struct spool_batch *out, struct error_text *error)
{
    const struct entry *entry;
    enum status status = find_batch(self, sequence, &entry, error);
    return status == STATUS_OK ? read_head(self, entry, out, error) : status;
}

enum status spool_load(const struct spool *self, uint64_t sequence,
                       struct spool_batch *out, struct error_text *error)
{
    const struct entry *entry;
    enum status status = find_batch(self, sequence, &entry, error);
    if (status != STATUS_OK)
        return status;
    size_t room = (size_t)entry->file_size + 1;
    uint8_t *bytes = malloc(room);
    if (bytes == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    status = read_file(self, entry, bytes, room, out, error);
    if (status != STATUS_OK) {
        free(bytes);
        return status;
    }
    memmove(bytes, bytes + HEAD_SIZE, out->size);
    out->body = bytes;
    return STATUS_OK;
}

enum status spool_charge(struct spool *self, uint64_t sequence, uint8_t attempt,
                         struct error_text *error)
{
    struct spool_batch batch;
    enum status status = spool_load(self, sequence, &batch, error);
    if (status != STATUS_OK)
        return status;
    batch.header.attempt = attempt;
    status = write_file(self, &batch, error);
    free(batch.body);
    return status;
}

/* ---- removing ---- */

enum status spool_remove(struct spool *self, uint64_t sequence, struct error_text *error)
{
    char name[NAME_SIZE];
    const struct entry *entry = find(self, sequence, KIND_BATCH);
    if (entry == NULL)
        return STATUS_OK;
    format_name(sequence, KIND_BATCH, name);
    enum status status = self->disk.remove(self->disk.arg, name, error);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    forget(self, entry);
    return ++self->removals < REMOVALS_PER_SYNC ? STATUS_OK : spool_sync(self, error);
}

enum status spool_remove_below(struct spool *self, uint64_t sequence,
                               struct error_text *error)
{
    enum status status = STATUS_OK;
    uint64_t next;
    while (status == STATUS_OK && (next = spool_next(self, 0)) != 0 && next < sequence)
        status = spool_remove(self, next, error);
    return status;
}

enum status spool_sync(struct spool *self, struct error_text *error)
{
    enum status status =
        self->removals == 0 ? STATUS_OK : self->disk.sync(self->disk.arg, error);
    if (status == STATUS_OK)
        self->removals = 0;
    return status;
}

/* ---- what is there ---- */

uint64_t spool_next(const struct spool *self, uint64_t from)
{
    for (size_t at = place(self, from); at < self->end; at++)
        if (self->entries[at].kind == KIND_BATCH)
            return self->entries[at].sequence;
    return 0;
}

uint64_t spool_last(const struct spool *self)
{
    return self->begin == self->end ? 0 : self->entries[self->end - 1].sequence;
}

const struct digest *spool_digest(const struct spool *self, uint64_t sequence)
{
    const struct entry *entry = find(self, sequence, KIND_BATCH);
    return entry == NULL ? NULL : &entry->digest;
}

bool spool_is_given_up(const struct spool *self, uint64_t sequence)
{
    return find(self, sequence, KIND_GIVEN_UP) != NULL;
}

uint64_t spool_count(const struct spool *self)
{
    return self->count;
}

uint64_t spool_given_up(const struct spool *self)
{
    return self->end - self->begin - self->count;
}

uint64_t spool_bytes(const struct spool *self)
{
    return self->bytes;
}
