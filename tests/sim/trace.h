/* SPDX-License-Identifier: Apache-2.0 */
/* trace.h - what happened last in a run, for whoever has to find out why it failed. */

#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct header;

/* A part of the world in a line: "broker 1". */
struct trace_name {
    const char *kind; /* static; NULL: nobody */
    uint32_t number;
};

struct trace_line {
    uint64_t at_us;
    struct trace_name who, whom;
    const char *what;    /* static */
    const char *message; /* its type, static; NULL: it is about none */
    uint32_t client;
    uint64_t sequence; /* of the batch that it is about; 0: about none */
    uint64_t value;
    const char *value_name; /* static; NULL: there is no value */
};

struct trace;

struct trace *trace_new(void);
void trace_free(struct trace *self);

void trace_add(struct trace *self, const struct trace_line *line);

/* Of all that was ever added: two runs of a seed have the same. */
uint64_t trace_hash(const struct trace *self);

/* The last `count` lines, the oldest first. */
void trace_print(const struct trace *self, FILE *out, uint32_t count);
/* From now on every line is printed when it is added. */
void trace_follow(struct trace *self, FILE *out);

#endif
