/* SPDX-License-Identifier: Apache-2.0 */
/* top_view.h - a broker's reports as a screen of text, and as JSON.
 *
 * Rates come from two reports. A broker that was started anew counts from zero: then, and
 * with one report only, there are no rates. Pure but for the stream written to. */

#ifndef CLIENT_TOP_VIEW_H
#define CLIENT_TOP_VIEW_H

#include "control.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct top_view {
    const Chw__StatusReport *now;    /* NULL: nothing was heard yet */
    const Chw__StatusReport *before; /* NULL: there is none */
    uint64_t elapsed_ms;             /* between the two */
    const char *trouble;             /* told in the first line; NULL: none */
    bool by_rate;                    /* sort regions by rate, not by depth */
};

/* Of a count that was `before`, or began again at zero where it is less now. */
double top_rate(uint64_t now, uint64_t before, uint64_t elapsed_ms);

/* At most `height` lines of at most `width` characters; 0: any. Bytes that would steer a
 * terminal are replaced. Writes nothing when out of memory. */
void top_draw(const struct top_view *view, size_t width, size_t height, FILE *file);

/* One object on one line. `now` is needed. Rates that are not known are null. */
void top_write_json(const struct top_view *view, FILE *file);

#endif
