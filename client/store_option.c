/* SPDX-License-Identifier: Apache-2.0 */
/* store_option.c - find the store, or say how one is made. */
#include "client/store_option.h"

#include "base/file.h"
#include "client/data_folder.h"

#include <string.h>
#include <unistd.h>

enum status store_option_open(const char *data, const char *url, struct store **out,
                              struct error_text *error)
{
    static const char scheme[] = "sqlite:";
    struct data_folder folder;
    if (url == NULL) {
        enum status status = data_folder_name(data, &folder, error);
        if (status != STATUS_OK)
            return status;
        url = folder.store;
    }
    if (strncmp(url, scheme, strlen(scheme)) == 0 &&
        access(url + strlen(scheme), F_OK) != 0)
        return error_set(error, STATUS_NOT_FOUND,
                         "there is no store at %s; `chw up` or `chw train` with the same "
                         "--data makes one",
                         url + strlen(scheme));
    return store_open(url, out, error);
}

enum status store_option_make(const char *data, const char *url, struct store **out,
                              struct error_text *error)
{
    struct data_folder folder;
    if (url != NULL)
        return store_open(url, out, error);
    enum status status = data_folder_name(data, &folder, error);
    if (status == STATUS_OK)
        status = file_make_folder(data, error);
    return status == STATUS_OK ? store_open(folder.store, out, error) : status;
}
