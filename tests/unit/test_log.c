/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: an event is one line that a program can take apart, whatever is in it and however
 * many threads write.
 * Method: stderr goes to a file of the test; threads that log at once. */

#include "base/log.h"
#include "tests/lib/test.h"
#include "tests/unit/folder_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4, LINES = 500, LINE_MAX = 1024 };

static int kept = -1;
static char caught[THREADS * LINES * 128];

static void begin_catching(struct folder_fixture *folder)
{
    int fd =
        open(folder_path(folder, "log"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    assert_true(fd >= 0);
    kept = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
}

static const char *end_catching(struct folder_fixture *folder)
{
    dup2(kept, STDERR_FILENO);
    close(kept);
    FILE *file = fopen(folder_path(folder, "log"), "r");
    assert_non_null(file);
    caught[fread(caught, 1, sizeof caught - 1, file)] = '\0';
    fclose(file);
    return caught;
}

static void line_is_time_level_program_event_fields(void **state)
{
    begin_catching(*state);
    log_open("chw-test", LOG_INFO);
    log_warn("batch-refused", "region=%s rows=%d", "KE/Kisumu", 7);
    const char *line = end_catching(*state);
    int year, month, day, hour, minute, second, ms, used = 0;
    assert_int_equal(sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day,
                            &hour, &minute, &second, &ms, &used),
                     7);
    assert_int_equal(used, strlen("2026-11-23T22:23:22.123Z "));
    assert_string_equal(line + used,
                        "warn chw-test batch-refused region=KE/Kisumu rows=7\n");
}

static void what_is_below_the_level_is_not_written(void **state)
{
    static const char *const words[] = {"debug", "info", "warn", "error"};
    for (int least = LOG_DEBUG; least <= LOG_ERROR; least++) {
        begin_catching(*state);
        log_open("t", (enum log_level)least);
        log_debug("e", "level=%s", words[LOG_DEBUG]);
        log_info("e", "level=%s", words[LOG_INFO]);
        log_warn("e", "level=%s", words[LOG_WARN]);
        log_error("e", "level=%s", words[LOG_ERROR]);
        const char *text = end_catching(*state);
        for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
            char line[64];
            snprintf(line, sizeof line, "Z %s t e level=%s\n", words[level],
                     words[level]);
            assert_int_equal(strstr(text, line) != NULL, level >= least);
        }
    }
}

static void level_is_one_of_four_words(void **state)
{
    (void)state;
    enum log_level level = LOG_ERROR;
    struct error_text error;
    assert_int_equal(log_level_parse("debug", &level), STATUS_OK);
    assert_int_equal(level, LOG_DEBUG);
    assert_int_equal(log_level_parse("error", &level), STATUS_OK);
    assert_int_equal(level, LOG_ERROR);
    assert_int_equal(log_level_parse("", &level), STATUS_INVALID);
    assert_int_equal(log_level_parse("INFO", &level), STATUS_INVALID);
    assert_int_equal(log_configure("t", "loud", &error), STATUS_INVALID);
    assert_says(&error, "'loud'; expected debug, info, warn or error");
    assert_int_equal(log_configure("t", "warn", &error), STATUS_OK);
}

static void control_characters_break_no_line(void **state)
{
    begin_catching(*state);
    log_open("t", LOG_INFO);
    log_info("e", "reason=\"%s\"", "a\nb\r\x1b[31mc\td\x7f\xc3\xa9");
    const char *line = end_catching(*state);
    assert_non_null(strstr(line, " e reason=\"a b  [31mc d \xc3\xa9\"\n"));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void long_line_is_cut_and_ended(void **state)
{
    char longest[3 * LINE_MAX];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    begin_catching(*state);
    log_open("t", LOG_INFO);
    log_info("e", "reason=%s", longest);
    log_info(longest, "reason=%s", longest);
    const char *text = end_catching(*state);
    const char *end = strchr(text, '\n');
    assert_non_null(end);
    assert_int_equal(end + 1 - text, LINE_MAX);
    assert_int_equal(strlen(end + 1), LINE_MAX);
    assert_int_equal(end[LINE_MAX], '\n');
}

static void *write_lines(void *arg)
{
    for (int i = 0; i < LINES; i++)
        log_info("tick", "thread=%d line=%d end=yes", *(const int *)arg, i);
    return NULL;
}

static void lines_of_threads_never_mix(void **state)
{
    pthread_t threads[THREADS];
    int numbers[THREADS], next[THREADS] = {0};
    begin_catching(*state);
    log_open("t", LOG_INFO);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, write_lines, &numbers[i]) != 0)
            abort();
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    char *rest = NULL;
    end_catching(*state);
    int count = 0;
    for (char *line = strtok_r(caught, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest), count++) {
        int thread = -1, number = -1, used = 0;
        sscanf(line, "%*s info t tick thread=%d line=%d end=yes%n", &thread, &number,
               &used);
        assert_int_equal(used, strlen(line));
        assert_in_range(thread, 0, THREADS - 1);
        assert_int_equal(number, next[thread]++);
    }
    assert_int_equal(count, THREADS * LINES);
}

int main(void)
{
#define TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, folder_fixture_open, folder_fixture_close)
    const struct CMUnitTest tests[] = {
        TEST(line_is_time_level_program_event_fields),
        TEST(what_is_below_the_level_is_not_written),
        TEST(level_is_one_of_four_words),
        TEST(control_characters_break_no_line),
        TEST(long_line_is_cut_and_ended),
        TEST(lines_of_threads_never_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
