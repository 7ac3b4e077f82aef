/* SPDX-License-Identifier: Apache-2.0 */
/* screen.c - ANSI sequences, termios and three signals. */
#include "client/screen.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Signal handlers reach nothing else. */
static volatile sig_atomic_t resized, ended;

static struct termios found; /* as the terminal was */
static bool has_keys;

static void on_resize(int number)
{
    (void)number;
    resized = 1;
}

static void on_end(int number)
{
    (void)number;
    ended = 1;
}

/* Without SA_RESTART: whoever waits looks around. */
static void handle(int number, void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    sigaction(number, &action, NULL);
}

bool screen_is_there(void)
{
    return isatty(STDOUT_FILENO);
}

void screen_open(void)
{
    handle(SIGWINCH, on_resize);
    handle(SIGINT, on_end);
    handle(SIGTERM, on_end);
    handle(SIGHUP, on_end);
    has_keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &found) == 0;
    if (has_keys) {
        struct termios keys = found;
        keys.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
        keys.c_cc[VMIN] = 1;
        keys.c_cc[VTIME] = 0;
        keys.c_cc[VSUSP] = _POSIX_VDISABLE; /* the shell would get this screen */
        tcsetattr(STDIN_FILENO, TCSADRAIN, &keys);
    }
    fputs("\033[?1049h\033[?25l", stdout); /* the other screen, no cursor */
    fflush(stdout);
}

void screen_close(void)
{
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    if (has_keys)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &found);
    has_keys = false;
    handle(SIGWINCH, SIG_DFL);
    handle(SIGINT, SIG_DFL);
    handle(SIGTERM, SIG_DFL);
    handle(SIGHUP, SIG_DFL);
}

void screen_size(size_t *width, size_t *height)
{
    struct winsize size = {0};
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 &&
                 size.ws_row > 0;
    *width = known ? size.ws_col : 80;
    *height = known ? size.ws_row : 24;
}

/* Each line erases what is left of the one before it; no newline after the last, which
 * would scroll. */
void screen_show(const char *text)
{
    const char *line = text;
    fputs("\033[H", stdout);
    while (*line != '\0') {
        size_t size = strcspn(line, "\n");
        fwrite(line, 1, size, stdout);
        fputs("\033[K", stdout);
        line += size + (line[size] == '\n');
        if (*line != '\0')
            fputc('\n', stdout);
    }
    fputs("\033[J", stdout);
    fflush(stdout);
}

int screen_keys(void)
{
    return has_keys ? STDIN_FILENO : -1;
}

char screen_key(void)
{
    struct pollfd readable = {.fd = screen_keys(), .events = POLLIN};
    char key = 0;
    if (poll(&readable, 1, 0) <= 0)
        return 0;
    if (read(STDIN_FILENO, &key, 1) == 1)
        return key;
    ended = 1; /* the terminal is gone */
    return 0;
}

bool screen_was_resized(void)
{
    bool was = resized;
    resized = 0;
    return was;
}

bool screen_is_to_end(void)
{
    return ended;
}
