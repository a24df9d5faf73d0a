/* Files that appear whole or not at all, and what is no file. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"

TestSuite(write_file, .init = test_folder_make, .fini = test_folder_remove);

static void expect(const char *path, const char *expected)
{
    size_t bytes = 0;
    char *text = test_read_file(path, &bytes);
    cr_assert(text && !strcmp(text, expected), "%s", path);
    free(text);
}

Test(write_file, replaces_and_leaves_nothing_beside)
{
    const char *path = test_folder_path("file");
    cr_assert_eq(vlt_write_file(path, "one", 3, NULL), VLT_OK);
    cr_assert_eq(vlt_write_file(path, "second", 6, NULL), VLT_OK);
    expect(path, "second");
    cr_assert_eq(test_folder_entries(), 1);
}

/* A name of as many bytes as a name may have leaves no room for a longer one beside it. */
Test(write_file, the_longest_names_are_written)
{
    static const char *const letters[] = {"a", "\xE4\xB8\xAD", "\xE9"};
    for (int i = 0; i < 3; i++) {
        char name[256] = "";
        size_t length = strlen(letters[i]);
        for (size_t used = 0; used + length <= 255; used += length) {
            memcpy(name + used, letters[i], length + 1);
        }
        const char *path = test_folder_path(name);
        vlt_error err = {0};
        cr_assert_eq(vlt_write_file(path, "one", 3, &err), VLT_OK, "%s", err.message);
        expect(path, "one");
        cr_assert_eq(test_folder_entries(), i + 1);
    }
}

Test(write_file, follows_a_link)
{
    struct stat info;
    const char *path = test_folder_path("file"), *link = test_folder_path("link");
    cr_assert_eq(vlt_write_file(path, "one", 3, NULL), VLT_OK);
    cr_assert_eq(symlink(path, link), 0);
    cr_assert_eq(vlt_write_file(link, "two", 3, NULL), VLT_OK);
    expect(path, "two");
    cr_assert(lstat(link, &info) == 0 && S_ISLNK(info.st_mode));
}

Test(write_file, writes_into_a_pipe)
{
    struct stat info;
    char text[8] = "";
    const char *path = test_folder_path("pipe");
    cr_assert_eq(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    cr_assert_eq(vlt_write_file(path, "text", 4, NULL), VLT_OK);
    cr_assert_eq(read(reader, text, sizeof text - 1), 4);
    cr_assert_str_eq(text, "text");
    close(reader);
    cr_assert(stat(path, &info) == 0 && S_ISFIFO(info.st_mode));
}

Test(write_file, trouble_names_the_path)
{
    static const char *const paths[] = {"/nonexistent/file", "/dev/full", "/"};
    for (int i = 0; i < 3; i++) {
        vlt_error err = {0};
        cr_assert_eq(vlt_write_file(paths[i], "text", 4, &err), VLT_STATUS_IO, "%s", paths[i]);
        cr_assert(strstr(err.message, paths[i]), "%s", err.message);
    }
}
