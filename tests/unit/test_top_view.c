/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what chw top shows is what the reports say, whatever the window's size, and
 * nothing in a report steers the terminal. Method: reports made here, whole screens
 * compared. */
#include "client/top_view.h"

#include "tests/lib/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS_MAX = 8 };

/* Of one broker. */
#define VIEW(...)                                                                        \
    {                                                                                    \
        .brokers = &(struct top_broker){.address = "ipc://A", __VA_ARGS__}, .count = 1   \
    }

struct sample {
    Chw__StatusReport report;
    Chw__RegionStatus regions[ITEMS_MAX], *region_list[ITEMS_MAX];
    Chw__WorkerStatus workers[ITEMS_MAX], *worker_list[ITEMS_MAX];
};

static char *writable(const char *text)
{
    static char copies[128][96];
    static unsigned next;
    char *copy = copies[next++ % 128];
    snprintf(copy, sizeof copies[0], "%s", text);
    return copy;
}

static void begin(struct sample *self)
{
    memset(self, 0, sizeof *self);
    chw__status_report__init(&self->report);
    self->report.instance = 7;
    self->report.uptime_ms = 3723000;
    self->report.version = writable("0.1.0");
    self->report.bytes = 1500000;
    self->report.bytes_max = 268400000;
    self->report.regions = self->region_list;
    self->report.workers = self->worker_list;
}

static Chw__RegionStatus *add_region(struct sample *self, const char *name,
                                     uint32_t queued, uint64_t answered)
{
    size_t at = self->report.n_regions++;
    Chw__RegionStatus *region = &self->regions[at];
    chw__region_status__init(region);
    region->name = writable(name);
    region->queued = queued;
    region->answered = answered;
    self->region_list[at] = region;
    self->report.queued += queued;
    self->report.answered += answered;
    return region;
}

static Chw__WorkerStatus *add_worker(struct sample *self, const char *name,
                                     const char *serving, uint64_t records)
{
    size_t at = self->report.n_workers++;
    Chw__WorkerStatus *worker = &self->workers[at];
    chw__worker_status__init(worker);
    worker->name = writable(name);
    worker->serving = writable(serving);
    worker->release = writable("0.1.0");
    worker->window = 4;
    worker->records = records;
    self->worker_list[at] = worker;
    return worker;
}

static const char *draw(const struct top_view *view, size_t width, size_t height)
{
    static char text[8192];
    FILE *file = fmemopen(text, sizeof text, "w");
    assert_non_null(file);
    top_draw(view, width, height, file);
    assert_int_equal(fclose(file), 0);
    return text;
}

static struct sample now, before;

static int setup(void **state)
{
    (void)state;
    begin(&before);
    begin(&now);
    return 0;
}

static void screen_shows_each_number_where_it_belongs(void **state)
{
    (void)state;
    add_region(&before, "KE/Kisumu", 0, 1000);
    add_worker(&before, "host/1/0", "chd=aaaa", 5000);
    Chw__RegionStatus *region = add_region(&now, "KE/Kisumu", 12, 1200);
    region->leased = 3;
    region->bytes = 1500000;
    region->oldest_ms = 2500;
    region->answered_bytes = 4000000;
    Chw__WorkerStatus *worker = add_worker(&now, "host/1/0", "chd=aaaa", 45000);
    worker->leased = 3;
    worker->answered = 1200;
    worker->silent_ms = 100;
    worker->charged = 2;
    now.report.leased = 3;
    now.report.oldest_ms = 2500;
    const struct top_view view =
        VIEW(.now = &now.report, .before = &before.report, .elapsed_ms = 2000);
    assert_string_equal(
        draw(&view, 0, 0),
        "broker 0.1.0, serving, up 1:02:03\n"
        "12 batches queued, oldest 2.5 s; 3 with workers; 1.5 of 268.4 MB\n"
        "1200 batches answered, 100.0 batches/s, 20000.0 records/s\n"
        "1 thread: chd=aaaa\n"
        "\n"
        "region     queued  leased   MB  oldest s  answered  batches/s  MB/s\n"
        "KE/Kisumu      12       3  1.5       2.5     1,200      100.0   2.0\n"
        "\n"
        "worker    state    holds  silent s  charged  answered  batches/s  records/s  "
        "release  serves\n"
        "host/1/0  working    3/4       0.1        2     1,200      600.0    20000.0  "
        "0.1.0    chd=aaaa\n");
}

