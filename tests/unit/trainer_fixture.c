/* SPDX-License-Identifier: Apache-2.0 */
/* trainer_fixture.c - through a file, because the reader reads files. */
#include "tests/unit/trainer_fixture.h"

#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *fixture_file(const char *text)
{
    char *path = strdup("/tmp/chw-test-XXXXXX");
    assert_non_null(path);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

enum status fixture_read(const char *csv, const struct dataset_request *more,
                         struct dataset **out, struct error_text *error)
{
    struct dataset_request request = {0};
    if (more != NULL)
        request = *more;
    char *path = fixture_file(csv);
    request.path = path;
    if (request.target == NULL)
        request.target = "y";
    enum status status = dataset_read(&request, NULL, out, error);
    unlink(path);
    free(path);
    return status;
}

struct dataset *fixture_dataset(const char *csv)
{
    struct dataset *data = NULL;
    struct error_text error = {.text = ""};
    if (fixture_read(csv, NULL, &data, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return data;
}
