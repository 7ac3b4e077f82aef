/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the commands find one machine's cluster by its folder, or say why they cannot; a
 * slip of a name is met with the nearest. Method: examples. */

#include "client/data_folder.h"
#include "client/nearest.h"
#include "tests/lib/test.h"

#include <string.h>

static void names_lie_in_the_folder(void **state)
{
    (void)state;
    struct data_folder folder;
    struct error_text error = {""};
    assert_int_equal(data_folder_name("some/where", &folder, &error), STATUS_OK);
    assert_string_equal(folder.store, "sqlite:some/where/store.db");
    assert_string_equal(folder.front, "ipc://some/where/front.ipc");
    assert_string_equal(folder.back, "ipc://some/where/back.ipc");
    assert_string_equal(folder.lock, "some/where/cluster.lock");
}

static void trailing_slashes_change_nothing(void **state)
{
    (void)state;
    struct data_folder folder;
    assert_int_equal(data_folder_name("/tmp/x//", &folder, NULL), STATUS_OK);
    assert_string_equal(folder.front, "ipc:///tmp/x/front.ipc");
    assert_int_equal(data_folder_name("/", &folder, NULL), STATUS_OK);
}

static void an_empty_path_is_refused(void **state)
{
    (void)state;
    struct data_folder folder;
    struct error_text error = {""};
    assert_int_equal(data_folder_name("", &folder, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "empty"));
}

static void a_path_too_long_for_a_socket_is_refused_by_how_much(void **state)
{
    (void)state;
    struct data_folder folder;
    struct error_text error = {""};
    char path[128];
    memset(path, 'x', sizeof path);
    path[97] = '\0'; /* with "/front.ipc" exactly 107 */
    assert_int_equal(data_folder_name(path, &folder, &error), STATUS_OK);
    assert_int_equal(strlen(folder.front), strlen("ipc://") + 107);
    path[97] = 'x';
    path[100] = '\0';
    assert_int_equal(data_folder_name(path, &folder, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "3 bytes too long"));
    assert_non_null(strstr(error.text, "at most 97"));
}

static void several_brokers_have_numbers_from_the_second_on(void **state)
{
    (void)state;
    struct data_folder folder;
    struct error_text error = {""};
    char path[98];
    assert_int_equal(data_folder_name("x/", &folder, NULL), STATUS_OK);
    assert_int_equal(data_folder_set_brokers(&folder, 3, NULL), STATUS_OK);
    assert_string_equal(folder.front,
                        "ipc://x/front.ipc,ipc://x/front2.ipc,ipc://x/front3.ipc");
    assert_string_equal(folder.back,
                        "ipc://x/back.ipc,ipc://x/back2.ipc,ipc://x/back3.ipc");
    data_folder_find_brokers(&folder); /* of none there is a socket */
    assert_string_equal(folder.front, "ipc://x/front.ipc");

    memset(path, 'x', sizeof path);
    path[97] = '\0'; /* long enough for one */
    assert_int_equal(data_folder_name(path, &folder, NULL), STATUS_OK);
    assert_int_equal(data_folder_set_brokers(&folder, 1, NULL), STATUS_OK);
    assert_int_equal(data_folder_set_brokers(&folder, 2, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "1 bytes too long"));
}

static void a_slip_is_met_with_the_nearest_name(void **state)
{
    (void)state;
    static const char *const names[] = {"up", "train", "score", "demand", "demo"};
    assert_string_equal(nearest_name("trian", names, 5), "train");
    assert_string_equal(nearest_name("scores", names, 5), "score");
    assert_string_equal(nearest_name("deman", names, 5), "demand");
    assert_string_equal(nearest_name("pu", names, 5), "up");
    assert_null(nearest_name("xyzzy", names, 5));
    assert_null(nearest_name("zz", names, 5));
    assert_null(nearest_name("", names, 5));
    assert_null(nearest_name("trainxtrainxtrainxtrainxtrainxtrainx", names, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lie_in_the_folder),
        cmocka_unit_test(trailing_slashes_change_nothing),
        cmocka_unit_test(an_empty_path_is_refused),
        cmocka_unit_test(a_path_too_long_for_a_socket_is_refused_by_how_much),
        cmocka_unit_test(several_brokers_have_numbers_from_the_second_on),
        cmocka_unit_test(a_slip_is_met_with_the_nearest_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
