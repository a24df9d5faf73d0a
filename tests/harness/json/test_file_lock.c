/* One process at a time for a file: refused by name, waited for, free again after every death. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/json/file_lock.h"
#include "harness/json/json.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"

TestSuite(file_lock, .init = test_folder_make, .fini = test_folder_remove);

/* A child that takes the lock of `path`, says so, and waits to be killed. */
static pid_t start_holder(const char *path)
{
    int ready[2];
    char byte = 0;
    cr_assert_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        vlt_file_lock *lock = NULL;
        byte = vlt_file_lock_take(path, NULL, NULL, &lock, NULL) == VLT_OK && lock ? 'y' : 'n';
        (void)!write(ready[1], &byte, 1);
        for (;;) {
            pause();
        }
    }
    close(ready[1]);
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    cr_assert_eq(byte, 'y');
    close(ready[0]);
    return child;
}

static void end(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

Test(file_lock, the_second_is_refused_by_name_and_process)
{
    const char *path = test_folder_path("out"), *link = test_folder_path("link");
    char number[32];
    vlt_file_lock *lock = NULL;
    vlt_error err = {0};
    cr_assert_eq(vlt_write_file(path, "x", 1, NULL), VLT_OK);
    cr_assert_eq(symlink(path, link), 0);
    pid_t child = start_holder(path);
    snprintf(number, sizeof number, "process %d ", (int)child);
    cr_expect_eq(vlt_file_lock_take(path, NULL, NULL, &lock, &err), VLT_STATUS_IO);
    cr_expect(strstr(err.message, path) && strstr(err.message, number), "%s", err.message);
    cr_expect_eq(vlt_file_lock_take(link, NULL, NULL, &lock, &err), VLT_STATUS_IO);
    cr_assert_eq(chdir(test_folder_path("")), 0);
    cr_expect_eq(vlt_file_lock_take("out", NULL, NULL, &lock, &err), VLT_STATUS_IO);
    cr_expect_eq(vlt_file_lock_take("./link", NULL, NULL, &lock, &err), VLT_STATUS_IO);
    cr_expect_null(lock);
    cr_expect_eq(vlt_file_lock_take("another", NULL, NULL, &lock, &err), VLT_OK);
    vlt_file_lock_release(lock);
    end(child);

    /* A holder that was killed leaves its file, not its lock; the next one clears up. */
    cr_assert_eq(test_folder_entries(), 3);
    cr_assert_eq(vlt_file_lock_take(path, NULL, NULL, &lock, &err), VLT_OK, "%s", err.message);
    vlt_file_lock_release(lock);
    cr_expect_eq(test_folder_entries(), 2);
    cr_assert_eq(chdir("/"), 0);
}

Test(file_lock, a_file_that_is_not_there_yet_and_one_that_cannot_be)
{
    vlt_file_lock *lock = NULL;
    vlt_error err = {0};
    pid_t child = start_holder(test_folder_path("new"));
    cr_expect_eq(vlt_file_lock_take(test_folder_path("new"), NULL, NULL, &lock, &err),
                 VLT_STATUS_IO);
    end(child);
    cr_expect_eq(vlt_file_lock_take("/absent/folder/s", NULL, NULL, &lock, &err), VLT_STATUS_IO);
    cr_expect_not_null(strstr(err.message, "/absent/folder/s: No such"), "%s", err.message);
    cr_expect_eq(vlt_file_lock_take("/dev/null", NULL, NULL, &lock, &err), VLT_OK);
    cr_expect_null(lock, "a device has no lock");
    vlt_file_lock_release(lock);

    /* A name that leaves no room for another beside it. */
    char name[256];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    cr_assert_eq(chdir(test_folder_path("")), 0);
    child = start_holder(name);
    cr_expect_eq(vlt_file_lock_take(name, NULL, NULL, &lock, &err), VLT_STATUS_IO);
    name[100] = 'm';
    cr_expect_eq(vlt_file_lock_take(name, NULL, NULL, &lock, &err), VLT_OK, "%s", err.message);
    vlt_file_lock_release(lock);
    end(child);
    cr_assert_eq(chdir("/"), 0);
}

struct patience {
    pid_t child;
    int calls, limit;
    long holder;
};

static bool wait_or_kill(void *user, long holder)
{
    struct patience *patience = user;
    patience->holder = holder;
    if (++patience->calls == 3 && patience->child) {
        end(patience->child);
    }
    return patience->calls != patience->limit;
}

Test(file_lock, waits_as_long_as_it_is_told)
{
    const char *path = test_folder_path("s");
    vlt_file_lock *lock = NULL;
    vlt_error err = {0};
    pid_t child = start_holder(path);
    struct patience patience = {.limit = 2};
    cr_expect_eq(vlt_file_lock_take(path, wait_or_kill, &patience, &lock, &err),
                 VLT_STATUS_INTERRUPTED);
    cr_expect_eq(patience.holder, child);
    patience = (struct patience){.child = child};
    cr_expect_eq(vlt_file_lock_take(path, wait_or_kill, &patience, &lock, &err), VLT_OK, "%s",
                 err.message);
    cr_expect_eq(patience.calls, 3);
    vlt_file_lock_release(lock);
    cr_expect_eq(test_folder_entries(), 0);
}

static bool wait_always(void *user, long holder)
{
    (void)user;
    (void)holder;
    return true;
}

/* Read, add one, write back: without the lock most of these are lost, also at the moment when a
 * holder removes the lock that others have open. */
static void add_ones(const char *path, int count)
{
    for (int i = 0; i < count; i++) {
        vlt_file_lock *lock = NULL;
        char text[16], *old = NULL;
        size_t bytes;
        if (vlt_file_lock_take(path, wait_always, NULL, &lock, NULL) != VLT_OK ||
            vlt_read_file(path, 16, &old, &bytes, NULL) != VLT_OK) {
            _exit(1);
        }
        int length = snprintf(text, sizeof text, "%ld", strtol(old, NULL, 10) + 1);
        free(old);
        if (vlt_write_file(path, text, (size_t)length, NULL) != VLT_OK) {
            _exit(1);
        }
        vlt_file_lock_release(lock);
    }
}

Test(file_lock, nothing_is_lost_between_many)
{
    enum { PROCESSES = 8, EACH = 5 };
    const char *path = test_folder_path("count");
    pid_t child[PROCESSES];
    cr_assert_eq(vlt_write_file(path, "0", 1, NULL), VLT_OK);
    for (int i = 0; i < PROCESSES; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            add_ones(path, EACH);
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = 1;
        cr_expect(waitpid(child[i], &status, 0) == child[i] && status == 0);
    }
    size_t bytes;
    char *text = test_read_file(path, &bytes);
    cr_expect_str_eq(text, "40");
    free(text);
    cr_expect_eq(test_folder_entries(), 1);
}

Test(file_lock, a_file_written_in_place)
{
    const char *path = test_folder_path("lines");
    vlt_error err = {0};
    int first = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    int second = open(path, O_RDWR | O_CLOEXEC), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int other = open("/dev/null", O_WRONLY | O_CLOEXEC);
    cr_expect_eq(vlt_file_lock_open(first, path, &err), VLT_OK);
    cr_expect_eq(vlt_file_lock_open(second, path, &err), VLT_STATUS_IO);
    cr_expect_not_null(strstr(err.message, path), "%s", err.message);
    close(first);
    cr_expect_eq(vlt_file_lock_open(second, path, &err), VLT_OK);
    cr_expect_eq(vlt_file_lock_open(null, "null", &err), VLT_OK);
    cr_expect_eq(vlt_file_lock_open(other, "null", &err), VLT_OK);
    close(second);
    close(null);
    close(other);
}
