/* SPDX-License-Identifier: Apache-2.0 */
/* chw_status.h - what the library says, as the programs end with it. */

#ifndef CLIENT_CHW_STATUS_H
#define CLIENT_CHW_STATUS_H

#include "base/status.h"
#include "client/chw.h"

enum status chw_status_of(enum chw_status status);

#endif
