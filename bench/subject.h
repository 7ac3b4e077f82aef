/* SPDX-License-Identifier: Apache-2.0 */
/* subject.h - what is measured: one process that passes messages from clients to workers
 * and answers back, over TCP loopback. */

#ifndef BENCH_SUBJECT_H
#define BENCH_SUBJECT_H

#include "base/error_text.h"

#include <sys/types.h>

enum subject_kind {
    SUBJECT_BROKER, /* chw-broker, the program as it ships, with its own defaults */
    SUBJECT_PROXY,  /* zmq_proxy() of a ROUTER and a DEALER, without high-water marks */
};

enum { SUBJECT_ENDPOINT_SIZE = 40 };

struct subject {
    pid_t pid; /* 0: not running */
    char front[SUBJECT_ENDPOINT_SIZE], back[SUBJECT_ENDPOINT_SIZE];
};

/* At ports that were free a moment ago. The process ends with ours. */
MUST_CHECK enum status subject_start(enum subject_kind kind, struct subject *out,
                                     struct error_text *error);
void subject_stop(struct subject *self);

#endif
