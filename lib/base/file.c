/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - whole files. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status fail(struct error_text *error, const char *path)
{
    enum status status = errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
    return error_set(error, status, "%s: %s", path, strerror(errno));
}

/* Grows as it reads: a pipe has no size. */
static enum status read_all(FILE *file, size_t size_max, uint8_t **bytes, size_t *size)
{
    size_t room = 65536;
    uint8_t *buffer = malloc(room);
    *size = 0;
    while (buffer != NULL) {
        *size += fread(buffer + *size, 1, room - *size - 1, file);
        if (*size > size_max || ferror(file)) {
            free(buffer);
            return ferror(file) ? STATUS_IO : STATUS_FULL;
        }
        if (feof(file)) {
            buffer[*size] = 0;
            *bytes = buffer;
            return STATUS_OK;
        }
        uint8_t *larger = realloc(buffer, room *= 2);
        if (larger == NULL)
            free(buffer);
        buffer = larger;
    }
    return STATUS_NOMEM;
}

enum status file_read(const char *path, size_t size_max, uint8_t **bytes, size_t *size,
                      struct error_text *error)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return fail(error, path);
    errno = 0;
    enum status status = read_all(file, size_max, bytes, size);
    if (status == STATUS_FULL)
        error_set(error, status, "%s: larger than %zu bytes", path, size_max);
    else if (status != STATUS_OK)
        error_set(error, status, "%s: %s", path, strerror(errno));
    fclose(file);
    return status;
}

/* A new name is durable only once its folder is. */
static int sync_folder(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - path);
    if (size >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(folder, path, size);
    folder[size] = '\0';
    int fd = open(slash == NULL ? "."
                  : size == 0   ? "/"
                                : folder,
                  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int synced = fsync(fd);
    close(fd);
    return synced;
}

enum status file_publish(const char *part, const char *path, struct error_text *error)
{
    if (rename(part, path) != 0 || sync_folder(path) != 0)
        return fail(error, path);
    return STATUS_OK;
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno != EINTR)
            return -1;
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return fsync(fd);
}

/* Of a write: a disk, a quota or a limit that is full is not a disk that fails. */
static enum status fail_write(struct error_text *error, const char *path)
{
    bool is_full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    enum status status = fail(error, path);
    return is_full ? STATUS_FULL : status;
}

enum status file_replace(const char *path, const void *bytes, size_t size,
                         struct error_text *error)
{
    char part[4096];
    if ((size_t)snprintf(part, sizeof part, "%s.part", path) >= sizeof part)
        return error_set(error, STATUS_INVALID, "%.80s...: the path is too long", path);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(error, part);
    int written = write_all(fd, bytes, size);
    enum status status = written == 0 ? STATUS_OK : fail_write(error, part);
    close(fd);
    if (status == STATUS_OK)
        status = file_publish(part, path, error);
    if (status != STATUS_OK)
        unlink(part); /* half a file must not fill a disk */
    return status;
}

enum status file_sync_folder(const char *path, struct error_text *error)
{
    return sync_folder(path) == 0 ? STATUS_OK : fail(error, path);
}

enum status file_make_folder(const char *path, struct error_text *error)
{
    char partial[4096];
    struct stat info;
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof partial)
        return error_set(error, STATUS_INVALID, "'%.80s' cannot be a folder's path",
                         path);
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(partial, path, i);
        partial[i] = '\0';
        if (mkdir(partial, 0700) != 0 && errno != EEXIST)
            return fail(error, partial);
    }
    if (stat(path, &info) != 0)
        return fail(error, path);
    if (!S_ISDIR(info.st_mode))
        return error_set(error, STATUS_INVALID, "%s is there and is not a folder", path);
    return STATUS_OK;
}

static enum status taken(int fd, const char *path, struct error_text *error)
{
    char holder[32] = "";
    ssize_t size = pread(fd, holder, sizeof holder - 1, 0);
    holder[size > 0 ? size : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    return error_set(error, STATUS_TAKEN, "%s is held by process %s", path,
                     holder[0] == '\0' ? "(unknown)" : holder);
}

enum status file_lock(const char *path, int *fd, struct error_text *error)
{
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0)
        return fail(error, path);
    if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        enum status status =
            errno == EWOULDBLOCK ? taken(*fd, path, error) : fail(error, path);
        close(*fd);
        *fd = -1;
        return status;
    }
    if (ftruncate(*fd, 0) != 0 || dprintf(*fd, "%ld\n", (long)getpid()) < 0) {
        enum status status = fail(error, path);
        close(*fd);
        *fd = -1;
        return status;
    }
    return STATUS_OK;
}
