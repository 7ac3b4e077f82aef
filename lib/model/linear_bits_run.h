/* SPDX-License-Identifier: Apache-2.0 */
/* linear_bits_run.h - bits by words; as linear_add_run.h. */

void LINEAR_NAME(linear_bits)(const uint8_t *bits, uint32_t first, uint32_t count,
                              const double *addends, double *margins)
{
    double zero = addends[0], one = addends[1];
    for (uint32_t done = 0; done < count; done += 64) {
        uint32_t left = count - done < 64 ? count - done : 64;
        uint64_t word = kernel_bits(bits, first + done, left);
        for (uint32_t i = 0; i < left; i++)
            margins[done + i] += (word >> i & 1) != 0 ? one : zero;
    }
}
