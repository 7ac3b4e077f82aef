/* SPDX-License-Identifier: Apache-2.0 */
/* explain_leaves.h - an ensemble as the leaves that its explanations need. Private to
 * lib/model.
 *
 * A leaf's path asks something of d different inputs, its players. A player has one
 * condition, that all its questions on the path are answered the leaf's way, and a part
 * z: how much of the training data stays on the path where nothing is known of the input.
 * With o = 1 where a record meets the condition and else 0, the leaf contributes to
 * player j its value times
 *
 *   (o_j - z_j) * integral over t in [0, 1] of the product over k != j of
 *                 (o_k * t + z_k * (1 - t))
 *
 * which is the Shapley value: the integral of t^s (1-t)^(d-1-s) is its weight of
 * coalitions of s players. A Gauss-Legendre rule of (d + 1) / 2 points is exact for a
 * polynomial of that degree, and all its terms are positive. What depends on few players
 * only is worked out once for all 2^d records that there are, and looked up. */

#ifndef MODEL_EXPLAIN_LEAVES_H
#define MODEL_EXPLAIN_LEAVES_H

#include "model/questions.h"

enum {
    TABLE_PLAYERS_MAX = 6,
    TABLE_FLOATS_MIN = 16, /* of a player: a table of fewer is padded */
    POINTS_MAX = 32,       /* (EXPLAIN_DEPTH_MAX + 1) / 2 */
};

struct player {
    uint16_t feature; /* of the model, that the contribution is to */
    uint16_t literal_count;
    uint32_t first_literal;
    double part; /* z, in (0, 1] */
};

struct explained_leaf {
    uint32_t first_player;
    uint32_t player_count;
    bool tabulated;
    size_t first_float; /* in tables: a table for each player */
    double value;
};

struct explained_leaves {
    struct questions *questions;
    struct explained_leaf *leaves;
    struct player *players;
    uint32_t *literals; /* twice the plane of a question, plus 1 where yes is wanted */
    float *tables;      /* 64-byte aligned */
    size_t leaf_count, player_count, literal_count, float_count;
    uint32_t *tree_ends; /* of each tree: the index of the leaf after its last */
    uint32_t tree_count;
    uint32_t players_max; /* of a leaf */
    double base;          /* of the sum of the leaves, without the base margin */
    const char *reason;   /* a literal: why there are none; NULL */
};

/* Points and weights on [0, 1]. */
struct shapley_rule {
    uint32_t count;
    double points[POINTS_MAX], weights[POINTS_MAX];
};
void shapley_rule_make(struct shapley_rule *self, uint32_t players);

/* Entries of a player's table. */
uint32_t table_floats(uint32_t players);

MUST_CHECK enum status explained_leaves_new(const struct model *model,
                                            const Chw__Trees *trees,
                                            struct explained_leaves **out);
void explained_leaves_free(struct explained_leaves *self);

#endif
