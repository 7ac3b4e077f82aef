/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/folder_fixture.h"

#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int folder_fixture_open(void **state)
{
    struct folder_fixture *self = calloc(1, sizeof *self);
    if (self == NULL)
        return -1;
    *state = self;
    strcpy(self->path, "/tmp/chw-folder-XXXXXX");
    return mkdtemp(self->path) == NULL;
}

int folder_fixture_close(void **state)
{
    struct folder_fixture *self = *state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", self->path);
    int failed = system(command);
    free(self);
    return failed;
}

const char *folder_path(struct folder_fixture *self, const char *name)
{
    snprintf(self->file, sizeof self->file, "%s/%s", self->path, name);
    return self->file;
}

const char *folder_write(struct folder_fixture *self, const char *name, const void *bytes,
                         size_t size)
{
    FILE *file = fopen(folder_path(self, name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return self->file;
}

const char *folder_write_text(struct folder_fixture *self, const char *name,
                              const char *text)
{
    return folder_write(self, name, text, strlen(text));
}

void assert_says(const struct error_text *error, const char *part)
{
    if (strstr(error->text, part) == NULL)
        fail_msg("expected '%s' in: %s", part, error->text);
}

unsigned folder_seed(unsigned fallback)
{
    const char *given = getenv("TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : fallback;
    print_message("TEST_SEED=%u\n", seed);
    return seed;
}
