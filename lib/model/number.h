/* SPDX-License-Identifier: Apache-2.0 */
/* number.h - the number that a text spells, for names of categories. Inside lib/model
 * only. */

#ifndef MODEL_NUMBER_H
#define MODEL_NUMBER_H

/* NaN where the text is not a decimal number from its first byte to its last: an optional
 * sign, digits with at most one point among them, an optional exponent. No blanks, no
 * hexadecimal, no words for infinity. */
double number_of_text(const char *text);

#endif
