/* SPDX-License-Identifier: Apache-2.0 */
/* chw_status.c - what the library says, as the programs end with it. */
#include "client/chw_status.h"

enum status chw_status_of(enum chw_status status)
{
    static const enum status statuses[] = {
        [CHW_OK] = STATUS_OK,
        [CHW_TIMEOUT] = STATUS_UNAVAILABLE,
        [CHW_IDLE] = STATUS_END,
        [CHW_FULL] = STATUS_FULL,
        [CHW_INVALID] = STATUS_INVALID,
        [CHW_NOT_FOUND] = STATUS_NOT_FOUND,
        [CHW_TAKEN] = STATUS_TAKEN,
        [CHW_CORRUPT] = STATUS_CORRUPT,
        [CHW_UNAVAILABLE] = STATUS_UNAVAILABLE,
        [CHW_IO] = STATUS_IO,
        [CHW_NOMEM] = STATUS_NOMEM,
    };
    return statuses[status];
}
