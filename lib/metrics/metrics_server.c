/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_server.c - the home of libmicrohttpd: three pages, read only. */
#include "metrics/metrics_server.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECTIONS_MAX = 16,
    SILENCE_SECONDS = 5,
    MEMORY_MAX = 16 << 10, /* for a request's line and headers */
};

struct metrics_server {
    struct metrics_server_options options;
    struct MHD_Daemon *daemon;
};

/* ---- the address ---- */

static bool parse_address(const char *text, struct sockaddr_in *address)
{
    char host[INET_ADDRSTRLEN], *end;
    const char *colon = strrchr(text, ':');
    size_t size = colon == NULL ? sizeof host : (size_t)(colon - text);
    if (size >= sizeof host || !isdigit((unsigned char)colon[1]))
        return false;
    memcpy(host, text, size);
    host[size] = '\0';
    errno = 0;
    unsigned long port = strtoul(colon + 1, &end, 10);
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    address->sin_port = htons((uint16_t)port);
    return errno == 0 && *end == '\0' && port >= 1 && port <= UINT16_MAX &&
           inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

enum status metrics_address_check(const char *text, bool insecure,
                                  struct error_text *error)
{
    struct sockaddr_in address;
    if (!parse_address(text, &address))
        return error_set(error, STATUS_INVALID,
                         "'%s' is not an address and a port, such as 127.0.0.1:9101",
                         text);
    if (!insecure && ntohl(address.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
        return error_set(error, STATUS_INVALID,
                         "%s is not loopback, and whoever reaches it could read it; give "
                         "--insecure if the network is trusted",
                         text);
    return STATUS_OK;
}

/* ---- answers ---- */

/* STATUS_OK: *text is to be freed by who sends it. */
static enum status make_text(const char *constant, char **text, size_t *size)
{
    *text = strdup(constant);
    *size = strlen(constant);
    return *text == NULL ? STATUS_NOMEM : STATUS_OK;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned code,
                              char *text, size_t size)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(text);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type",
                            "text/plain; version=0.0.4; charset=utf-8");
    enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

typedef enum status page_fn(const struct metrics_server *self, unsigned *code,
                            char **text, size_t *size);

static enum status page_metrics(const struct metrics_server *self, unsigned *code,
                                char **text, size_t *size)
{
    (void)self->options.collect(self->options.context);
    *code = MHD_HTTP_OK;
    return metrics_write(self->options.metrics, text, size);
}

static enum status page_live(const struct metrics_server *self, unsigned *code,
                             char **text, size_t *size)
{
    (void)self;
    *code = MHD_HTTP_OK;
    return make_text("live\n", text, size);
}

static enum status page_ready(const struct metrics_server *self, unsigned *code,
                              char **text, size_t *size)
{
    bool ready = self->options.collect(self->options.context);
    *code = ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
    return make_text(ready ? "ready\n" : "not ready\n", text, size);
}

static enum status page_missing(const struct metrics_server *self, unsigned *code,
                                char **text, size_t *size)
{
    (void)self;
    *code = MHD_HTTP_NOT_FOUND;
    return make_text("there are /metrics, /health/live and /health/ready\n", text, size);
}

static const struct {
    const char *path;
    page_fn *page;
} pages[] = {
    {"/metrics", page_metrics},
    {"/health/live", page_live},
    {"/health/ready", page_ready},
};

static page_fn *find_page(const char *path)
{
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
        if (strcmp(pages[i].path, path) == 0)
            return pages[i].page;
    return page_missing;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection,
                              const char *path, const char *method, const char *version,
                              const char *upload, size_t *upload_size, void **request)
{
    const struct metrics_server *self = context;
    char *text;
    size_t size;
    unsigned code = MHD_HTTP_METHOD_NOT_ALLOWED;
    (void)version, (void)upload, (void)upload_size, (void)request;
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    enum status status = reads ? find_page(path)(self, &code, &text, &size)
                               : make_text("only GET\n", &text, &size);
    return status == STATUS_OK ? answer(connection, code, text, size) : MHD_NO;
}

/* ---- beginning and end ---- */

enum status metrics_server_open(const struct metrics_server_options *options,
                                struct metrics_server **server, struct error_text *error)
{
    struct sockaddr_in address;
    struct metrics_server *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    self->options = *options;
    if (!parse_address(options->address, &address)) {
        free(self);
        return error_set(error, STATUS_INVALID, "'%s' is not an address",
                         options->address);
    }
    errno = 0;
    self->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle, self,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)SILENCE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_MAX,
        MHD_OPTION_END);
    if (self->daemon == NULL) {
        enum status status = errno == EADDRINUSE ? STATUS_TAKEN : STATUS_IO;
        free(self);
        return error_set(error, status, "cannot serve metrics on %s: %s",
                         options->address, strerror(errno));
    }
    *server = self;
    return STATUS_OK;
}

void metrics_server_close(struct metrics_server *self)
{
    if (self == NULL)
        return;
    MHD_stop_daemon(self->daemon);
    free(self);
}
