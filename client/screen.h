/* SPDX-License-Identifier: Apache-2.0 */
/* screen.h - a terminal that is drawn over and over, and is given back as it was.
 *
 * From open to close SIGINT, SIGTERM and SIGHUP only ask to end, and a change of the
 * window's size is noticed. One at a time. */

#ifndef CLIENT_SCREEN_H
#define CLIENT_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

/* Standard output is a terminal. */
bool screen_is_there(void);

void screen_open(void);
void screen_close(void);

void screen_size(size_t *width, size_t *height);

/* The text, lines from the upper left corner, in place of what was there. */
void screen_show(const char *text);

/* Where keys come from; -1: nowhere. */
int screen_keys(void);

/* A key that was pressed; 0: none. */
char screen_key(void);

bool screen_was_resized(void); /* since it was asked last */
bool screen_is_to_end(void);

#endif
