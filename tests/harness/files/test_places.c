/* Where a user's files are, and whether a file is the one that it was. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/files/file_identity.h"
#include "harness/files/places.h"
#include "tests/support/folder.h"

static const char *place(vlt_place which, bool *homeless)
{
    static char text[256];
    char *path = NULL;
    cr_assert_eq(vlt_place_path(which, &path, homeless, NULL), VLT_OK);
    snprintf(text, sizeof text, "%s", path);
    free(path);
    return text;
}

Test(places, follow_the_environment)
{
    bool homeless = true;
    setenv("HOME", "/home/ada/", 1);
    setenv("XDG_CACHE_HOME", "/fast//", 1);
    unsetenv("XDG_CONFIG_HOME");
    setenv("XDG_DATA_HOME", "", 1);
    cr_expect_str_eq(place(VLT_PLACE_CACHE, &homeless), "/fast");
    cr_expect_not(homeless);
    cr_expect_str_eq(place(VLT_PLACE_CONFIG, NULL), "/home/ada/.config");
    cr_expect_str_eq(place(VLT_PLACE_DATA, NULL), "/home/ada/.local/share");
    setenv("XDG_CACHE_HOME", "relative/cache", 1);
    cr_expect_str_eq(place(VLT_PLACE_CACHE, &homeless), "/home/ada/.cache", "not absolute");
    setenv("XDG_CACHE_HOME", "/", 1);
    cr_expect_str_eq(place(VLT_PLACE_CACHE, &homeless), "/");
    setenv("HOME", "/", 1);
    cr_expect_str_eq(place(VLT_PLACE_CONFIG, NULL), "/.config");
}

Test(places, without_home_are_in_the_current_folder)
{
    static const char *const homes[] = {NULL, ""};
    for (int i = 0; i < 2; i++) {
        bool homeless = false;
        unsetenv("XDG_CACHE_HOME");
        unsetenv("HOME");
        if (homes[i]) {
            setenv("HOME", homes[i], 1);
        }
        cr_expect_str_eq(place(VLT_PLACE_CACHE, &homeless), "./.cache");
        cr_expect(homeless);
        setenv("XDG_CACHE_HOME", "/fast", 1);
        cr_expect_str_eq(place(VLT_PLACE_CACHE, &homeless), "/fast");
        cr_expect_not(homeless, "it was not needed");
    }
}

Test(places, are_shown_as_people_write_them)
{
    static const struct {
        const char *home, *path, *shown;
    } cases[] = {{"/home/ada", "/home/ada/.cache/vltune", "~/.cache/vltune"},
                 {"/home/ada/", "/home/ada/.cache", "~/.cache"},
                 {"/home/ad", "/home/ada/.cache", "/home/ada/.cache"},
                 {"/", "/.cache", "/.cache"},
                 {"", "./.cache", "./.cache"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setenv("HOME", cases[i].home, 1);
        char *shown = vlt_place_shown(cases[i].path);
        cr_expect_str_eq(shown, cases[i].shown);
        free(shown);
    }
}

Test(places, are_made_with_what_is_above_them, .init = test_folder_make, .fini = test_folder_remove)
{
    struct stat info;
    vlt_error err = {0};
    umask(0);
    cr_expect_eq(vlt_place_make(test_folder_path("a/b/c"), &err), VLT_OK, "%s", err.message);
    cr_expect_eq(vlt_place_make(test_folder_path("a/b/c"), &err), VLT_OK, "%s", err.message);
    cr_assert_eq(stat(test_folder_path("a/b/c"), &info), 0);
    cr_expect_eq(info.st_mode & 07777, 0700);
    FILE *file = fopen(test_folder_path("file"), "w");
    cr_assert_not_null(file);
    fclose(file);
    cr_expect_eq(vlt_place_make(test_folder_path("file/b"), &err), VLT_STATUS_IO);
    cr_expect(strstr(err.message, "file/b: "), "%s", err.message);
}

static vlt_file_identity identity_of(const char *path)
{
    struct stat info;
    cr_assert_eq(stat(path, &info), 0);
    return vlt_file_identity_of(&info);
}

static void put(const char *path, const char *text, int flags)
{
    int fd = open(path, O_WRONLY | O_CREAT | flags, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* Also by somebody who sets the time of writing back. */
Test(file_identity, sees_every_kind_of_change, .init = test_folder_make, .fini = test_folder_remove)
{
    const char *path = test_folder_path("file"), *other = test_folder_path("other");
    struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    put(path, "one", 0);
    cr_expect_not(vlt_file_identity_settled(&(vlt_file_identity[]){identity_of(path)}[0]),
                  "just written");
    cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
    usleep(20000); /* the clock of the file system goes on */
    vlt_file_identity before = identity_of(path);
    cr_expect(vlt_file_identity_holds(&before, path));
    put(path, "two", 0);
    cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
    cr_expect_not(vlt_file_identity_holds(&before, path), "written, its time set back");
    before = identity_of(path);
    put(other, "two", 0);
    cr_assert_eq(utimensat(AT_FDCWD, other, times, 0), 0);
    cr_assert_eq(rename(other, path), 0);
    cr_expect_not(vlt_file_identity_holds(&before, path), "replaced");
    before = identity_of(path);
    put(path, "longer", O_APPEND);
    cr_expect_not(vlt_file_identity_holds(&before, path), "longer");
    before = identity_of(path);
    before.written_ns = before.changed_ns = 0;
    cr_expect(vlt_file_identity_settled(&before));
    unlink(path);
    cr_expect_not(vlt_file_identity_holds(&before, path), "gone");
}
