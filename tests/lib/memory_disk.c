/* SPDX-License-Identifier: Apache-2.0 */
/* memory_disk.c - two tables of names, the one that programs see and the one on the disk;
 * contents are shared between them. */
#include "tests/lib/memory_disk.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 64, FILES_MAX = 512, NEVER = -1 };

struct content {
    uint8_t *bytes;
    size_t size;
    bool is_synced;
    struct content *next; /* of all there ever were: freed at the end */
};

struct file {
    char name[NAME_SIZE];
    struct content *content;
};

struct table {
    struct file files[FILES_MAX];
    size_t count;
};

struct memory_disk {
    struct table seen, kept;
    struct content *contents;
    uint64_t random, steps;
    int64_t fail_in, cut_in;
    enum status failure;
    bool is_cut;
};

static uint64_t draw(struct memory_disk *self)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return self->random;
}

struct memory_disk *memory_disk_new(uint64_t seed)
{
    struct memory_disk *self = calloc(1, sizeof *self);
    assert(self != NULL);
    self->random = seed * 0x9e3779b97f4a7c15U + 1;
    self->fail_in = self->cut_in = NEVER;
    return self;
}

void memory_disk_free(struct memory_disk *self)
{
    while (self->contents != NULL) {
        struct content *content = self->contents;
        self->contents = content->next;
        free(content->bytes);
        free(content);
    }
    free(self);
}

/* ---- names ---- */

static struct file *find(const struct table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->files[i].name, name) == 0)
            return (struct file *)(uintptr_t)&table->files[i];
    return NULL;
}

static void set(struct table *table, const char *name, struct content *content)
{
    struct file *file = find(table, name);
    if (file == NULL) {
        assert(table->count < FILES_MAX && strlen(name) < NAME_SIZE);
        file = &table->files[table->count++];
        strcpy(file->name, name);
    }
    file->content = content;
}

static void unset(struct table *table, const char *name)
{
    struct file *file = find(table, name);
    if (file != NULL)
        *file = table->files[--table->count];
}

static struct content *new_content(struct memory_disk *self, const void *bytes,
                                   size_t size)
{
    struct content *content = calloc(1, sizeof *content);
    assert(content != NULL);
    content->bytes = malloc(size + 1);
    assert(content->bytes != NULL);
    memcpy(content->bytes, bytes, size);
    content->size = size;
    content->next = self->contents;
    self->contents = content;
    return content;
}

/* ---- faults ---- */

static bool is_due(int64_t *countdown)
{
    return *countdown != NEVER && (*countdown)-- == 0;
}

/* False: the step fails as *status says. */
static bool step(struct memory_disk *self, enum status *status, struct error_text *error)
{
    if (self->is_cut || is_due(&self->cut_in)) {
        self->is_cut = true;
        *status = error_set(error, STATUS_IO, "the power is gone");
        return false;
    }
    self->steps++;
    if (!is_due(&self->fail_in))
        return true;
    *status = error_set(error, self->failure, "the disk fails");
    return false;
}

/* Of a .part that was not synced: a beginning, then zeros or the end. */
static void tear(struct memory_disk *self, struct content *content)
{
    if (content->is_synced || content->size == 0)
        return;
    size_t whole = draw(self) % (content->size + 1);
    memset(content->bytes + whole, 0, content->size - whole);
    if (draw(self) % 2 == 0)
        content->size = whole;
    content->is_synced = true;
}

static bool differs(const struct table *table, const struct file *file)
{
    const struct file *other = find(table, file->name);
    return other == NULL || other->content != file->content;
}

/* Each change of a name that was not synced got there, or did not. */
static void settle_names(struct memory_disk *self)
{
    struct table *kept = &self->kept;
    for (size_t i = kept->count; i-- > 0;)
        if (find(&self->seen, kept->files[i].name) == NULL && draw(self) % 2 == 0)
            unset(kept, kept->files[i].name);
    for (size_t i = 0; i < self->seen.count; i++)
        if (differs(kept, &self->seen.files[i]) && draw(self) % 2 == 0)
            set(kept, self->seen.files[i].name, self->seen.files[i].content);
}

void memory_disk_restart(struct memory_disk *self)
{
    settle_names(self);
    for (size_t i = 0; i < self->kept.count; i++)
        tear(self, self->kept.files[i].content);
    self->seen = self->kept;
    memory_disk_revive(self);
}

void memory_disk_revive(struct memory_disk *self)
{
    self->is_cut = false;
    self->fail_in = self->cut_in = NEVER;
}

void memory_disk_fail_after(struct memory_disk *self, uint64_t steps, enum status status)
{
    self->fail_in = (int64_t)steps;
    self->failure = status;
}

void memory_disk_cut_after(struct memory_disk *self, uint64_t steps)
{
    self->cut_in = (int64_t)steps;
}

