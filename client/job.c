/* SPDX-License-Identifier: Apache-2.0 */
/* job.c - the job file: written whole, read back by libyaml. */
#include "client/job.h"

#include "base/day.h"
#include "base/file.h"
#include "base/yaml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status name_path(char path[JOB_PATH_SIZE], const char *folder,
                             const char *name, struct error_text *error)
{
    int size = snprintf(path, JOB_PATH_SIZE, "%s%s", folder, name);
    if (size < 0 || size >= JOB_PATH_SIZE)
        return error_set(error, STATUS_INVALID, "%s: the path is too long", folder);
    return STATUS_OK;
}

enum status job_open(struct job *self, const char *results, struct error_text *error)
{
    char lock[JOB_PATH_SIZE];
    self->lock = -1;
    enum status status = name_path(self->folder, results, ".job", error);
    if (status == STATUS_OK)
        status = name_path(self->file, self->folder, "/job", error);
    if (status == STATUS_OK)
        status =
            name_path(self->journal, self->spool == NULL ? self->folder : self->spool,
                      "/journal", error);
    if (status == STATUS_OK)
        status = name_path(lock, self->folder, "/lock", error);
    /* Only its own folder: a missing one above is a slip of the keyboard. */
    if (status == STATUS_OK && mkdir(self->folder, 0700) != 0 && errno != EEXIST)
        status = error_set(error, STATUS_IO, "%s: %s", self->folder, strerror(errno));
    return status == STATUS_OK ? file_lock(lock, &self->lock, error) : status;
}

void job_drop_columns(struct job *self)
{
    for (size_t i = 0; i < self->column_count; i++)
        free(self->columns[i].name);
    free(self->columns);
    self->columns = NULL;
    self->column_count = 0;
}

void job_close(struct job *self)
{
    job_drop_columns(self);
    if (self->lock >= 0)
        close(self->lock);
    self->lock = -1;
}

enum status job_add_column(struct job *self, const char *name, bool is_number)
{
    char *copy = strdup(name);
    struct job_column *larger =
        realloc(self->columns, (self->column_count + 1) * sizeof *larger);
    if (larger != NULL)
        self->columns = larger;
    if (copy == NULL || larger == NULL) {
        free(copy);
        return STATUS_NOMEM;
    }
    larger[self->column_count++] = (struct job_column){copy, is_number};
    return STATUS_OK;
}

/* ---- writing ---- */

/* Whatever bytes a name has, the file is plain text: others are %XX. */
static void write_text(FILE *file, const char *text)
{
    putc('"', file);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte > 0x7e || strchr("\"\\%", byte) != NULL)
            fprintf(file, "%%%02x", byte);
        else
            putc(byte, file);
    }
    putc('"', file);
}

static void write_pair(FILE *file, const char *key, const char *text)
{
    fprintf(file, "%s: ", key);
    write_text(file, text);
    putc('\n', file);
}

/* None is nothing: a job that asks for none is the one it was before there were any. */
static void format_explain(const struct job *self, char text[32])
{
    snprintf(text, 32, "%" PRIu64, self->explain);
    if (self->explain == 0)
        text[0] = '\0';
}

static void write_identity(const struct job *self, FILE *file)
{
    char input[DIGEST_HEX_SIZE], as_of[DAY_TEXT_SIZE], rows[32], explain[32];
    digest_format(&self->input, input);
    day_format(self->as_of, as_of);
    snprintf(rows, sizeof rows, "%" PRIu64, self->batch_rows);
    format_explain(self, explain);
    write_pair(file, "input", input);
    write_pair(file, "region-column", self->region_column);
    write_pair(file, "models", self->models);
    write_pair(file, "batch-rows", rows);
    if (self->explain > 0)
        write_pair(file, "explain", explain);
    write_pair(file, "what-if", self->what_if ? "yes" : "no");
    write_pair(file, "as-of", as_of);
    fprintf(file, "numbers:\n");
    for (size_t i = 0; i < self->column_count; i++)
        fprintf(file, "  - \"%s\"\n", self->columns[i].is_number ? "yes" : "no");
    fprintf(file, "columns:\n");
    for (size_t i = 0; i < self->column_count; i++) {
        fprintf(file, "  - ");
        write_text(file, self->columns[i].name);
        putc('\n', file);
    }
}

