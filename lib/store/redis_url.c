/* SPDX-License-Identifier: Apache-2.0 */
/* redis_url.c - the pieces of a Redis address. */
#include "store/redis_url.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_DEFAULT = 6379, PORT_MAX = 65535, DB_MAX = 65535 };

static enum status refuse(struct error_text *error, const char *what)
{
    return error_set(error, STATUS_INVALID,
                     "the store's address: %s; expected "
                     "redis://[USER:PASSWORD@]HOST[:PORT][/DB] or "
                     "redis://[USER:PASSWORD@]/SOCKET[?db=DB]",
                     what);
}

/* 1 to 255, or 0: not two hexadecimal digits of a byte that a text can hold. */
static unsigned char hex_byte(const char *digits)
{
    char pair[3] = {digits[0], digits[0] == '\0' ? '\0' : digits[1], '\0'};
    char *end;
    unsigned long value =
        strspn(pair, "0123456789abcdefABCDEF") == 2 ? strtoul(pair, &end, 16) : 0;
    return (unsigned char)value;
}

/* `size` bytes of `from` with each %XX decoded; false: that cannot be, or has no room. */
static bool decode(const char *from, size_t size, char *to, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char letter = (unsigned char)from[i];
        if (letter == '%') {
            letter = i + 2 < size ? hex_byte(from + i + 1) : 0;
            i += 2;
        }
        if (letter == '\0' || used + 1 == room)
            return false;
        to[used++] = (char)letter;
    }
    to[used] = '\0';
    return true;
}

/* Without control bytes: it is shown in logs. */
static bool copy(const char *from, size_t size, char *to, size_t room)
{
    if (size >= room)
        return false;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)from[i] < ' ' || from[i] == 0x7f)
            return false;
    memcpy(to, from, size);
    to[size] = '\0';
    return true;
}

static bool parse_number(const char *text, size_t size, int min, int max, int *out)
{
    char digits[6];
    if (size == 0 || !copy(text, size, digits, sizeof digits) ||
        strspn(digits, "0123456789") != size)
        return false;
    *out = atoi(digits);
    return *out >= min && *out <= max;
}

static enum status parse_user(const char *text, size_t size, struct redis_url *out,
                              struct error_text *error)
{
    const char *colon = memchr(text, ':', size);
    if (colon == NULL)
        return refuse(error, "it has a user and no password");
    size_t user_size = (size_t)(colon - text);
    if (!decode(text, user_size, out->user, sizeof out->user) ||
        !decode(colon + 1, size - user_size - 1, out->password, sizeof out->password))
        return refuse(error, "user or password is too long or has a bad %XX");
    return STATUS_OK;
}

static enum status parse_socket(const char *text, struct redis_url *out,
                                struct error_text *error)
{
    static const char option[] = "?db=";
    size_t size = strcspn(text, "?");
    const char *db = text + size;
    if (!copy(text, size, out->socket, sizeof out->socket))
        return refuse(
            error,
            "the path of its socket is longer than 107 bytes or has control bytes");
    if (*db != '\0' && (strncmp(db, option, strlen(option)) != 0 ||
                        !parse_number(db + strlen(option), strlen(db + strlen(option)), 0,
                                      DB_MAX, &out->db)))
        return refuse(error, "what follows the socket's path is not ?db=0 to 65535");
    snprintf(out->shown, sizeof out->shown, "redis://%s?db=%d", out->socket, out->db);
    return STATUS_OK;
}

/* HOST, or [HOST] where it has colons itself; *rest is what follows. */
static bool parse_host(const char *text, struct redis_url *out, const char **rest)
{
    bool brackets = text[0] == '[';
    size_t size = strcspn(text + brackets, brackets ? "]" : ":/");
    *rest = text + brackets + size;
    if (brackets && **rest != ']')
        return false;
    *rest += brackets;
    return size > 0 && copy(text + brackets, size, out->host, sizeof out->host);
}

static enum status parse_server(const char *text, struct redis_url *out,
                                struct error_text *error)
{
    const char *rest;
    out->port = PORT_DEFAULT;
    if (!parse_host(text, out, &rest))
        return refuse(error, "its host is missing, too long or has control bytes");
    if (*rest == ':') {
        size_t size = strcspn(++rest, "/");
        if (!parse_number(rest, size, 1, PORT_MAX, &out->port))
            return refuse(error, "its port is not 1 to 65535");
        rest += size;
    }
    if (*rest != '\0' && strcmp(rest, "/") != 0 &&
        (*rest != '/' || !parse_number(rest + 1, strlen(rest + 1), 0, DB_MAX, &out->db)))
        return refuse(error, "its database is not 0 to 65535");
    bool colons = strchr(out->host, ':') != NULL;
    snprintf(out->shown, sizeof out->shown, "redis://%s%s%s:%d/%d", colons ? "[" : "",
             out->host, colons ? "]" : "", out->port, out->db);
    return STATUS_OK;
}

/* The last one before the path: those before it are the password's. */
static const char *find_at(const char *text)
{
    size_t size = strcspn(text, "/");
    while (size > 0 && text[size - 1] != '@')
        size--;
    return size > 0 ? text + size - 1 : NULL;
}

enum status redis_url_parse(const char *text, struct redis_url *out,
                            struct error_text *error)
{
    memset(out, 0, sizeof *out);
    if (strncmp(text, "//", 2) != 0)
        return refuse(error, "no // after redis:");
    text += 2;
    const char *at = find_at(text);
    if (at != NULL) {
        enum status status = parse_user(text, (size_t)(at - text), out, error);
        if (status != STATUS_OK)
            return status;
        text = at + 1;
    }
    return text[0] == '/' ? parse_socket(text, out, error)
                          : parse_server(text, out, error);
}
