/* SPDX-License-Identifier: Apache-2.0 */
/* status.h - every way an operation can end, in one list. */

#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#define STATUS_LIST(X)                                                                   \
    X(STATUS_OK, "ok")                                                                   \
    X(STATUS_END, "there is no more")                                                    \
    X(STATUS_NOMEM, "out of memory")                                                     \
    X(STATUS_FULL, "a configured limit was reached")                                     \
    X(STATUS_STALE, "the lease is no longer held")                                       \
    X(STATUS_MALFORMED, "the bytes do not parse")                                        \
    X(STATUS_INVALID, "the value is not allowed here")                                   \
    X(STATUS_NOT_FOUND, "there is no such thing")                                        \
    X(STATUS_TAKEN, "it is in use by another")                                           \
    X(STATUS_CORRUPT, "the bytes are not the ones that were stored")                     \
    X(STATUS_UNAVAILABLE, "not possible now: try again")                                 \
    X(STATUS_IO, "a file or socket operation failed")

enum status {
#define STATUS_ENUM(name, text) name,
    STATUS_LIST(STATUS_ENUM)
#undef STATUS_ENUM
};

const char *status_text(enum status status);

/* The sysexits.h code with which a program ends on this status. */
int status_exit_code(enum status status);

/* Used on functions whose result must not be dropped. */
#define MUST_CHECK __attribute__((warn_unused_result))

#endif
