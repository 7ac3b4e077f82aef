/* test.h - cmocka with what it needs, in the order it needs it. */

#ifndef TESTS_LIB_TEST_H
#define TESTS_LIB_TEST_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
/* clang-format on */

#endif
