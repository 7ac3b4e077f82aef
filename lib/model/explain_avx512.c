/* SPDX-License-Identifier: Apache-2.0 */
/* explain_avx512.c - explanations on processors with AVX-512: a table of contributions
 * stays in registers. For other targets nothing. */
#if defined(__AVX512VBMI__) && defined(__AVX512BW__) && defined(__GFNI__)

#define EXPLAIN_STEP_NAME explain_step_avx512
#include "model/plane_avx512.h"

#include "model/explain_run.h"

enum { LANES = 16 };

/* Bit i of a record's byte is that of plane i. */
static void index_bytes(const plane *index, uint8_t *bytes)
{
    __m512i parts[INDEX_PARTS];
    index_parts(index, parts);
    for (unsigned part = 0; part < INDEX_PARTS; part++) {
        uint8_t *to = bytes + LANES * part;
        _mm_store_si128((__m128i *)to, _mm512_castsi512_si128(parts[part]));
        _mm_store_si128((__m128i *)(to + 128), _mm512_extracti32x4_epi32(parts[part], 1));
        _mm_store_si128((__m128i *)(to + 256), _mm512_extracti32x4_epi32(parts[part], 2));
        _mm_store_si128((__m128i *)(to + 384), _mm512_extracti32x4_epi32(parts[part], 3));
    }
}

/* Sixteen records of one player: from a table of 16, 32 or 64 floats. */
static inline __attribute__((always_inline)) __m512
look_up(const float *table, unsigned registers, __m512i met, __mmask16 upper)
{
    __m512 low = _mm512_load_ps(table);
    if (registers == 1)
        return _mm512_permutexvar_ps(met, low);
    low = _mm512_permutex2var_ps(low, met, _mm512_load_ps(table + LANES));
    if (registers == 2)
        return low;
    __m512 high = _mm512_permutex2var_ps(_mm512_load_ps(table + 2 * LANES), met,
                                         _mm512_load_ps(table + 3 * LANES));
    return _mm512_mask_blend_ps(upper, low, high);
}

/* With constant counts the tables of all players stay in registers. */
static inline __attribute__((always_inline)) void
add_players(unsigned players, unsigned registers, const struct player *player,
            const uint8_t *met, const float *tables, float *sums)
{
    const __m512i bit5 = _mm512_set1_epi32(32);
    float *sum[TABLE_PLAYERS_MAX];
    for (unsigned k = 0; k < players; k++)
        sum[k] = sums + (size_t)player[k].feature * KERNEL_BLOCK;
    for (unsigned at = 0; at < PLANE_RECORDS; at += LANES) {
        __m512i index = _mm512_cvtepu8_epi32(_mm_load_si128((const __m128i *)(met + at)));
        __mmask16 upper = _mm512_test_epi32_mask(index, bit5);
        for (unsigned k = 0; k < players; k++) {
            __m512 found =
                look_up(tables + k * registers * LANES, registers, index, upper);
            _mm512_store_ps(sum[k] + at,
                            _mm512_add_ps(_mm512_load_ps(sum[k] + at), found));
        }
    }
}

static void add_tables(const struct explained_leaf *leaf, const struct player *players,
                       const plane *conditions, const float *tables, float *sums)
{
    _Alignas(64) uint8_t met[PLANE_RECORDS];
    index_bytes(conditions, met);
    switch (leaf->player_count) {
    case 1:
        add_players(1, 1, players, met, tables, sums);
        break;
    case 2:
        add_players(2, 1, players, met, tables, sums);
        break;
    case 3:
        add_players(3, 1, players, met, tables, sums);
        break;
    case 4:
        add_players(4, 1, players, met, tables, sums);
        break;
    case 5:
        add_players(5, 2, players, met, tables, sums);
        break;
    case 6:
        add_players(6, 4, players, met, tables, sums);
        break;
    default: /* a leaf without players contributes to nobody */
        break;
    }
}

#else
typedef int explain_avx512_is_empty;
#endif
