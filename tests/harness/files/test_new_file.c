#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/files/new_file.h"
#include "tests/support/folder.h"

static unsigned mode_of(const char *path)
{
    struct stat info;
    cr_assert_eq(stat(path, &info), 0, "%s", path);
    return info.st_mode & 07777;
}

static void write_text(const char *path, mode_t mode, const char *text)
{
    vlt_new_file file;
    vlt_error err = {0};
    cr_assert_eq(vlt_new_file_open(path, mode, &file, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_new_file_write(&file, text, strlen(text), &err), VLT_OK);
    cr_assert_eq(vlt_new_file_commit(&file, &err), VLT_OK, "%s", err.message);
    vlt_new_file_discard(&file);
}

static void expect_text(const char *path, const char *text)
{
    char found[64] = "";
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    found[fread(found, 1, sizeof found - 1, file)] = '\0';
    fclose(file);
    cr_expect_str_eq(found, text);
}

/* A new file has what the umask leaves; an old one keeps what it had, whatever the umask. */
Test(new_file, modes, .init = test_folder_make, .fini = test_folder_remove)
{
    const char *path = test_folder_path("a");
    umask(027);
    write_text(path, VLT_NEW_FILE_SHARED, "one");
    cr_expect_eq(mode_of(path), 0640);
    write_text(test_folder_path("p"), VLT_NEW_FILE_PRIVATE, "one");
    cr_expect_eq(mode_of(test_folder_path("p")), 0600);
    umask(0);
    write_text(path, VLT_NEW_FILE_SHARED, "two");
    cr_expect_eq(mode_of(path), 0640);
    cr_assert_eq(chmod(path, 0604), 0);
    umask(077);
    write_text(path, VLT_NEW_FILE_PRIVATE, "three");
    cr_expect_eq(mode_of(path), 0604);
    expect_text(path, "three");
}

Test(new_file, a_link_stays_one, .init = test_folder_make, .fini = test_folder_remove)
{
    const char *real = test_folder_path("real"), *link = test_folder_path("link");
    struct stat info;
    write_text(real, VLT_NEW_FILE_SHARED, "old");
    cr_assert_eq(symlink("real", link), 0);
    write_text(link, VLT_NEW_FILE_SHARED, "new");
    cr_assert_eq(lstat(link, &info), 0);
    cr_expect(S_ISLNK(info.st_mode));
    expect_text(real, "new");
}

Test(new_file, what_is_not_committed_leaves_nothing, .init = test_folder_make,
     .fini = test_folder_remove)
{
    const char *path = test_folder_path("a");
    vlt_new_file file;
    write_text(path, VLT_NEW_FILE_SHARED, "old");
    cr_assert_eq(vlt_new_file_open(path, VLT_NEW_FILE_SHARED, &file, NULL), VLT_OK);
    cr_assert_eq(vlt_new_file_write(&file, "new", 3, NULL), VLT_OK);
    vlt_new_file_discard(&file);
    vlt_new_file_discard(&file);
    expect_text(path, "old");
    cr_expect_eq(test_folder_entries(), 1);
}

Test(new_file, a_place_that_is_none_is_named, .init = test_folder_make, .fini = test_folder_remove)
{
    vlt_new_file file;
    vlt_error err = {0};
    const char *path = test_folder_path("no/such/place");
    cr_expect_eq(vlt_new_file_open(path, VLT_NEW_FILE_SHARED, &file, &err), VLT_STATUS_IO);
    cr_expect(strstr(err.message, path), "%s", err.message);
    vlt_new_file_discard(&file);
}

/* A full disk: what cannot be written is not put in place. */
Test(new_file, a_failed_write_is_not_committed, .init = test_folder_make,
     .fini = test_folder_remove)
{
    vlt_new_file file;
    vlt_error err = {0};
    const char *path = test_folder_path("a");
    write_text(path, VLT_NEW_FILE_SHARED, "old");
    cr_assert_eq(vlt_new_file_open(path, VLT_NEW_FILE_SHARED, &file, &err), VLT_OK);
    cr_assert_not_null(freopen("/dev/full", "wb", file.stream));
    vlt_new_file_write(&file, "new", 3, &err);
    cr_expect_eq(vlt_new_file_commit(&file, &err), VLT_STATUS_IO);
    vlt_new_file_discard(&file);
    expect_text(path, "old");
    cr_expect_eq(test_folder_entries(), 1);
}
