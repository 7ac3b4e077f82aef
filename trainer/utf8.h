/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.h - whether a text is UTF-8, which names on the wire and in reports must be. Pure.
 */

#ifndef TRAINER_UTF8_H
#define TRAINER_UTF8_H

#include <stdbool.h>

/* As RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool utf8_is_valid(const char *text);

#endif
