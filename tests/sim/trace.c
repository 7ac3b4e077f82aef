/* SPDX-License-Identifier: Apache-2.0 */
/* trace.c - a ring of lines. */
#include "tests/sim/trace.h"

#include <inttypes.h>
#include <stdlib.h>

enum { LINES = 8192 }; /* a power of two */

struct trace {
    uint64_t count, hash;
    FILE *follower;
    struct trace_line lines[LINES];
};

struct trace *trace_new(void)
{
    struct trace *self = malloc(sizeof *self); /* most of it is never touched */
    if (self == NULL)
        abort();
    self->count = 0;
    self->hash = 0;
    self->follower = NULL;
    return self;
}

void trace_free(struct trace *self)
{
    free(self);
}

static void print_name(FILE *out, const struct trace_name *name)
{
    char text[32] = "";
    if (name->kind != NULL)
        snprintf(text, sizeof text, "%s %" PRIu32, name->kind, name->number);
    fprintf(out, "%-12s", text);
}

static void print_line(FILE *out, const struct trace_line *line)
{
    fprintf(out, "%11.6f  ", (double)line->at_us / 1e6);
    print_name(out, &line->who);
    fprintf(out, "%-22s ", line->what);
    print_name(out, &line->whom);
    if (line->message != NULL)
        fprintf(out, " %s", line->message);
    if (line->sequence != 0)
        fprintf(out, " batch %" PRIu32 "/%" PRIu64, line->client, line->sequence);
    if (line->value_name != NULL)
        fprintf(out, " %s=%" PRIu64, line->value_name, line->value);
    fputc('\n', out);
}

static void mix(uint64_t *hash, uint64_t value)
{
    *hash = (*hash ^ value) * 0x9e3779b97f4a7c15u;
    *hash ^= *hash >> 29;
}

void trace_add(struct trace *self, const struct trace_line *line)
{
    self->lines[self->count++ % LINES] = *line;
    mix(&self->hash, line->at_us);
    mix(&self->hash, (uint64_t)line->who.number << 32 | line->whom.number);
    mix(&self->hash, line->sequence ^ line->value << 20);
    if (self->follower != NULL)
        print_line(self->follower, line);
}

uint64_t trace_hash(const struct trace *self)
{
    return self->hash;
}

void trace_print(const struct trace *self, FILE *out, uint32_t count)
{
    uint64_t kept = self->count < LINES ? self->count : LINES;
    uint64_t first = self->count - (count < kept ? count : kept);
    fputs("    seconds  who         what                   whom\n", out);
    for (uint64_t i = first; i < self->count; i++)
        print_line(out, &self->lines[i % LINES]);
}

void trace_follow(struct trace *self, FILE *out)
{
    self->follower = out;
}
