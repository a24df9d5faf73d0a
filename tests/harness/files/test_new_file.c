#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

/* The link would become a file, and where it led nothing would be. */
Test(new_file, a_link_that_leads_nowhere_stays, .init = test_folder_make,
     .fini = test_folder_remove)
{
    static const char *const targets[] = {"absent", "link", "no/folder"};
    const char *link = test_folder_path("link");
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct stat info;
        vlt_new_file file;
        vlt_error err = {0};
        cr_assert_eq(symlink(targets[i], link), 0);
        cr_expect_eq(vlt_new_file_open(link, VLT_NEW_FILE_SHARED, &file, &err), VLT_STATUS_IO);
        cr_expect(strstr(err.message, link), "%s", err.message);
        cr_expect(lstat(link, &info) == 0 && S_ISLNK(info.st_mode), "%s", targets[i]);
        cr_expect_eq(test_folder_entries(), 1);
        cr_assert_eq(unlink(link), 0);
    }
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

/* What is no regular file is written to and stays what it is, also behind a link; nothing appears
 * beside it. A folder is refused before anything is written. */
Test(new_file, a_pipe_stays_one, .init = test_folder_make, .fini = test_folder_remove)
{
    const char *pipe_path = test_folder_path("pipe"), *link = test_folder_path("link");
    const char *path[] = {pipe_path, link};
    cr_assert_eq(mkfifo(pipe_path, 0600), 0);
    cr_assert_eq(symlink("pipe", link), 0);
    for (int i = 0; i < 2; i++) {
        struct stat info;
        char found[16] = "";
        int reader = open(pipe_path, O_RDONLY | O_NONBLOCK);
        write_text(path[i], VLT_NEW_FILE_SHARED, "text");
        cr_expect_eq(read(reader, found, sizeof found - 1), 4);
        cr_expect_str_eq(found, "text");
        close(reader);
        cr_assert_eq(stat(path[i], &info), 0);
        cr_expect(S_ISFIFO(info.st_mode));
        cr_expect_eq(test_folder_entries(), 2);
    }
}

Test(new_file, a_folder_is_refused, .init = test_folder_make, .fini = test_folder_remove)
{
    vlt_new_file file;
    vlt_error err = {0};
    cr_expect_eq(vlt_new_file_open(test_folder_path(""), VLT_NEW_FILE_SHARED, &file, &err),
                 VLT_STATUS_IO);
    cr_expect(strstr(err.message, "Is a directory"), "%s", err.message);
    vlt_new_file_discard(&file);
    cr_expect_eq(test_folder_entries(), 0);
}

/* A process that has begun to write and sleeps. */
static pid_t start_writer(const char *path)
{
    int ready[2];
    char byte;
    cr_assert_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        vlt_new_file file;
        if (vlt_new_file_open(path, VLT_NEW_FILE_SHARED, &file, NULL) != VLT_OK ||
            vlt_new_file_write(&file, "half", 4, NULL) != VLT_OK || fflush(file.stream) != 0 ||
            write(ready[1], "x", 1) != 1) {
            _exit(1);
        }
        pause();
    }
    close(ready[1]);
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void kill_writer(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

Test(new_file, what_killed_writers_left_goes_with_the_next, .init = test_folder_make,
     .fini = test_folder_remove)
{
    const char *path = test_folder_path("a");
    pid_t writer[3];
    for (int i = 0; i < 3; i++) {
        writer[i] = start_writer(path);
    }
    kill_writer(writer[0]);
    kill_writer(writer[1]);
    cr_assert_eq(test_folder_entries(), 3);
    write_text(path, VLT_NEW_FILE_SHARED, "whole");
    cr_assert_eq(test_folder_entries(), 2); /* and what is being written stays */
    expect_text(path, "whole");
    kill_writer(writer[2]);
    for (int i = 0; i < 3; i++) { /* the last one's number is found once it is reached */
        writer[i] = start_writer(path);
    }
    for (int i = 0; i < 3; i++) {
        kill_writer(writer[i]);
    }
    write_text(path, VLT_NEW_FILE_SHARED, "again");
    cr_assert_eq(test_folder_entries(), 1);
    expect_text(path, "again");
}

Test(new_file, many_at_once_write_whole_files, .init = test_folder_make, .fini = test_folder_remove,
     .timeout = 60)
{
    enum { WRITERS = 6, ROUNDS = 40 };
    const char *path = test_folder_path("a");
    pid_t child[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            int failed = 0;
            for (int k = 0; k < ROUNDS; k++) {
                vlt_new_file file;
                failed += vlt_new_file_open(path, VLT_NEW_FILE_SHARED, &file, NULL) != VLT_OK ||
                          vlt_new_file_write(&file, "a whole text", 12, NULL) != VLT_OK ||
                          vlt_new_file_commit(&file, NULL) != VLT_OK;
                vlt_new_file_discard(&file);
            }
            _exit(failed);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int end = -1;
        waitpid(child[i], &end, 0);
        cr_assert_eq(end, 0);
    }
    expect_text(path, "a whole text");
    cr_assert_eq(test_folder_entries(), 1);
}

/* Names of the greatest length, and such that only look like what was left. */
Test(new_file, names, .init = test_folder_make, .fini = test_folder_remove)
{
    char name[NAME_MAX + 1], longest[NAME_MAX + 64];
    memset(name, 'n', NAME_MAX);
    name[NAME_MAX] = '\0';
    snprintf(longest, sizeof longest, "%s/%s", test_folder_path(""), name);
    write_text(longest, VLT_NEW_FILE_SHARED, "long");
    expect_text(longest, "long");
    cr_assert_eq(test_folder_entries(), 1);
    const char *path = test_folder_path("a");
    cr_assert_eq(symlink(longest, test_folder_path("a.vltune-tmp-0")), 0);
    cr_assert_eq(mkdir(test_folder_path("a.vltune-tmp-1"), 0755), 0);
    write_text(path, VLT_NEW_FILE_SHARED, "text");
    expect_text(path, "text");
    expect_text(longest, "long");
    cr_assert_eq(test_folder_entries(), 4);
}