bool memory_disk_is_cut(const struct memory_disk *self)
{
    return self->is_cut;
}

uint64_t memory_disk_steps(const struct memory_disk *self)
{
    return self->steps;
}

/* ---- struct spool_disk ---- */

/* The four steps; false: one failed. A cut in the middle leaves what was written so far.
 */
static bool write_steps(struct memory_disk *self, const char *part, const char *name,
                        struct content *content, enum status *status,
                        struct error_text *error)
{
    set(&self->seen, part, content);
    if (!step(self, status, error) || !step(self, status, error))
        return false;
    content->is_synced = true;
    if (!step(self, status, error))
        return false;
    unset(&self->seen, part);
    set(&self->seen, name, content);
    if (!step(self, status, error))
        return false;
    self->kept = self->seen;
    return true;
}

static enum status put(void *arg, const char *name, const void *bytes, size_t size,
                       struct error_text *error)
{
    struct memory_disk *self = arg;
    char part[NAME_SIZE];
    enum status status = STATUS_OK;
    snprintf(part, sizeof part, "%s.part", name);
    struct content *content = new_content(self, bytes, size);
    if (!write_steps(self, part, name, content, &status, error) && !self->is_cut)
        unset(&self->seen, part);
    return status;
}

static enum status get(void *arg, const char *name, void *bytes, size_t size_max,
                       size_t *size, struct error_text *error)
{
    struct memory_disk *self = arg;
    enum status status = STATUS_OK;
    if (!step(self, &status, error))
        return status == STATUS_FULL ? STATUS_IO : status;
    const struct file *file = find(&self->seen, name);
    if (file == NULL)
        return error_set(error, STATUS_NOT_FOUND, "%s is not there", name);
    *size = file->content->size < size_max ? file->content->size : size_max;
    memcpy(bytes, file->content->bytes, *size);
    return STATUS_OK;
}

static enum status drop(void *arg, const char *name, struct error_text *error)
{
    struct memory_disk *self = arg;
    enum status status = STATUS_OK;
    if (!step(self, &status, error))
        return status;
    if (find(&self->seen, name) == NULL)
        return error_set(error, STATUS_NOT_FOUND, "%s is not there", name);
    unset(&self->seen, name);
    return STATUS_OK;
}

static enum status list(void *arg,
                        void (*each)(void *context, const char *name, uint64_t size),
                        void *context, struct error_text *error)
{
    struct memory_disk *self = arg;
    enum status status = STATUS_OK;
    if (!step(self, &status, error))
        return status;
    for (size_t i = 0; i < self->seen.count; i++)
        each(context, self->seen.files[i].name, self->seen.files[i].content->size);
    return STATUS_OK;
}

static enum status sync_names(void *arg, struct error_text *error)
{
    struct memory_disk *self = arg;
    enum status status = STATUS_OK;
    if (step(self, &status, error))
        self->kept = self->seen;
    return status;
}

void memory_disk_init(struct memory_disk *self, struct spool_disk *out)
{
    *out = (struct spool_disk){
        .arg = self,
        .folder = "memory",
        .put = put,
        .get = get,
        .remove = drop,
        .list = list,
        .sync = sync_names,
    };
}

/* ---- behind everybody's back ---- */

bool memory_disk_has(const struct memory_disk *self, const char *name)
{
    return find(&self->seen, name) != NULL;
}

size_t memory_disk_count(const struct memory_disk *self)
{
    return self->seen.count;
}

void memory_disk_write(struct memory_disk *self, const char *name, const void *bytes,
                       size_t size)
{
    struct content *content = new_content(self, bytes, size);
    content->is_synced = true;
    set(&self->seen, name, content);
    set(&self->kept, name, content);
}

static struct content *content_of(const struct memory_disk *self, const char *name)
{
    const struct file *file = find(&self->seen, name);
    assert(file != NULL);
    return file->content;
}

void memory_disk_flip(struct memory_disk *self, const char *name, size_t at)
{
    struct content *content = content_of(self, name);
    assert(at < content->size);
    content->bytes[at] ^= 0x10;
}

void memory_disk_resize(struct memory_disk *self, const char *name, size_t size)
{
    struct content *content = content_of(self, name);
    uint8_t *bytes = calloc(size + 1, 1);
    assert(bytes != NULL);
    memcpy(bytes, content->bytes, size < content->size ? size : content->size);
    free(content->bytes);
    content->bytes = bytes;
    content->size = size;
}

void memory_disk_rename(struct memory_disk *self, const char *name, const char *to)
{
    struct content *content = content_of(self, name);
    unset(&self->seen, name);
    set(&self->seen, to, content);
    self->kept = self->seen;
}

size_t memory_disk_size(const struct memory_disk *self, const char *name)
{
    return content_of(self, name)->size;
}
