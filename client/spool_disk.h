/* SPDX-License-Identifier: Apache-2.0 */
/* spool_disk.h - the folder of a spool on a real disk: the edge of spool.h. */

#ifndef CLIENT_SPOOL_DISK_H
#define CLIENT_SPOOL_DISK_H

#include "client/spool.h"

/* `folder` must live as long as *out. It need not be there for looking at it: then
 * listing it says STATUS_NOT_FOUND. */
void spool_disk_init(struct spool_disk *out, const char *folder);

#endif