static void one_report_has_no_rates(void **state)
{
    (void)state;
    add_region(&now, "A", 0, 5);
    const struct top_view view = VIEW(.now = &now.report);
    const char *text = draw(&view, 0, 0);
    assert_non_null(strstr(text, "5 batches answered\n"));
    assert_non_null(strstr(text, "A            0       0  0.0       0.0         5"
                                 "          -     -\n"));
}

static void restarted_broker_has_no_rates_until_its_second_report(void **state)
{
    (void)state;
    add_region(&before, "A", 0, 1000);
    add_region(&now, "A", 0, 5);
    now.report.instance = 8;
    struct top_view view =
        VIEW(.now = &now.report, .before = &before.report, .elapsed_ms = 1000);
    assert_null(strstr(draw(&view, 0, 0), "batches/s,"));
    assert_non_null(strstr(draw(&view, 0, 0), "5 batches answered\n"));
    before.report.instance = 8;
    before.regions[0].answered = before.report.answered = 2;
    assert_non_null(strstr(draw(&view, 0, 0), "5 batches answered, 3.0 batches/s"));
}

static void count_that_fell_began_again_at_zero(void **state)
{
    (void)state;
    assert_true(top_rate(30, 10, 2000) == 10.0);
    assert_true(top_rate(6, 10, 2000) == 3.0);
    assert_true(top_rate(10, 10, 500) == 0.0);
}

static void worker_that_is_new_adds_no_rate_from_before_its_time(void **state)
{
    (void)state;
    add_worker(&now, "new", "", 1000000);
    const struct top_view view =
        VIEW(.now = &now.report, .before = &before.report, .elapsed_ms = 1000);
    assert_non_null(strstr(draw(&view, 0, 0), "0.0 batches/s, 0.0 records/s\n"));
    assert_non_null(strstr(draw(&view, 0, 0), "1 thread: did not say what it serves\n"));
}

static void region_that_was_perhaps_left_out_before_has_no_rate(void **state)
{
    (void)state;
    add_region(&now, "A", 0, 5);
    const struct top_view view =
        VIEW(.now = &now.report, .before = &before.report, .elapsed_ms = 1000);
    assert_non_null(strstr(draw(&view, 0, 0), " 5        5.0   0.0\n"));
    before.report.regions_left_out = 1;
    assert_non_null(strstr(draw(&view, 0, 0), " 5          -     -\n"));
}

static void regions_come_by_depth_or_by_rate(void **state)
{
    (void)state;
    add_region(&before, "slow", 0, 100);
    add_region(&before, "fast", 0, 100);
    add_region(&before, "deep", 0, 100);
    add_region(&now, "slow", 0, 101);
    add_region(&now, "fast", 0, 200);
    add_region(&now, "deep", 5, 102);
    struct top_view view =
        VIEW(.now = &now.report, .before = &before.report, .elapsed_ms = 1000);
    const char *text = draw(&view, 0, 0);
    assert_true(strstr(text, "deep") < strstr(text, "fast"));
    assert_true(strstr(text, "fast") < strstr(text, "slow"));
    view.by_rate = true;
    text = draw(&view, 0, 0);
    assert_true(strstr(text, "fast") < strstr(text, "deep"));
    assert_true(strstr(text, "deep") < strstr(text, "slow"));
}

static void promotion_shows_both_versions_with_their_threads(void **state)
{
    (void)state;
    add_worker(&now, "a", "chd=old", 0);
    add_worker(&now, "b", "chd=new", 0);
    add_worker(&now, "c", "chd=old", 0);
    const struct top_view view = VIEW(.now = &now.report);
    assert_non_null(
        strstr(draw(&view, 0, 0), "\n2 threads: chd=old\n1 thread: chd=new\n\n"));
}

static void trouble_comes_first_and_says_that_the_rest_is_old(void **state)
{
    (void)state;
    struct top_broker broker = {
        .address = "ipc://A", .state = TOP_SILENT, .silent_ms = 5900};
    const struct top_view view = {.brokers = &broker, .count = 1};
    assert_string_equal(draw(&view, 80, 24), "no broker answers at ipc://A since 5 s\n");
    broker.now = &now.report;
    assert_memory_equal(
        draw(&view, 80, 24),
        "no broker answers at ipc://A since 5 s; what follows is old\nbroker", 66);
    now.report.draining = true;
    assert_non_null(strstr(draw(&view, 80, 24), "broker 0.1.0, DRAINING, up"));
    broker.state = TOP_TOO_OLD;
    assert_memory_equal(draw(&view, 80, 24),
                        "the broker at ipc://A is too old to be watched; ", 48);
    broker = (struct top_broker){.address = "ipc://A"};
    assert_string_equal(draw(&view, 80, 24), "waiting\n");
}

