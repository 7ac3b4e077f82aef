/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c - one line redrawn on a terminal, a line every five seconds elsewhere. */
#include "base/progress.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REDRAW_MS = 200, LINE_MS = 5000, BAR_WIDTH = 30 };

struct progress {
    const char *what, *unit;
    bool terminal;
    uint64_t start_ms, shown_ms;
};

struct progress *progress_new(const char *what, const char *unit)
{
    struct progress *self = malloc(sizeof *self);
    if (self == NULL)
        return NULL;
    uint64_t now_ms = clock_monotonic_ms();
    *self = (struct progress){what, unit, isatty(STDERR_FILENO) == 1, now_ms, now_ms};
    return self;
}

void progress_free(struct progress *self)
{
    free(self);
}

static double seconds_since(uint64_t start_ms, uint64_t now_ms)
{
    return (double)(now_ms - start_ms) / 1000;
}

static void draw_bar(double fraction)
{
    char bar[BAR_WIDTH + 1];
    size_t full = (size_t)(fraction * BAR_WIDTH);
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', full > BAR_WIDTH ? BAR_WIDTH : full);
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, " [%s] %3.0f %%", bar, fraction * 100);
}

static void draw(const struct progress *self, uint64_t done, double fraction,
                 double seconds)
{
    fprintf(stderr, "%s%s", self->terminal ? "\r\033[K" : "", self->what);
    if (fraction >= 0 && self->terminal)
        draw_bar(fraction);
    else if (fraction >= 0)
        fprintf(stderr, " %.0f %%", fraction * 100);
    fprintf(stderr, " %" PRIu64 " %s", done, self->unit);
    if (seconds > 0)
        fprintf(stderr, ", %.0f/s", (double)done / seconds);
    if (fraction > 0 && fraction < 1)
        fprintf(stderr, ", %.0f s left", seconds * (1 - fraction) / fraction);
    fputs(self->terminal ? "" : "\n", stderr);
    fflush(stderr);
}

void progress_update(struct progress *self, uint64_t done, double fraction)
{
    if (self == NULL)
        return;
    uint64_t now_ms = clock_monotonic_ms();
    if (now_ms - self->shown_ms < (self->terminal ? REDRAW_MS : LINE_MS))
        return;
    self->shown_ms = now_ms;
    draw(self, done, fraction, seconds_since(self->start_ms, now_ms));
}

void progress_end(struct progress *self, uint64_t done)
{
    if (self == NULL)
        return;
    double seconds = seconds_since(self->start_ms, clock_monotonic_ms());
    fprintf(stderr, "%s%s %" PRIu64 " %s in %.1f s", self->terminal ? "\r\033[K" : "",
            self->what, done, self->unit, seconds);
    if (seconds > 0)
        fprintf(stderr, ", %.0f/s", (double)done / seconds);
    fputc('\n', stderr);
}
