/* SPDX-License-Identifier: Apache-2.0 */
/* top_view.h - brokers' reports as a screen of text, and as JSON.
 *
 * One broker is shown as it is. Several are a row each, and what they hold together: the
 * sums of those that answer. Pure but for the stream written to. */

#ifndef CLIENT_TOP_VIEW_H
#define CLIENT_TOP_VIEW_H

#include "control.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum top_state {
    TOP_WELL,
    TOP_SILENT,  /* it does not answer */
    TOP_TOO_OLD, /* it does not know the question */
};

struct top_broker {
    const char *address;
    const Chw__StatusReport *now;    /* NULL: nothing was heard yet */
    const Chw__StatusReport *before; /* NULL: there is none */
    uint64_t elapsed_ms;             /* between the two */
    enum top_state state;
    uint64_t silent_ms; /* since it was heard last */
};

struct top_view {
    const struct top_broker *brokers;
    size_t count; /* at least 1 */
    bool by_rate; /* sort regions by rate, not by depth */
};

/* Of a count that was `before`, or began again at zero where it is less now. */
double top_rate(uint64_t now, uint64_t before, uint64_t elapsed_ms);

/* At most `height` lines of at most `width` characters; 0: any. Bytes that would steer a
 * terminal are replaced. Writes nothing when out of memory. */
void top_draw(const struct top_view *view, size_t width, size_t height, FILE *file);

/* One object on one line. A broker was heard. Rates that are not known are null. */
void top_write_json(const struct top_view *view, FILE *file);

#endif
