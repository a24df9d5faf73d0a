/* Lines of files and pipes, and reads that are given up. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "harness/json/line_reader.h"
#include "optimizations/core/random.h"
#include "tests/support/folder.h"

TestSuite(line_reader, .init = test_folder_make, .fini = test_folder_remove);

static const char *file_of(const char *bytes, size_t count)
{
    const char *path = test_folder_path("lines");
    cr_assert_eq(vlt_write_file(path, bytes, count, NULL), VLT_OK);
    return path;
}

static void expect(vlt_line_reader *reader, vlt_buffer *line, const char *text, size_t bytes,
                   int64_t number)
{
    bool found;
    vlt_error err = {0};
    cr_assert_eq(vlt_line_reader_next(reader, line, &found, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(found, text != NULL);
    if (text) {
        cr_assert(line->bytes == bytes && !memcmp(line->data, text, bytes), "'%s'", line->data);
        cr_assert_eq(reader->line, number);
    }
}

Test(line_reader, blank_lines_are_counted_and_passed_over)
{
    static const char text[] = "one\n\n \t\r\ntwo\r\n\r\r\n three \na\0b\n\nlast";
    vlt_line_reader reader;
    vlt_buffer line = {0};
    const char *path = file_of(text, sizeof text - 1);
    cr_assert_eq(vlt_line_reader_open(path, &reader, NULL), VLT_OK);
    expect(&reader, &line, "one", 3, 1);
    expect(&reader, &line, "two", 3, 4);
    expect(&reader, &line, " three ", 7, 6);
    expect(&reader, &line, "a\0b", 3, 7);
    expect(&reader, &line, "last", 4, 9);
    expect(&reader, &line, NULL, 0, 0);
    expect(&reader, &line, NULL, 0, 0);
    vlt_line_reader_close(&reader);
    free(line.data);
}

/* Lengths around the pieces that are read, against cutting by hand. */
Test(line_reader, random_lengths)
{
    vlt_random random = {4};
    for (int round = 0; round < 20; round++) {
        vlt_line_reader reader;
        vlt_buffer text = {0}, line = {0};
        size_t length[40];
        int lines = (int)vlt_random_range(&random, 1, 40);
        for (int i = 0; i < lines; i++) {
            length[i] = (size_t)vlt_random_range(&random, 1, i % 5 ? 3000 : 200000);
            for (size_t k = 0; k < length[i]; k++) {
                vlt_buffer_put(&text, &"abcdefghij"[(k + (size_t)i) % 10], 1);
            }
            vlt_buffer_text(&text, i + 1 < lines || round % 2 ? "\n" : "");
        }
        const char *path = file_of(text.data, text.bytes), *at = text.data;
        cr_assert_eq(vlt_line_reader_open(path, &reader, NULL), VLT_OK);
        for (int i = 0; i < lines; i++) {
            expect(&reader, &line, at, length[i], i + 1);
            at += length[i] + 1;
        }
        expect(&reader, &line, NULL, 0, 0);
        vlt_line_reader_close(&reader);
        free(text.data);
        free(line.data);
    }
}

Test(line_reader, troubles_name_the_file)
{
    vlt_line_reader reader;
    vlt_buffer line = {0};
    vlt_error err = {0};
    bool found;
    cr_expect_eq(vlt_line_reader_open("/absent/lines", &reader, &err), VLT_STATUS_IO);
    cr_expect_not_null(strstr(err.message, "/absent/lines"), "%s", err.message);
    vlt_line_reader_close(&reader);
    cr_assert_eq(vlt_line_reader_open("/", &reader, &err), VLT_OK);
    cr_expect_eq(vlt_line_reader_next(&reader, &line, &found, &err), VLT_STATUS_IO);
    cr_expect_not_null(strstr(err.message, "directory"), "%s", err.message);
    vlt_line_reader_close(&reader);
    free(line.data);
}

static bool third_time(void *user)
{
    int *asked = user;
    return ++*asked >= 3;
}

/* A named pipe that nobody writes is no end of input: it is waited for until somebody says stop. */
Test(line_reader, a_wait_is_given_up)
{
    const char *path = test_folder_path("pipe");
    vlt_line_reader reader;
    vlt_buffer line = {0};
    vlt_error err = {0};
    char *text;
    size_t bytes;
    bool found;
    int asked = 0;
    const vlt_stop stop = {third_time, &asked};
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(vlt_line_reader_open(path, &reader, NULL), VLT_OK);
    reader.stop = stop;
    cr_expect_eq(vlt_line_reader_next(&reader, &line, &found, &err), VLT_STATUS_INTERRUPTED);
    cr_expect_not_null(strstr(err.message, path), "%s", err.message);
    cr_expect_eq(asked, 3);
    vlt_line_reader_close(&reader);
    asked = 0;
    cr_expect_eq(vlt_read_file_until(path, 100, &stop, &text, &bytes, &err),
                 VLT_STATUS_INTERRUPTED);
    cr_expect_null(text);
    free(line.data);
}

static void *write_late(void *path)
{
    usleep(300 * 1000);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    (void)!write(file, "[1,", 3);
    usleep(200 * 1000);
    (void)!write(file, "2]", 2);
    close(file);
    return NULL;
}

Test(line_reader, a_late_writer_is_waited_for)
{
    static char path[256];
    pthread_t writer;
    char *text;
    size_t bytes;
    vlt_error err = {0};
    snprintf(path, sizeof path, "%s", test_folder_path("pipe"));
    cr_assert_eq(mkfifo(path, 0600), 0);
    pthread_create(&writer, NULL, write_late, path);
    cr_expect_eq(vlt_read_file(path, 100, &text, &bytes, &err), VLT_OK, "%s", err.message);
    pthread_join(writer, NULL);
    cr_expect_str_eq(text, "[1,2]");
    free(text);
}