static size_t count_lines(const char *text, size_t *widest)
{
    size_t lines = 0;
    *widest = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        *widest = size > *widest ? size : *widest;
        text += size + 1;
        lines++;
    }
    return lines;
}

static void screen_fits_any_window_and_tells_what_it_leaves_out(void **state)
{
    (void)state;
    size_t widest;
    for (int i = 0; i < ITEMS_MAX; i++) {
        add_region(&now, (char[]){(char)('A' + i), '\0'}, 1, 0);
        add_worker(&now, (char[]){(char)('a' + i), '\0'}, "chd=1", 0);
    }
    struct top_broker broker = {.address = "ipc://A", .now = &now.report};
    const struct top_view view = {.brokers = &broker, .count = 1};
    for (size_t height = 1; height < 30; height++) {
        size_t lines = count_lines(draw(&view, 30, height), &widest);
        assert_in_range(lines, 1, height);
        assert_in_range(widest, 1, 30);
        if (height > 8 && height < 24)
            assert_int_equal(lines, height);
    }
    const char *text = draw(&view, 80, 16);
    assert_non_null(strstr(text, "region (4 of 8)"));
    assert_non_null(strstr(text, "worker (4 of 8)"));
    now.report.regions_left_out = 92;
    assert_non_null(strstr(draw(&view, 80, 40), "region (8 of 100)"));
    broker.state = TOP_SILENT; /* it takes a line of a worker's */
    assert_non_null(strstr(draw(&view, 80, 16), "worker (3 of 8)"));
    assert_int_equal(count_lines(draw(&view, 80, 16), &widest), 16);
}

static void nothing_in_a_report_steers_the_terminal(void **state)
{
    (void)state;
    add_region(&now,
               "a\033[2J\nb\xc2\x9b"
               "2J",
               1, 0);
    add_region(&now, "M\xc3\xbcnster \xe2\x82\xac", 0, 0);
    add_worker(&now, "w\x7f\r", "chd=1\xc2", 0);
    const struct top_view view = VIEW(.now = &now.report);
    const char *text = draw(&view, 0, 0);
    assert_null(strchr(text, '\033'));
    assert_null(strchr(text, '\r'));
    assert_null(strchr(text, '\x7f'));
    assert_null(strstr(text, "\xc2\x9b"));
    assert_non_null(strstr(text, "M\xc3\xbcnster \xe2\x82\xac  "));
    assert_non_null(strstr(draw(&view, 6, 0), "\nM\xc3\xbcnste\n")); /* not bytes */
}

static void json_has_the_numbers_and_null_for_what_is_not_known(void **state)
{
    (void)state;
    static char text[4096];
    add_region(&now, "say \"A\"", 2, 5)->oldest_ms = 700;
    add_worker(&now, "w", "chd=1", 9)->state = CHW__WORKER_STATUS__STATE__STUCK;
    const struct top_view view = VIEW(.now = &now.report);
    FILE *file = fmemopen(text, sizeof text, "w");
    top_write_json(&view, file);
    fclose(file);
    assert_string_equal(
        text,
        "{\"instance\":\"0000000000000007\",\"version\":\"0.1.0\",\"uptime_ms\":3723000,"
        "\"draining\":false,\"queued\":2,\"leased\":0,\"bytes\":1500000,"
        "\"bytes_max\":268400000,\"oldest_ms\":0,\"answered\":5,\"regions_left_out\":0,"
        "\"workers_left_out\":0,\"batches_per_s\":null,\"records_per_s\":null,"
        "\"regions\":[{\"name\":\"say \\\"A\\\"\",\"queued\":2,\"leased\":0,\"bytes\":0,"
        "\"oldest_ms\":700,\"answered\":5,\"answered_bytes\":0,\"batches_per_s\":null,"
        "\"bytes_per_s\":null}],\"workers\":[{\"name\":\"w\",\"release\":\"0.1.0\","
        "\"serving\":\"chd=1\","
        "\"state\":\"stuck\",\"window\":4,\"leased\":0,\"silent_ms\":0,\"charged\":0,"
        "\"answered\":0,\"records\":9,\"batches_per_s\":null,\"records_per_s\":null}],"
        "\"brokers\":[{\"address\":\"ipc://A\",\"trouble\":null,"
        "\"instance\":\"0000000000000007\",\"version\":\"0.1.0\",\"uptime_ms\":3723000,"
        "\"draining\":false,\"queued\":2,\"leased\":0,\"bytes\":1500000,"
        "\"bytes_max\":268400000,\"oldest_ms\":0,\"answered\":5,\"regions_left_out\":0,"
        "\"workers_left_out\":0,\"batches_per_s\":null}]}\n");
}

