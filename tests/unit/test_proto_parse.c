/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: bytes from outside become a message or NULL, and never take memory without bound.
 * Method: a message there and back; broken bytes; floods of empty fields on either side
 * of the bound. */
#include "base/proto_parse.h"

#include "batch.pb-c.h"

#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static void message_survives_its_bytes(void **state)
{
    (void)state;
    uint8_t codes[] = {3, 1, 2};
    Chw__Codes values;
    chw__codes__init(&values);
    values.codes = (ProtobufCBinaryData){sizeof codes, codes};
    Chw__Column column;
    chw__column__init(&column);
    column.name = (char[]){"age"};
    column.values_case = CHW__COLUMN__VALUES_CODES;
    column.codes = &values;
    Chw__Batch batch;
    chw__batch__init(&batch);
    batch.rows = 3;
    batch.n_columns = 1;
    batch.columns = (Chw__Column *[]){&column};

    uint8_t bytes[64];
    size_t size = chw__batch__get_packed_size(&batch);
    assert_true(size <= sizeof bytes);
    chw__batch__pack(&batch, bytes);
    ProtobufCMessage *message = proto_parse(&chw__batch__descriptor, bytes, size);
    assert_non_null(message);
    const Chw__Batch *back = (const Chw__Batch *)message;
    assert_int_equal(back->rows, 3);
    assert_int_equal(back->n_columns, 1);
    assert_string_equal(back->columns[0]->name, "age");
    assert_memory_equal(back->columns[0]->codes->codes.data, codes, sizeof codes);
    proto_free(message);
}

static void no_bytes_are_the_default_message(void **state)
{
    (void)state;
    ProtobufCMessage *message = proto_parse(&chw__batch__descriptor, NULL, 0);
    assert_non_null(message);
    assert_int_equal(((const Chw__Batch *)message)->rows, 0);
    proto_free(message);
    proto_free(NULL);
}

static void broken_bytes_do_not_parse(void **state)
{
    (void)state;
    static const uint8_t cut[] = {0x12, 0x05, 0x0a};    /* a column that ends early */
    static const uint8_t wire_type[] = {0x0f, 0x00};    /* field 1 of wire type 7 */
    static const uint8_t inside[] = {0x12, 0x01, 0x0a}; /* a column cut inside */
    assert_null(proto_parse(&chw__batch__descriptor, cut, sizeof cut));
    assert_null(proto_parse(&chw__batch__descriptor, wire_type, sizeof wire_type));
    assert_null(proto_parse(&chw__batch__descriptor, inside, sizeof inside));
}

/* `count` columns without a field: two bytes each. */
static ProtobufCMessage *parse_empty_columns(size_t count)
{
    uint8_t *bytes = malloc(2 * count);
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++)
        memcpy(bytes + 2 * i, "\x12\x00", 2);
    ProtobufCMessage *message = proto_parse(&chw__batch__descriptor, bytes, 2 * count);
    free(bytes);
    return message;
}

static void flood_of_empty_submessages_is_refused(void **state)
{
    (void)state;
    assert_null(parse_empty_columns(1 << 20));
    assert_null(parse_empty_columns(1 << 16));
}

static void most_columns_of_a_batch_fit_even_when_tiny(void **state)
{
    (void)state;
    ProtobufCMessage *message = parse_empty_columns(4096);
    assert_non_null(message);
    assert_int_equal(((const Chw__Batch *)message)->n_columns, 4096);
    proto_free(message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_survives_its_bytes),
        cmocka_unit_test(no_bytes_are_the_default_message),
        cmocka_unit_test(broken_bytes_do_not_parse),
        cmocka_unit_test(flood_of_empty_submessages_is_refused),
        cmocka_unit_test(most_columns_of_a_batch_fit_even_when_tiny),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
