/* SPDX-License-Identifier: Apache-2.0 */
/* spool_disk.c - the folder of a spool on a real disk. */
#include "client/spool_disk.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

static enum status fail(const char *path, struct error_text *error)
{
    enum status status = errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
    return error_set(error, status, "%s: %s", path, strerror(errno));
}

static enum status join(const char *folder, const char *name, char path[PATH_SIZE],
                        struct error_text *error)
{
    int size = snprintf(path, PATH_SIZE, "%s/%s", folder, name);
    if (size >= 0 && size < PATH_SIZE)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "%.80s...: the path is too long", folder);
}

static enum status put(void *arg, const char *name, const void *bytes, size_t size,
                       struct error_text *error)
{
    char path[PATH_SIZE];
    enum status status = join(arg, name, path, error);
    return status == STATUS_OK ? file_replace(path, bytes, size, error) : status;
}

static enum status read_start(int fd, uint8_t *bytes, size_t size_max, size_t *size)
{
    *size = 0;
    while (*size < size_max) {
        ssize_t got = read(fd, bytes + *size, size_max - *size);
        if (got == 0)
            return STATUS_OK;
        if (got < 0 && errno != EINTR)
            return STATUS_IO;
        if (got > 0)
            *size += (size_t)got;
    }
    return STATUS_OK;
}

static enum status get(void *arg, const char *name, void *bytes, size_t size_max,
                       size_t *size, struct error_text *error)
{
    char path[PATH_SIZE];
    enum status status = join(arg, name, path, error);
    if (status != STATUS_OK)
        return status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(path, error);
    if (read_start(fd, bytes, size_max, size) != STATUS_OK)
        status = fail(path, error);
    close(fd);
    return status;
}

static enum status drop(void *arg, const char *name, struct error_text *error)
{
    char path[PATH_SIZE];
    enum status status = join(arg, name, path, error);
    if (status == STATUS_OK && unlink(path) != 0)
        return fail(path, error);
    return status;
}

static enum status list(void *arg,
                        void (*each)(void *context, const char *name, uint64_t size),
                        void *context, struct error_text *error)
{
    const char *folder = arg;
    struct dirent *entry;
    struct stat info;
    enum status status = STATUS_OK;
    DIR *stream = opendir(folder);
    if (stream == NULL)
        return fail(folder, error);
    /* A file that went meanwhile is no longer there to be listed. */
    for (errno = 0; (entry = readdir(stream)) != NULL; errno = 0)
        if (fstatat(dirfd(stream), entry->d_name, &info, 0) == 0)
            each(context, entry->d_name, (uint64_t)info.st_size);
    if (errno != 0)
        status = fail(folder, error);
    closedir(stream);
    return status;
}

static enum status sync_names(void *arg, struct error_text *error)
{
    char path[PATH_SIZE];
    enum status status = join(arg, "", path, error);
    return status == STATUS_OK ? file_sync_folder(path, error) : status;
}

void spool_disk_init(struct spool_disk *out, const char *folder)
{
    *out = (struct spool_disk){
        .arg = (void *)(uintptr_t)folder,
        .folder = folder,
        .put = put,
        .get = get,
        .remove = drop,
        .list = list,
        .sync = sync_names,
    };
}
