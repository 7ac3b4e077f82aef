/* SPDX-License-Identifier: Apache-2.0 */
/* ports.c - bind, look, close. */
#include "bench/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TRIES = 100 };

/* Port 0: any; returns the one that was free, or 0. */
static unsigned try_port(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *any = (struct sockaddr *)(void *)&address;
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound = fd >= 0 && bind(fd, any, size) == 0 && getsockname(fd, any, &size) == 0;
    if (fd >= 0)
        close(fd);
    return bound ? ntohs(address.sin_port) : 0;
}

unsigned ports_free(unsigned count)
{
    for (int i = 0; i < TRIES; i++) {
        unsigned first = try_port(0), more = 1;
        if (first == 0 || first + count > UINT16_MAX)
            continue;
        while (more < count && try_port(first + more) != 0)
            more++;
        if (more >= count)
            return first;
    }
    return 0;
}
