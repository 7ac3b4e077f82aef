/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a broker's report: what chw top draws fits the window and holds no byte
 * that steers a terminal. */
#include "base/proto_parse.h"
#include "client/top_view.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 60, HEIGHT = 20 };

static void check_screen(const char *text)
{
    size_t lines = 0;
    for (; *text != '\0'; lines++) {
        size_t size = strcspn(text, "\n"), columns = 0;
        for (size_t i = 0; i < size; i++) {
            unsigned char byte = (unsigned char)text[i];
            columns += (byte & 0xc0) != 0x80;
            if (byte < 0x20 || byte == 0x7f)
                abort();
        }
        if (columns > WIDTH)
            abort();
        text += size + (text[size] == '\n');
    }
    if (lines > HEIGHT)
        abort();
}

static void print_both(const struct top_view *view)
{
    char *screen = NULL, *json = NULL;
    size_t size;
    FILE *file = open_memstream(&screen, &size);
    if (file == NULL)
        abort();
    top_draw(view, WIDTH, HEIGHT, file);
    fclose(file);
    check_screen(screen);
    file = open_memstream(&json, &size);
    if (file == NULL)
        abort();
    top_write_json(view, file);
    fclose(file);
    if (strchr(json, '\n') != json + size - 1)
        abort();
    free(screen);
    free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ProtobufCMessage *report = proto_parse(&chw__status_report__descriptor, data, size);
    if (report == NULL)
        return 0;
    const Chw__StatusReport *now = (const Chw__StatusReport *)(const void *)report;
    Chw__StatusReport other = *now;
    other.instance++;
    const struct top_broker brokers[] = {
        {.address = "ipc://A", .now = now, .before = now, .elapsed_ms = 1000},
        {.address = "ipc://B", .now = &other, .before = &other, .elapsed_ms = 1000},
    };
    for (size_t count = 1; count <= 2; count++) {
        const struct top_view view = {.brokers = brokers, .count = count};
        print_both(&view);
    }
    proto_free(report);
    return 0;
}
