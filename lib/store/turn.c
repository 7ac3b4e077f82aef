/* SPDX-License-Identifier: Apache-2.0 */
/* turn.c - byte 0 of the file is the queue, byte 1 the turn. */
#define _GNU_SOURCE /* F_OFD_SETLKW */
#include "store/turn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { QUEUE_BYTE, TURN_BYTE };

static int set_lock(int fd, short type, off_t byte)
{
    struct flock lock = {
        .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    int result;
    do
        result = fcntl(fd, F_OFD_SETLKW, &lock);
    while (result != 0 && errno == EINTR);
    return result;
}

enum status turn_open(const char *path, int *fd, struct error_text *error)
{
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0)
        return error_set(error, STATUS_UNAVAILABLE, "%s: %s", path, strerror(errno));
    return STATUS_OK;
}

enum status turn_take(int fd, struct error_text *error)
{
    if (set_lock(fd, F_WRLCK, QUEUE_BYTE) != 0)
        return error_set(error, STATUS_UNAVAILABLE, "no turn at the store: %s",
                         strerror(errno));
    int taken = set_lock(fd, F_WRLCK, TURN_BYTE);
    int code = errno;
    set_lock(fd, F_UNLCK, QUEUE_BYTE);
    if (taken != 0)
        return error_set(error, STATUS_UNAVAILABLE, "no turn at the store: %s",
                         strerror(code));
    return STATUS_OK;
}

void turn_give(int fd)
{
    int given = set_lock(fd, F_UNLCK, TURN_BYTE);
    assert(given == 0);
}
