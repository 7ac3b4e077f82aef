/* SPDX-License-Identifier: Apache-2.0 */
/* model_show.h - one model, in words. */

#ifndef CLIENT_MODEL_SHOW_H
#define CLIENT_MODEL_SHOW_H

#include "model/model.h"

/* Outcome, estimator, features with their policies, lineage, metrics: on stdout. */
void model_show(const struct model *model);

/* What it reads, in one line: "age,sex:category". */
void model_show_columns(const struct model *model);

#endif