/* The file's text, the caller's to free; NULL: out of memory. */
static char *format_job(const struct job *self, bool with_state, size_t *size)
{
    char *text = NULL;
    FILE *file = open_memstream(&text, size);
    if (file == NULL)
        return NULL;
    write_identity(self, file);
    if (with_state && self->spool != NULL)
        write_pair(file, "spool", self->spool);
    if (with_state)
        write_pair(file, "complete", self->is_complete ? "yes" : "no");
    if (fclose(file) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

enum status job_save(const struct job *self, struct error_text *error)
{
    size_t size;
    char *text = format_job(self, true, &size);
    if (text == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    enum status status = file_replace(self->file, text, size, error);
    free(text);
    return status == STATUS_FULL ? STATUS_IO : status; /* no limit of ours */
}

struct digest job_identity(const struct job *self)
{
    size_t size = 0;
    char *text = format_job(self, false, &size);
    struct digest identity = digest_body(text, size);
    free(text);
    return identity;
}

/* ---- reading ---- */

static const char *scalar(const struct yaml_node *root, const char *key)
{
    const struct yaml_node *node = yaml_find(root, key);
    return node == NULL || node->kind != YAML_SCALAR ? "" : node->text;
}

/* What write_text() wrote; the caller's to free. */
static char *unescape(const char *text)
{
    char *plain = malloc(strlen(text) + 1), *to = plain;
    while (plain != NULL && *text != '\0') {
        char digits[3] = "";
        if (*text == '%')
            memcpy(digits, text + 1, strnlen(text + 1, 2));
        *to++ = *text == '%' ? (char)strtoul(digits, NULL, 16) : *text;
        text += 1 + strlen(digits);
    }
    if (plain != NULL)
        *to = '\0';
    return plain;
}

struct pair {
    const char *key, *now, *what;
};

static enum status compare_pair(const struct job *self, const struct yaml_node *root,
                                const struct pair *pair, struct error_text *error)
{
    enum status status = STATUS_OK;
    char *was = unescape(scalar(root, pair->key));
    if (was == NULL)
        return STATUS_NOMEM;
    if (strcmp(was, pair->now) != 0)
        status = error_set(error, STATUS_INVALID,
                           "%s belongs to another job: %s (it was \"%.80s\", now "
                           "\"%.80s\"); choose another -o, or --new-job to begin anew",
                           self->folder, pair->what, was, pair->now);
    free(was);
    return status;
}

static enum status compare(const struct job *self, const struct yaml_node *root,
                           bool as_of_given, struct error_text *error)
{
    char input[DIGEST_HEX_SIZE], as_of[DAY_TEXT_SIZE], rows[32], explain[32];
    digest_format(&self->input, input);
    day_format(self->as_of, as_of);
    snprintf(rows, sizeof rows, "%" PRIu64, self->batch_rows);
    format_explain(self, explain);
    const struct pair pairs[] = {
        {"input", input, "the records are others"},
        {"region-column", self->region_column, "--region-column differs"},
        {"models", self->models, "--model differs"},
        {"batch-rows", rows, "--batch-rows differs"},
        {"explain", explain, "--explain differs"},
        {"as-of", as_of_given ? as_of : scalar(root, "as-of"), "--as-of differs"},
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof pairs / sizeof pairs[0]; i++)
        status = compare_pair(self, root, &pairs[i], error);
    return status;
}

static enum status take_column(struct job *self, const char *name, const char *is_number)
{
    char *plain = unescape(name);
    enum status status = plain == NULL
                             ? STATUS_NOMEM
                             : job_add_column(self, plain, strcmp(is_number, "yes") == 0);
    free(plain);
    return status;
}

static enum status take_columns(struct job *self, const struct yaml_node *root,
                                struct error_text *error)
{
    const struct yaml_node *names = yaml_find(root, "columns");
    const struct yaml_node *numbers = yaml_find(root, "numbers");
    bool usable = names != NULL && numbers != NULL && names->count == numbers->count;
    enum status status = usable ? STATUS_OK : STATUS_CORRUPT;
    for (size_t i = 0; status == STATUS_OK && i < names->count; i++) {
        if (names->items[i].kind != YAML_SCALAR || numbers->items[i].kind != YAML_SCALAR)
            status = STATUS_CORRUPT;
        else
            status = take_column(self, names->items[i].text, numbers->items[i].text);
    }
    return status == STATUS_CORRUPT
               ? error_set(error, status, "%s is damaged: its columns cannot be read",
                           self->file)
               : status;
}

/* Where its batches and answers are, there it goes on. */
static enum status check_spool(const struct job *self, const struct yaml_node *root,
                               struct error_text *error)
{
    enum status status = STATUS_OK;
    char *was = unescape(scalar(root, "spool"));
    if (was == NULL)
        return STATUS_NOMEM;
    if (was[0] != '\0' && self->spool == NULL)
        status = error_set(error, STATUS_INVALID,
                           "%s is of a job whose batches are in a spool: run it with "
                           "--spool %.400s",
                           self->folder, was);
    if (was[0] == '\0' && self->spool != NULL)
        status = error_set(error, STATUS_INVALID,
                           "%s is of a job that began without --spool: run it without, "
                           "or choose another -o",
                           self->folder);
    free(was);
    return status;
}

static enum status take_job(struct job *self, const struct yaml_node *root,
                            bool as_of_given, struct error_text *error)
{
    if (strcmp(scalar(root, "what-if"), "yes") == 0)
        return STATUS_NOT_FOUND;
    if (self->what_if)
        return error_set(error, STATUS_INVALID,
                         "%s is of a job that counts: choose another -o for --what-if",
                         self->folder);
    enum status status = compare(self, root, as_of_given, error);
    if (status == STATUS_OK)
        status = check_spool(self, root, error);
    if (status != STATUS_OK)
        return status;
    if (access(self->journal, F_OK) != 0)
        return error_set(error, STATUS_CORRUPT,
                         "%s is gone, and with it what was answered and counted; "
                         "--new-job scores, and counts, again",
                         self->journal);
    if (day_parse(scalar(root, "as-of"), &self->as_of) != STATUS_OK)
        return error_set(error, STATUS_CORRUPT, "%s is damaged: it has no date",
                         self->file);
    self->is_complete = strcmp(scalar(root, "complete"), "yes") == 0;
    return take_columns(self, root, error);
}

enum status job_load(struct job *self, bool as_of_given, struct error_text *error)
{
    struct yaml *yaml;
    enum status status = yaml_read(self->file, &yaml, error);
    if (status != STATUS_OK)
        return status;
    status = take_job(self, yaml_root(yaml), as_of_given, error);
    yaml_free(yaml);
    return status;
}

bool job_is_saved(const struct job *self)
{
    return access(self->file, F_OK) == 0;
}

enum status job_forget(struct job *self, struct error_text *error)
{
    job_drop_columns(self);
    self->is_complete = false;
    if ((unlink(self->file) != 0 && errno != ENOENT) ||
        (self->spool == NULL && unlink(self->journal) != 0 && errno != ENOENT))
        return error_set(error, STATUS_IO, "%s: %s", self->folder, strerror(errno));
    return file_sync_folder(self->file, error);
}

void job_remove(struct job *self)
{
    char lock[JOB_PATH_SIZE];
    if (name_path(lock, self->folder, "/lock", NULL) != STATUS_OK)
        return;
    unlink(self->file);
    if (self->spool == NULL)
        unlink(self->journal);
    unlink(lock);
    rmdir(self->folder);
}