static void state_of_a_newer_broker_is_a_question_mark(void **state)
{
    (void)state;
    add_worker(&now, "w", "", 0)->state = (Chw__WorkerStatus__State)77;
    const struct top_view view = VIEW(.now = &now.report);
    assert_non_null(strstr(draw(&view, 0, 0), "\nw       ?        0/4"));
}

/* ---- several brokers ---- */

static struct sample other, other_before;
static struct top_broker three[3];

/* Two that answer, and one that does not and holds what nobody knows. */
static struct top_view three_brokers(void)
{
    begin(&other);
    begin(&other_before);
    other.report.instance = other_before.report.instance = 8;
    three[0] = (struct top_broker){.address = "ipc://A",
                                   .now = &now.report,
                                   .before = &before.report,
                                   .elapsed_ms = 1000};
    three[1] = (struct top_broker){.address = "ipc://B",
                                   .now = &other.report,
                                   .before = &other_before.report,
                                   .elapsed_ms = 2000};
    three[2] =
        (struct top_broker){.address = "ipc://C", .state = TOP_SILENT, .silent_ms = 7000};
    return (struct top_view){.brokers = three, .count = 3};
}

static void fill_two_brokers(void)
{
    add_region(&before, "A", 0, 100);
    add_region(&other_before, "A", 0, 500);
    Chw__RegionStatus *region = add_region(&now, "A", 3, 110);
    region->leased = now.report.leased = 1;
    region->oldest_ms = now.report.oldest_ms = 300;
    region = add_region(&other, "A", 4, 540);
    region->leased = other.report.leased = 2;
    region->oldest_ms = other.report.oldest_ms = 900;
    add_region(&other, "B", 0, 0);
    add_worker(&before, "w", "chd=1", 1000);
    add_worker(&other_before, "w", "chd=1", 1000);
    Chw__WorkerStatus *worker = add_worker(&now, "w", "chd=1", 1500);
    worker->leased = 1;
    worker->answered = 110;
    worker->silent_ms = 400;
    worker = add_worker(&other, "w", "chd=2", 1600);
    worker->leased = 2;
    worker->answered = 540;
    worker->silent_ms = 100;
    worker->charged = 1;
    worker->state = CHW__WORKER_STATUS__STATE__FULL;
    other.report.draining = true;
}

static void several_brokers_are_a_row_each_and_their_sums(void **state)
{
    (void)state;
    const struct top_view view = three_brokers();
    fill_two_brokers();
    assert_string_equal(
        draw(&view, 0, 0),
        "2 of 3 brokers answer\n"
        "7 batches queued, oldest 0.9 s; 3 with workers; 3.0 of 536.8 MB\n"
        "650 batches answered, 30.0 batches/s, 500.0 records/s\n"
        "1 thread: chd=2\n"
        "\n"
        "broker   state                     up  queued  leased   MB  oldest s  answered  "
        "batches/s  release\n"
        "ipc://A  serving              1:02:03       3       1  1.5       0.3       110  "
        "     10.0  0.1.0\n"
        "ipc://B  DRAINING             1:02:03       4       2  1.5       0.9       540  "
        "     20.0  0.1.0\n"
        "ipc://C  no answer since 7 s        -       -       -    -         -         -  "
        "        -  -\n"
        "\n"
        "region  queued  leased   MB  oldest s  answered  batches/s  MB/s\n"
        "A            7       3  0.0       0.9       650       30.0   0.0\n"
        "B            0       0  0.0       0.0         0        0.0   0.0\n"
        "\n"
        "worker  state  holds  silent s  charged  answered  batches/s  records/s  "
        "release "
        " serves\n"
        "w       full     3/8       0.4        1       650      380.0      500.0  0.1.0  "
        " "
        " chd=2\n");
}

static void what_a_silent_broker_said_before_is_in_no_sum(void **state)
{
    (void)state;
    const struct top_view view = three_brokers();
    fill_two_brokers();
    three[1].state = TOP_SILENT;
    const char *text = draw(&view, 0, 0);
    assert_non_null(
        strstr(text, "1 of 3 brokers answer\n3 batches queued, oldest 0.3 s"));
    assert_non_null(strstr(text, "110 batches answered, 10.0 batches/s"));
    assert_non_null(strstr(text, "ipc://B  no answer since 0 s"));
    assert_null(strstr(text, "540"));
    three[0].state = TOP_TOO_OLD;
    text = draw(&view, 0, 0);
    assert_non_null(strstr(text, "0 of 3 brokers answer\n0 batches queued"));
    assert_non_null(strstr(text, "ipc://A  too old to be watched"));
}

