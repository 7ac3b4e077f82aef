/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - whole files: read with a bound, written so that a crash leaves old or new. */

#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/error_text.h"

#include <stddef.h>
#include <stdint.h>

/* *bytes is the caller's to free, and has a zero after its end. STATUS_FULL: larger than
 * size_max. */
MUST_CHECK enum status file_read(const char *path, size_t size_max, uint8_t **bytes, size_t *size,
                                 struct error_text *error);

/* Write path.part, sync it, rename it over `path`, sync the folder. STATUS_FULL: there is no
 * room for it; `path` is as it was. */
MUST_CHECK enum status file_replace(const char *path, const void *bytes, size_t size,
                                    struct error_text *error);

/* Rename `part` over `path` and sync the folder that holds it. */
MUST_CHECK enum status file_publish(const char *part, const char *path, struct error_text *error);

/* Sync the folder that holds `path`, so that its name is durable. */
MUST_CHECK enum status file_sync_folder(const char *path, struct error_text *error);

/* Make a folder and its parents, mode 0700; an existing one is fine. */
MUST_CHECK enum status file_make_folder(const char *path, struct error_text *error);

/* Take an exclusive lock on `path`, made where there is none, with our process id in it;
 * it ends with the process or by closing *fd. STATUS_TAKEN: `error` names the holder's id. */
MUST_CHECK enum status file_lock(const char *path, int *fd, struct error_text *error);

#endif
