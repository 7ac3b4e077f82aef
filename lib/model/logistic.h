/* SPDX-License-Identifier: Apache-2.0 */
/* logistic.h - 1 / (1 + exp(-margin)) in double, rounded to float: the same bits for one
 * margin as for many, on every processor, which the C library's exp() does not promise.
 * Private to lib/model.
 *
 * exp(x) = 2^k exp(r), x = k ln 2 + r with |r| <= ln 2 / 2 (W. J. Cody, W. Waite,
 * Software Manual for the Elementary Functions, 1980, ch. 6); exp(r) by its Taylor
 * polynomial of degree 8: relative error below 3e-10, where float has 6e-8. */

#ifndef MODEL_LOGISTIC_H
#define MODEL_LOGISTIC_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* exp(x) for |x| up to 708. Adding `whole` leaves k in the low bits of the sum. */
static inline double logistic_exp(double x)
{
    const double whole = 0x1.8p52, per_ln2 = 0x1.71547652b82fep0;
    const double ln2 = 0x1.62e42fefa39efp-1; /* times k is within 1e-13 */
    double sum = x * per_ln2 + whole;
    double k = sum - whole;
    double r = x - k * ln2;
    double p = 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    uint64_t bits, exponent;
    memcpy(&bits, &p, sizeof bits);
    memcpy(&exponent, &sum, sizeof exponent);
    bits += exponent << 52;
    memcpy(&p, &bits, sizeof p);
    return p;
}

/* NaN of NaN. */
static inline float logistic_of(double margin)
{
    const double most = 708; /* beyond it is 0 or 1 as a float */
    double x = -margin;
    x = most < x ? most : x;
    x = -most > x ? -most : x;
    float p = (float)(1.0 / (1.0 + logistic_exp(x)));
    return margin == margin ? p : NAN;
}

/* Of many. */
void logistic_all(const double *margins, uint32_t count, float *out);

/* The ways to do that, the fastest first: the last is for any processor. */
struct logistic_way {
    bool (*supported)(void);
    void (*all)(const double *margins, uint32_t count, float *out);
};
extern const struct logistic_way logistic_ways[];
extern const size_t logistic_way_count;

void logistic_portable(const double *margins, uint32_t count, float *out);
void logistic_avx2(const double *margins, uint32_t count, float *out);
void logistic_avx512(const double *margins, uint32_t count, float *out);

#endif