static void broker_with_two_addresses_is_counted_once(void **state)
{
    (void)state;
    const struct top_view view = three_brokers();
    fill_two_brokers();
    three[2] = three[0];
    three[2].address = "tcp://[::1]:5555";
    const char *text = draw(&view, 0, 0);
    assert_non_null(strstr(text, "\n650 batches answered, 30.0 batches/s"));
    assert_non_null(strstr(text, "tcp://[::1]:5555  the same as ipc://A"));
}

static void rate_of_several_brokers_is_of_those_that_have_one(void **state)
{
    (void)state;
    const struct top_view view = three_brokers();
    fill_two_brokers();
    three[0].before = NULL; /* started anew */
    const char *text = draw(&view, 0, 0);
    assert_non_null(strstr(text, "\n650 batches answered, 20.0 batches/s, 300.0 rec"));
    assert_non_null(strstr(text, "110          -  0.1.0\n"));
}

static void screen_of_several_brokers_fits_any_window(void **state)
{
    (void)state;
    size_t widest;
    const struct top_view view = three_brokers();
    for (int i = 0; i < ITEMS_MAX; i++) {
        add_region(&now, (char[]){(char)('A' + i), '\0'}, 1, 0);
        add_worker(&other, (char[]){(char)('a' + i), '\0'}, "chd=1", 0);
    }
    for (size_t height = 1; height < 40; height++) {
        size_t lines = count_lines(draw(&view, 30, height), &widest);
        assert_in_range(lines, 1, height);
        assert_in_range(widest, 1, 30);
        if (height > 11 && height < 29)
            assert_int_equal(lines, height);
    }
    const char *text = draw(&view, 0, 16); /* ten lines are the head and headings */
    assert_non_null(strstr(text, "broker (2 of 3)"));
    assert_non_null(strstr(text, "region (2 of 8)"));
    assert_non_null(strstr(text, "worker (2 of 8)"));
}

static void json_of_several_brokers_has_sums_and_who_does_not_answer(void **state)
{
    (void)state;
    static char text[4096];
    const struct top_view view = three_brokers();
    fill_two_brokers();
    FILE *file = fmemopen(text, sizeof text, "w");
    top_write_json(&view, file);
    fclose(file);
    assert_memory_equal(text, "{\"queued\":7,\"leased\":3,\"bytes\":3000000,", 39);
    assert_non_null(strstr(text, "\"batches_per_s\":30.000,\"records_per_s\":500.000,"
                                 "\"regions\":[{\"name\":\"A\",\"queued\":7,"));
    assert_non_null(strstr(text, "\"charged\":1,\"answered\":650,\"records\":1600,"));
    assert_non_null(strstr(text, "\"brokers\":[{\"address\":\"ipc://A\",\"trouble\":null,"
                                 "\"instance\":\"0000000000000007\","));
    assert_non_null(strstr(text, "\"answered\":540,\"regions_left_out\":0,"
                                 "\"workers_left_out\":0,\"batches_per_s\":20.000},"
                                 "{\"address\":\"ipc://C\","
                                 "\"trouble\":\"no answer\"}]}\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, setup)
        TEST(screen_shows_each_number_where_it_belongs),
        TEST(one_report_has_no_rates),
        TEST(restarted_broker_has_no_rates_until_its_second_report),
        TEST(count_that_fell_began_again_at_zero),
        TEST(worker_that_is_new_adds_no_rate_from_before_its_time),
        TEST(region_that_was_perhaps_left_out_before_has_no_rate),
        TEST(regions_come_by_depth_or_by_rate),
        TEST(promotion_shows_both_versions_with_their_threads),
        TEST(trouble_comes_first_and_says_that_the_rest_is_old),
        TEST(screen_fits_any_window_and_tells_what_it_leaves_out),
        TEST(nothing_in_a_report_steers_the_terminal),
        TEST(json_has_the_numbers_and_null_for_what_is_not_known),
        TEST(state_of_a_newer_broker_is_a_question_mark),
        TEST(several_brokers_are_a_row_each_and_their_sums),
        TEST(what_a_silent_broker_said_before_is_in_no_sum),
        TEST(broker_with_two_addresses_is_counted_once),
        TEST(rate_of_several_brokers_is_of_those_that_have_one),
        TEST(screen_of_several_brokers_fits_any_window),
        TEST(json_of_several_brokers_has_sums_and_who_does_not_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
