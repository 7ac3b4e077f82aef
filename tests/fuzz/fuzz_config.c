/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a program's configuration: lines of command line, environment and file,
 * each with the first byte saying which. It is read or refused with a sentence; what was
 * read is within its bounds, and what --print-config says of it, read as a file, is the
 * same. */
#include "base/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 24, LINES_MAX = 4096 };

struct options {
    char *config, *front, *output;
    uint64_t lease_ms;
    double rate;
    bool insecure;
    struct config_list drop;
};

#define FIELD(name) offsetof(struct options, name)
static const struct config_key keys[] = {
    {"config", CONFIG_TEXT, FIELD(config), NULL, 0, 0, "FILE", "more options"},
    {"front", CONFIG_TEXT, FIELD(front), "ipc://front", 0, 0, "ENDPOINT", "clients' end"},
    {"output", CONFIG_TEXT, FIELD(output), NULL, 0, 0, "FILE", "results"},
    {"lease-ms", CONFIG_COUNT, FIELD(lease_ms), "10000", 100, 20000, "MS", "the lease"},
    {"rate", CONFIG_REAL, FIELD(rate), "0.5", 0, 0, "P", "a share"},
    {"insecure", CONFIG_FLAG, FIELD(insecure), NULL, 0, 0, NULL, "allow it"},
    {"drop", CONFIG_LIST, FIELD(drop), "id", 0, 0, "COLUMN", "leave it out"},
};
#undef FIELD
static const struct config_spec spec = {
    .program = "chw fuzz",
    .summary = "Reads options.",
    .operands = "FILE",
    .operands_max = 2,
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
};

struct input {
    char *words[WORDS_MAX + 1], *variables[WORDS_MAX + 1];
    int word_count, variable_count;
    char file[LINES_MAX];
    size_t file_size;
};

extern char **environ;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* One for all inputs of this process. */
static const char *file_path(void)
{
    static char path[64];
    if (path[0] == '\0')
        snprintf(path, sizeof path, "/tmp/chw-fuzz-config-%ld.yaml", (long)getpid());
    return path;
}

static void write_file(const char *text, size_t size)
{
    FILE *file = fopen(file_path(), "wb");
    require(file != NULL && fwrite(text, 1, size, file) == size);
    require(fclose(file) == 0);
}

/* "-word", "$NAME=value", or else a line of the file. */
static void take_line(struct input *self, char *line)
{
    size_t size = strlen(line);
    if (line[0] == '-' && self->word_count < WORDS_MAX) {
        self->words[self->word_count++] = line[1] == '\0' ? line : line + 1;
    } else if (line[0] == '$' && self->variable_count < WORDS_MAX) {
        self->variables[self->variable_count++] = line + 1;
    } else if (self->file_size + size + 1 < sizeof self->file) {
        memcpy(self->file + self->file_size, line, size);
        self->file_size += size;
        self->file[self->file_size++] = '\n';
    }
}

static void part(struct input *self, char *text)
{
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
        take_line(self, line);
}

static enum status read_all(char **words, int count, char *const *variables,
                            struct options *options)
{
    struct error_text error = {""};
    struct config_list operands = {0};
    enum status status =
        config_read(&spec, count, words, variables, options, &operands, &error);
    require(status == STATUS_OK || status == STATUS_END || error.text[0] != '\0');
    return status;
}

static void check_bounds(const struct options *options)
{
    require(options->front != NULL);
    require(options->lease_ms >= 100 && options->lease_ms <= 20000);
    for (size_t i = 0; i < options->drop.count; i++)
        require(options->drop.items[i] != NULL);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check_same(const struct options *a, const struct options *b)
{
    require(same_text(a->front, b->front) && same_text(a->output, b->output));
    require(a->lease_ms == b->lease_ms && a->insecure == b->insecure);
    require(memcmp(&a->rate, &b->rate, sizeof a->rate) == 0);
    require(a->drop.count == b->drop.count);
    for (size_t i = 0; i < a->drop.count; i++)
        require(strcmp(a->drop.items[i], b->drop.items[i]) == 0);
}

/* A file cannot say what is no UTF-8, and a password is not printed. */
static bool can_print(const char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        if ((unsigned char)*text >= 0x7f || *text == '@')
            return false;
    return true;
}

static bool can_print_all(const struct options *options)
{
    bool can = can_print(options->config) && can_print(options->front) &&
               can_print(options->output);
    for (size_t i = 0; can && i < options->drop.count; i++)
        can = can_print(options->drop.items[i]);
    return can;
}

/* What --print-config says; the caller's to free. */
static char *print(struct input *self, size_t *size)
{
    char *text = NULL, **variables = environ;
    FILE *console = stdout;
    struct options options = {0};
    struct config_list operands = {0};
    int code;
    environ = self->variables;
    stdout = open_memstream(&text, size);
    require(stdout != NULL);
    self->words[1] = (char[]){"--print-config"};
    require(
        !config_load(&spec, self->word_count, self->words, &options, &operands, &code));
    fclose(stdout);
    stdout = console;
    environ = variables;
    require(code == 0);
    return text;
}

static void check_print(struct input *self, const struct options *before)
{
    struct options after = {0};
    size_t size;
    char *no_variables[] = {NULL}, *words[] = {self->words[0], self->words[2], NULL};
    char *text = print(self, &size);
    if (can_print_all(before)) {
        write_file(text, size);
        require(read_all(words, 2, no_variables, &after) == STATUS_OK);
        check_same(before, &after);
        config_free(&spec, &after, NULL);
    }
    free(text);
}

/* The first two words are left for print(). */
static void use(struct input *self)
{
    struct options options = {0};
    write_file(self->file, self->file_size);
    if (read_all(self->words, self->word_count, self->variables, &options) == STATUS_OK) {
        check_bounds(&options);
        check_print(self, &options);
    }
    config_free(&spec, &options, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {.word_count = 0};
    char path[80], program[] = "chw", check[] = "--check-config";
    char *text = malloc(size + 1);
    require(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    snprintf(path, sizeof path, "--config=%s", file_path());
    input.words[input.word_count++] = program;
    input.words[input.word_count++] = check;
    input.words[input.word_count++] = path;
    part(&input, text);
    use(&input);
    unlink(file_path());
    free(text);
    return 0;
}
