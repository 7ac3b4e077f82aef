/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint.c - which addresses may carry patients' data in clear: this machine's own. */
#include "wire/socket.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum { IPC_PATH_MAX = sizeof((struct sockaddr_un *)0)->sun_path - 1 };

static enum status check_ipc(const char *endpoint, const char *path,
                             struct error_text *error)
{
    size_t size = strlen(path);
    if (size == 0)
        return error_set(error, STATUS_INVALID, "%s has no path; expected ipc://PATH",
                         endpoint);
    if (size > IPC_PATH_MAX)
        return error_set(error, STATUS_INVALID,
                         "the socket path %s has %zu bytes and the system allows %d: "
                         "use a shorter folder, or a relative path",
                         path, size, IPC_PATH_MAX);
    return STATUS_OK;
}

static bool host_is_loopback(const char *host)
{
    struct in_addr four;
    struct in6_addr six;
    if (strcmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

/* Split HOST:PORT or [HOST]:PORT; false where it is neither. */
static bool split_host(const char *address, char *host, size_t host_size,
                       const char **port)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address)
        return false;
    const char *end = colon;
    if (*address == '[') {
        address++;
        end--;
        if (*end != ']')
            return false;
    }
    size_t size = (size_t)(end - address);
    if (end <= address || size >= host_size)
        return false;
    memcpy(host, address, size);
    host[size] = '\0';
    *port = colon + 1;
    return true;
}

static bool port_is_valid(const char *port)
{
    char *end;
    if (*port < '0' || *port > '9')
        return false;
    unsigned long value = strtoul(port, &end, 10);
    return *end == '\0' && value >= 1 && value <= 65535;
}

static enum status check_tcp(const char *endpoint, const char *address, bool insecure,
                             struct error_text *error)
{
    char host[ENDPOINT_HOST_SIZE];
    const char *port;
    if (!split_host(address, host, sizeof host, &port) || !port_is_valid(port))
        return error_set(error, STATUS_INVALID,
                         "%s is not tcp://HOST:PORT with a port from 1 to 65535",
                         endpoint);
    if (!insecure && !host_is_loopback(host))
        return error_set(
            error, STATUS_INVALID,
            "%s is not a loopback address: patients' data would travel in clear; "
            "use 127.0.0.1 or ipc, or say --insecure",
            endpoint);
    return STATUS_OK;
}

enum status endpoint_check(const char *endpoint, bool insecure, struct error_text *error)
{
    if (strncmp(endpoint, "ipc://", 6) == 0)
        return check_ipc(endpoint, endpoint + 6, error);
    if (strncmp(endpoint, "tcp://", 6) == 0)
        return check_tcp(endpoint, endpoint + 6, insecure, error);
    return error_set(error, STATUS_INVALID,
                     "%s is neither tcp://HOST:PORT nor ipc://PATH", endpoint);
}

bool endpoint_name(const char *endpoint, char host[ENDPOINT_HOST_SIZE], const char **port)
{
    struct in6_addr number; /* large enough for both */
    return strncmp(endpoint, "tcp://", 6) == 0 &&
           split_host(endpoint + 6, host, ENDPOINT_HOST_SIZE, port) &&
           inet_pton(AF_INET, host, &number) != 1 &&
           inet_pton(AF_INET6, host, &number) != 1;
}
