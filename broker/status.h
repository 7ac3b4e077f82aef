/* SPDX-License-Identifier: Apache-2.0 */
/* status.h - what the broker holds, for whoever asks STATUS (`chw top`): bounded, the
 * deepest queues first. Pure. */

#ifndef BROKER_STATUS_H
#define BROKER_STATUS_H

#include "broker/dispatch.h"

#include "control.pb-c.h"

enum { STATUS_REGIONS_MAX = 500, STATUS_WORKERS_MAX = 500 };

/* NULL: out of memory. Its texts are the dispatcher's: use it before the next event. */
Chw__StatusReport *status_report_new(struct dispatch *dispatch);
void status_report_free(Chw__StatusReport *self);

#endif
