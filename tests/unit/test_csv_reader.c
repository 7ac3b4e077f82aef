/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a CSV file gives its rows exactly, each with its line, or a sentence that names
 * file and line. Never a row that is not in the file.
 * Method: small files, each with one trait; then seeded random tables, written quoted or
 * plain with each kind of line end, plain or gzipped, and read back. */

#include "table/csv_reader.h"
#include "table/csv_writer.h"
#include "tests/lib/test.h"
#include "tests/unit/folder_fixture.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { ROW_TEXT_MAX = 1 << 20, CELLS_MAX = 4096 };

static struct error_text error;

static struct csv_reader *open_bytes(struct folder_fixture *folder, const void *bytes,
                                     size_t size)
{
    struct csv_reader *reader = NULL;
    const char *path = folder_write(folder, "table.csv", bytes, size);
    if (csv_reader_open(path, &reader, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return reader;
}

static struct csv_reader *open_text(struct folder_fixture *folder, const char *text)
{
    return open_bytes(folder, text, strlen(text));
}

/* The next row is on `line` and its cells, each after a bar, are `cells`. */
static void expect_row(struct csv_reader *reader, uint64_t line, const char *cells)
{
    struct csv_row row;
    char found[512] = "";
    if (csv_reader_next(reader, &row, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    for (size_t i = 0; i < csv_reader_column_count(reader); i++) {
        strcat(found, "|");
        strcat(found, row.cells[i]);
    }
    assert_string_equal(found, cells);
    assert_int_equal(row.line, line);
}

static void expect_end(struct csv_reader *reader)
{
    struct csv_row row;
    assert_int_equal(csv_reader_next(reader, &row, &error), STATUS_END);
    assert_int_equal(csv_reader_next(reader, &row, &error), STATUS_END);
    csv_reader_close(reader);
}

static void expect_refusal(struct csv_reader *reader, const char *sentence)
{
    struct csv_row row;
    assert_int_equal(csv_reader_next(reader, &row, &error), STATUS_MALFORMED);
    assert_says(&error, "table.csv: line ");
    assert_says(&error, sentence);
    csv_reader_close(reader);
}

/* What does not even open. */
static void refuse_bytes(struct folder_fixture *folder, const void *bytes, size_t size,
                         const char *sentence)
{
    struct csv_reader *reader = (struct csv_reader *)folder; /* must be overwritten */
    const char *path = folder_write(folder, "table.csv", bytes, size);
    assert_int_equal(csv_reader_open(path, &reader, &error), STATUS_MALFORMED);
    assert_null(reader);
    assert_says(&error, path);
    assert_says(&error, sentence);
}

static void refuse_text(struct folder_fixture *folder, const char *text,
                        const char *sentence)
{
    refuse_bytes(folder, text, strlen(text), sentence);
}

/* ---- rows ---- */

static void rows_come_with_their_number_and_line(void **state)
{
    struct csv_row row;
    struct csv_reader *reader = open_text(*state, "a,b\n1,2\n\n\n3,4");
    assert_int_equal(csv_reader_column_count(reader), 2);
    assert_string_equal(csv_reader_column_name(reader, 1), "b");
    expect_row(reader, 2, "|1|2");
    assert_int_equal(csv_reader_next(reader, &row, &error), STATUS_OK);
    assert_int_equal(row.number, 2);
    assert_int_equal(row.line, 5);
    expect_end(reader);
}

static void quotes_hide_commas_quotes_and_line_ends(void **state)
{
    struct csv_reader *reader =
        open_text(*state, "a,b\n\"x,\"\"y\"\"\",\"one\ntwo\"\n\"\n\n\",z\n5,6\n");
    expect_row(reader, 2, "|x,\"y\"|one\ntwo");
    expect_row(reader, 4, "|\n\n|z");
    expect_row(reader, 7, "|5|6");
    expect_end(reader);
}

static void each_kind_of_line_end_ends_one_line(void **state)
{
    static const char *const files[] = {"a,b\r\n1,2\r\n\r\n3,\"x\r\ny\"\r\n5,6\r\n",
                                        "a,b\r1,2\r\r3,\"x\ry\"\r5,6\r",
                                        "a,b\n1,2\n\n3,\"x\ny\"\n5,6\n"};
    static const char *const folded[] = {"|3|x\r\ny", "|3|x\ry", "|3|x\ny"};
    for (size_t i = 0; i < 3; i++) {
        struct csv_reader *reader = open_text(*state, files[i]);
        expect_row(reader, 2, "|1|2");
        expect_row(reader, 4, folded[i]);
        expect_row(reader, 6, "|5|6");
        expect_end(reader);
    }
}

static void kinds_of_line_end_may_be_mixed(void **state)
{
    struct csv_reader *reader =
        open_text(*state, "a\r1\n2\r\n\r\n\n\r3\n\"\r\n\n\r\"\r\n4");
    expect_row(reader, 2, "|1");
    expect_row(reader, 3, "|2");
    expect_row(reader, 7, "|3");
    expect_row(reader, 8, "|\r\n\n\r");
    expect_row(reader, 12, "|4");
    expect_end(reader);
}

static void rows_parted_by_a_bare_return_are_never_joined(void **state)
{
    struct csv_reader *reader = open_text(*state, "a,b,c,d\n1,2\r3,4\n");
    expect_refusal(reader, "line 2 has 2 cells, the header has 4");
}

static void cells_keep_their_spaces_and_may_be_empty(void **state)
{
    struct csv_reader *reader = open_text(*state, "a,b c , d\n 1 ,,\"\"\n,,\n");
    assert_string_equal(csv_reader_column_name(reader, 1), "b c ");
    assert_string_equal(csv_reader_column_name(reader, 2), " d");
    expect_row(reader, 2, "| 1 ||");
    expect_row(reader, 3, "|||");
    expect_end(reader);
}

static void byte_order_mark_is_no_part_of_the_first_name(void **state)
{
    struct csv_reader *reader = open_text(*state, "\xef\xbb\xbf"
                                                  "a,b\n1,2\n");
    assert_string_equal(csv_reader_column_name(reader, 0), "a");
    expect_row(reader, 2, "|1|2");
    expect_end(reader);
    reader = open_text(*state, "\xef\xbb\xbf\"a,1\",b\n1,2\n");
    assert_string_equal(csv_reader_column_name(reader, 0), "a,1");
    expect_row(reader, 2, "|1|2");
    expect_end(reader);
}

static void header_alone_is_a_table_of_no_rows(void **state)
{
    expect_end(open_text(*state, "a,b"));
    expect_end(open_text(*state, "a,b\n\n\n"));
}

static void column_is_found_by_name_or_the_sentence_lists_them(void **state)
{
    size_t column = 9;
    struct csv_reader *reader = open_text(*state, "age,sex\n1,2\n");
    assert_int_equal(csv_reader_find(reader, "sex", &column, &error), STATUS_OK);
    assert_int_equal(column, 1);
    assert_int_equal(csv_reader_find(reader, "Sex", &column, &error), STATUS_NOT_FOUND);
    assert_says(&error, "no column 'Sex'; there are: age, sex");
    csv_reader_close(reader);
}

static void list_of_many_columns_is_cut(void **state)
{
    static char header[CELLS_MAX * 8];
    size_t column, used = 0;
    for (int i = 0; i < CELLS_MAX; i++)
        used += (size_t)sprintf(header + used, "%sc%05d", i > 0 ? "," : "", i);
    struct csv_reader *reader = open_text(*state, header);
    assert_int_equal(csv_reader_column_count(reader), CELLS_MAX);
    assert_int_equal(csv_reader_find(reader, "c04095", &column, &error), STATUS_OK);
    assert_int_equal(csv_reader_find(reader, "x", &column, &error), STATUS_NOT_FOUND);
    assert_says(&error, "c00001");
    csv_reader_close(reader);
}

/* ---- refusals ---- */

static void ragged_row_is_refused_with_its_line(void **state)
{
    struct csv_reader *reader = open_text(*state, "a,b\n\"1\n1\",2\n\n3\n");
    expect_row(reader, 2, "|1\n1|2");
    expect_refusal(reader, "line 5 has 1 cells, the header has 2");
    expect_refusal(open_text(*state, "a,b\n1,2,3\n"),
                   "line 2 has 3 cells, the header has 2");
    expect_refusal(open_text(*state, "a,b\n1,2,\n"), "line 2 has 3 cells");
}

static void bad_quoting_is_refused_where_the_row_began(void **state)
{
    expect_refusal(open_text(*state, "a,b\n1,x\"y\n"), "line 2: a quote that is not");
    expect_refusal(open_text(*state, "a,b\n1,\"x\"y\n"), "line 2: a quote that is not");
    expect_refusal(open_text(*state, "a,b\n\n1,\"x\n\ny\n"),
                   "line 3: the file ends inside quotes");
}

static void nul_byte_is_refused(void **state)
{
    static const char row[] = "a,b\n1,2\n1,\0002\n";
    struct csv_reader *reader = open_bytes(*state, row, sizeof row - 1);
    expect_row(reader, 2, "|1|2");
    expect_refusal(reader, "line 3: a NUL byte");
    static const char utf16[] = "\xff\xfe"
                                "a\0,\0b\0\n\0";
    refuse_bytes(*state, utf16, sizeof utf16 - 1, "line 1: a NUL byte");
}

static void header_must_name_each_column_once(void **state)
{
    refuse_text(*state, "", "empty; expected a header line");
    refuse_text(*state, "\n\n", "empty; expected a header line");
    refuse_text(*state, "\xef\xbb\xbf", "empty; expected a header line");
    refuse_text(*state, "a,,c\n", "column 2 has no name");
    refuse_text(*state, "a,b,a\n", "the header has the column 'a' twice");
    refuse_text(*state, "a,\"b\n1,2\n", "line 1: the file ends inside quotes");
}

static void row_beyond_the_limits_is_refused(void **state)
{
    static char text[ROW_TEXT_MAX + 64];
    memset(text, 'x', sizeof text);
    memcpy(text, "a\n", 2);
    text[ROW_TEXT_MAX] = '\n'; /* two bytes less than the limit, with its end */
    struct csv_reader *reader = open_bytes(*state, text, ROW_TEXT_MAX + 1);
    struct csv_row row;
    assert_int_equal(csv_reader_next(reader, &row, &error), STATUS_OK);
    assert_int_equal(strlen(row.cells[0]), ROW_TEXT_MAX - 2);
    csv_reader_close(reader);

    text[ROW_TEXT_MAX] = 'x';
    expect_refusal(open_bytes(*state, text, sizeof text), "line 2: the row is larger");
    memset(text, ',', CELLS_MAX + 1);
    refuse_bytes(*state, text, CELLS_MAX + 1, "line 1: the row is larger");
}

static void quote_that_never_ends_is_refused_in_bounded_memory(void **state)
{
    struct folder_fixture *folder = *state;
    char block[4096];
    memset(block, '\n', sizeof block);
    gzFile file = gzopen(folder_path(folder, "table.csv"), "wb1");
    gzputs(file, "a\n\"");
    for (int i = 0; i < 8 * 256; i++)
        assert_int_equal(gzwrite(file, block, sizeof block), sizeof block);
    assert_int_equal(gzclose(file), Z_OK);
    struct csv_reader *reader;
    assert_int_equal(csv_reader_open(folder->file, &reader, &error), STATUS_OK);
    expect_refusal(reader, "line 2: the row is larger");
}

static void missing_folder_and_unreadable_files_are_told_apart(void **state)
{
    struct folder_fixture *folder = *state;
    struct csv_reader *reader;
    assert_int_equal(csv_reader_open(folder_path(folder, "none"), &reader, &error),
                     STATUS_NOT_FOUND);
    assert_says(&error, "none: No such file");
    assert_null(reader);
    assert_int_equal(csv_reader_open(folder->path, &reader, &error), STATUS_INVALID);
    assert_says(&error, "a folder, not a CSV file");
    csv_reader_close(NULL);
}

/* ---- gzip ---- */

static const char *write_gzip(struct folder_fixture *folder, const char *mode,
                              const char *text, size_t repeat)
{
    gzFile file = gzopen(folder_path(folder, "table.csv"), mode);
    assert_non_null(file);
    for (size_t i = 0; i < repeat; i++)
        assert_int_equal(gzputs(file, text), strlen(text));
    assert_int_equal(gzclose(file), Z_OK);
    return folder->file;
}

static size_t read_whole(const char *path, uint8_t *bytes, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, room, file);
    fclose(file);
    return size;
}

static void gzip_is_known_by_its_content(void **state)
{
    struct csv_reader *reader;
    write_gzip(*state, "wb", "a,b\n1,2\n", 1);
    const char *path = write_gzip(*state, "ab", "3,4\n", 1); /* a second member */
    assert_int_equal(csv_reader_open(path, &reader, &error), STATUS_OK);
    expect_row(reader, 2, "|1|2");
    expect_row(reader, 3, "|3|4");
    expect_end(reader);
}

/* Read to the end, whichever it is. */
static enum status drain(const char *path)
{
    struct csv_reader *reader;
    struct csv_row row;
    enum status status = csv_reader_open(path, &reader, &error);
    while (status == STATUS_OK)
        status = csv_reader_next(reader, &row, &error);
    csv_reader_close(reader);
    return status;
}

static void truncated_gzip_is_never_taken_for_the_whole(void **state)
{
    struct folder_fixture *folder = *state;
    static uint8_t bytes[1 << 16];
    const char *path = write_gzip(folder, "wb", "a1\nb2\nc3\n", 20);
    size_t size = read_whole(path, bytes, sizeof bytes);
    assert_int_equal(drain(path), STATUS_END);
    for (size_t cut = 2; cut < size; cut++) { /* one byte is no gzip yet */
        enum status status = drain(folder_write(folder, "table.csv", bytes, cut));
        if (status != STATUS_MALFORMED)
            fail_msg("cut to %zu of %zu bytes: %s", cut, size, status_text(status));
        assert_says(&error, "table.csv: ");
        assert_null(strstr(strstr(error.text, "table.csv") + 1, "table.csv"));
    }
}

static void damaged_gzip_is_refused(void **state)
{
    struct folder_fixture *folder = *state;
    static uint8_t bytes[1 << 16];
    const char *path = write_gzip(folder, "wb", "a1\nb2\nc3\n", 20);
    size_t size = read_whole(path, bytes, sizeof bytes);
    bytes[size - 6] ^= 1; /* of the checksum */
    assert_int_equal(drain(folder_write(folder, "table.csv", bytes, size)),
                     STATUS_MALFORMED);
    assert_says(&error, "table.csv: incorrect data check");
}

static void fraction_grows_to_one(void **state)
{
    struct csv_row row;
    struct csv_reader *reader;
    const char *path = write_gzip(*state, "wb", "1,2\n", 300000);
    assert_int_equal(csv_reader_open(path, &reader, &error), STATUS_OK);
    double last = csv_reader_fraction(reader);
    assert_true(last >= 0 && last < 1);
    while (csv_reader_next(reader, &row, &error) == STATUS_OK) {
        double fraction = csv_reader_fraction(reader);
        assert_true(fraction >= last && fraction <= 1);
        last = fraction;
    }
    assert_int_equal(row.number, 299999);
    assert_true(last == 1);
    csv_reader_close(reader);
}

/* ---- random tables ---- */

enum { RANDOM_COLUMNS = 4, RANDOM_ROWS = 3000, CELL_MAX = 12 };

static char random_table[RANDOM_ROWS][RANDOM_COLUMNS][CELL_MAX + 1];

/* In quotes a cell may hold all of these, plain only the first six. */
static bool make_cell(char *cell)
{
    static const char letters[] = "aZ0 .\xc3,\"\n\r";
    bool quoted = rand() % 2 == 0;
    int size = rand() % CELL_MAX;
    for (int i = 0; i < size; i++)
        cell[i] = letters[(size_t)rand() % (quoted ? sizeof letters - 1 : 6)];
    cell[size] = '\0';
    return quoted;
}

static void put_cell(gzFile file, const char *cell, bool quoted)
{
    if (!quoted) {
        gzputs(file, cell);
        return;
    }
    gzputc(file, '"');
    for (; *cell != '\0'; cell++) {
        if (*cell == '"')
            gzputc(file, '"');
        gzputc(file, *cell);
    }
    gzputc(file, '"');
}

static const char *write_random(struct folder_fixture *folder, const char *mode,
                                const char *line_end)
{
    gzFile file = gzopen(folder_path(folder, "table.csv"), mode);
    assert_non_null(file);
    gzprintf(file, "a,b,c,d%s", line_end);
    for (size_t row = 0; row < RANDOM_ROWS; row++) {
        for (size_t column = 0; column < RANDOM_COLUMNS; column++) {
            char *cell = random_table[row][column];
            bool quoted = make_cell(cell);
            put_cell(file, cell, quoted);
            gzputs(file, column + 1 < RANDOM_COLUMNS ? "," : line_end);
        }
    }
    assert_int_equal(gzclose(file), Z_OK);
    return folder->file;
}

static void read_random(const char *path)
{
    struct csv_reader *reader;
    struct csv_row row;
    assert_int_equal(csv_reader_open(path, &reader, &error), STATUS_OK);
    for (size_t i = 0; i < RANDOM_ROWS; i++) {
        if (csv_reader_next(reader, &row, &error) != STATUS_OK)
            fail_msg("%s", error.text);
        assert_int_equal(row.number, i + 1);
        for (size_t column = 0; column < RANDOM_COLUMNS; column++)
            assert_string_equal(row.cells[column], random_table[i][column]);
    }
    expect_end(reader);
}

static void random_tables_are_read_as_they_were_written(void **state)
{
    static const char *const line_ends[] = {"\n", "\r\n", "\r"};
    static const char *const modes[] = {"wbT", "wb1"}; /* plain, gzip */
    srand(folder_seed(1));
    for (size_t i = 0; i < 6; i++)
        read_random(write_random(*state, modes[i % 2], line_ends[i / 2]));
}

static void what_the_writer_writes_the_reader_reads(void **state)
{
    struct folder_fixture *folder = *state;
    static const char *const texts[] = {
        "plain", "", "a,b", "\"", "two\nlines", "a\rb", " sp ", "\"q\",\"", "\xc3\xa9"};
    enum { COUNT = sizeof texts / sizeof texts[0] };
    FILE *file = fopen(folder_path(folder, "table.csv"), "wb");
    assert_non_null(file);
    for (size_t i = 0; i <= COUNT; i++)
        csv_write_count(file, i == 0, i);
    csv_write_end(file);
    for (size_t i = 0; i < COUNT; i++)
        csv_write_text(file, i == 0, texts[i]);
    csv_write_count(file, 0, UINT64_MAX);
    csv_write_end(file);
    fclose(file);

    struct csv_reader *reader;
    struct csv_row row;
    assert_int_equal(csv_reader_open(folder->file, &reader, &error), STATUS_OK);
    assert_int_equal(csv_reader_next(reader, &row, &error), STATUS_OK);
    for (size_t i = 0; i < COUNT; i++)
        assert_string_equal(row.cells[i], texts[i]);
    assert_string_equal(row.cells[COUNT], "18446744073709551615");
    expect_end(reader);
}

int main(void)
{
#define TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, folder_fixture_open, folder_fixture_close)
    const struct CMUnitTest tests[] = {
        TEST(rows_come_with_their_number_and_line),
        TEST(quotes_hide_commas_quotes_and_line_ends),
        TEST(each_kind_of_line_end_ends_one_line),
        TEST(kinds_of_line_end_may_be_mixed),
        TEST(rows_parted_by_a_bare_return_are_never_joined),
        TEST(cells_keep_their_spaces_and_may_be_empty),
        TEST(byte_order_mark_is_no_part_of_the_first_name),
        TEST(header_alone_is_a_table_of_no_rows),
        TEST(column_is_found_by_name_or_the_sentence_lists_them),
        TEST(list_of_many_columns_is_cut),
        TEST(ragged_row_is_refused_with_its_line),
        TEST(bad_quoting_is_refused_where_the_row_began),
        TEST(nul_byte_is_refused),
        TEST(header_must_name_each_column_once),
        TEST(row_beyond_the_limits_is_refused),
        TEST(quote_that_never_ends_is_refused_in_bounded_memory),
        TEST(missing_folder_and_unreadable_files_are_told_apart),
        TEST(gzip_is_known_by_its_content),
        TEST(truncated_gzip_is_never_taken_for_the_whole),
        TEST(damaged_gzip_is_refused),
        TEST(fraction_grows_to_one),
        TEST(random_tables_are_read_as_they_were_written),
        TEST(what_the_writer_writes_the_reader_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
