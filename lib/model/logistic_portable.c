/* SPDX-License-Identifier: Apache-2.0 */
/* logistic_portable.c - probabilities of many margins, on any processor. */
#define LOGISTIC_NAME logistic_portable
#include "model/logistic_run.h"
