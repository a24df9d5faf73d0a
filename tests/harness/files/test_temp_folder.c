/* Folders that do not outlive their process, and never disappear under a living one. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/files/temp_folder.h"
#include "harness/json/json.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"
#include "tests/support/run_program.h"

static void use_own_folder(void)
{
    test_folder_make();
    setenv("TMPDIR", test_folder_path(""), 1);
}

static void put_file(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert_eq(vlt_write_file(path, "x", 1, NULL), VLT_OK, "%s", path);
}

static bool has_file(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

Test(temp_folder, is_removed_with_everything_in_it, .init = use_own_folder,
     .fini = test_folder_remove)
{
    vlt_temp_folder folder;
    char inner[512];
    cr_assert_eq(vlt_temp_folder_make("test", &folder, NULL), VLT_OK);
    snprintf(inner, sizeof inner, "%s/inner", folder.path);
    cr_assert_eq(mkdir(inner, 0755), 0);
    put_file(folder.path, "a");
    put_file(inner, "b");
    cr_assert_eq(symlink("/etc", strcat(inner, "/link")), 0);
    vlt_temp_folder_remove(&folder);
    vlt_temp_folder_remove(&folder);
    cr_assert_eq(test_folder_entries(), 0);
    cr_assert_eq(access("/etc/passwd", F_OK), 0);
}

/* A child that has a folder: its path through the pipe, then it sleeps. */
static pid_t start_owner(const char *beside, char path[512])
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        vlt_temp_folder folder;
        vlt_status status = beside ? vlt_temp_folder_make_beside(beside, &folder, NULL)
                                   : vlt_temp_folder_make("test", &folder, NULL);
        if (status != VLT_OK || write(ends[1], folder.path, strlen(folder.path) + 1) < 0) {
            _exit(1);
        }
        pause();
    }
    close(ends[1]);
    ssize_t got = read(ends[0], path, 511);
    cr_assert_gt(got, 0);
    close(ends[0]);
    put_file(path, "content");
    return child;
}

static void kill_owner(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

Test(temp_folder, of_a_dead_process_is_removed_by_the_next_one_and_of_a_living_one_never,
     .init = use_own_folder, .fini = test_folder_remove)
{
    char path[2][512];
    vlt_temp_folder folder;
    pid_t living = start_owner(NULL, path[0]), dead = start_owner(NULL, path[1]);
    kill_owner(dead);
    cr_assert(has_file(path[1], "content"));
    cr_assert_eq(vlt_temp_folder_make("other", &folder, NULL), VLT_OK);
    cr_assert_neq(access(path[1], F_OK), 0);
    cr_assert(has_file(path[0], "content"));
    vlt_temp_folder_remove(&folder);
    kill_owner(living);
    cr_assert_eq(vlt_temp_folder_make("other", &folder, NULL), VLT_OK);
    vlt_temp_folder_remove(&folder);
    cr_assert_eq(test_folder_entries(), 0);
}

Test(temp_folder, beside_a_name_is_removed_where_that_name_is_made_again, .init = use_own_folder,
     .fini = test_folder_remove)
{
    char path[2][512];
    vlt_temp_folder folder;
    const char *name = test_folder_path("made"), *other = test_folder_path("other");
    kill_owner(start_owner(name, path[0]));
    kill_owner(start_owner(other, path[1]));
    cr_assert_eq(vlt_temp_folder_make_beside(name, &folder, NULL), VLT_OK);
    cr_assert_neq(access(path[0], F_OK), 0);
    cr_assert(has_file(path[1], "content"));
    put_file(folder.path, "whole");
    cr_assert_eq(vlt_temp_folder_keep(&folder, name, NULL), VLT_OK);
    vlt_temp_folder_remove(&folder);
    cr_assert(has_file(name, "whole"));
    cr_assert_eq(test_folder_entries(), 2);
}

/* What only looks like ours stays: a file, a link, a folder with other rights or another name. */
Test(temp_folder, of_somebody_else_stays, .init = use_own_folder, .fini = test_folder_remove)
{
    const char *kept = test_folder_path("kept"), *open = test_folder_path("vltune-tmp-my-backup"),
               *named = test_folder_path("vltune-tmp-x");
    vlt_temp_folder folder;
    cr_assert_eq(mkdir(kept, 0700), 0);
    put_file(kept, "content");
    cr_assert_eq(symlink(kept, test_folder_path("vltune-tmp-test-AAAAAA")), 0);
    put_file(test_folder_path(""), "vltune-tmp-test-BBBBBB");
    cr_assert_eq(mkdir(open, 0755), 0);
    put_file(open, "content");
    cr_assert_eq(mkdir(named, 0700), 0);
    cr_assert_eq(vlt_temp_folder_make("test", &folder, NULL), VLT_OK);
    vlt_temp_folder_remove(&folder);
    cr_assert(has_file(kept, "content") && has_file(open, "content"));
    cr_assert_eq(test_folder_entries(), 5);
}

/* Sweepers and makers at once: nobody loses a folder, nothing is left. */
Test(temp_folder, many_at_once_keep_theirs, .init = use_own_folder, .fini = test_folder_remove,
     .timeout = 60)
{
    enum { PROCESSES = 8, ROUNDS = 60 };
    pid_t child[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            for (int k = 0; k < ROUNDS; k++) {
                vlt_temp_folder folder;
                if (vlt_temp_folder_make("test", &folder, NULL) != VLT_OK) {
                    _exit(1);
                }
                put_file(folder.path, "mine");
                sched_yield();
                if (!has_file(folder.path, "mine")) {
                    _exit(2);
                }
                vlt_temp_folder_remove(&folder);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int end = -1;
        waitpid(child[i], &end, 0);
        cr_assert_eq(end, 0, "process %d: %d", i, WEXITSTATUS(end));
    }
    cr_assert_eq(test_folder_entries(), 0);
}

Test(temp_folder, a_long_or_missing_place_is_used_or_named, .init = use_own_folder,
     .fini = test_folder_remove)
{
    char path[1024];
    vlt_temp_folder folder;
    vlt_error err = {0};
    int length = snprintf(path, sizeof path, "%s", test_folder_path(""));
    for (int i = 0; i < 4; i++) {
        length += snprintf(path + length, sizeof path - (size_t)length, "/%0150d", i);
        cr_assert_eq(mkdir(path, 0755), 0);
    }
    setenv("TMPDIR", path, 1);
    cr_assert_eq(vlt_temp_folder_make("test", &folder, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(strncmp(folder.path, path, strlen(path)), 0);
    vlt_temp_folder_remove(&folder);
    setenv("TMPDIR", "/nonexistent/place", 1);
    cr_assert_eq(vlt_temp_folder_make("test", &folder, &err), VLT_STATUS_IO);
    cr_assert(strstr(err.message, "/nonexistent/place"), "%s", err.message);
    setenv("TMPDIR", "", 1);
    cr_assert_eq(vlt_temp_folder_make("test", &folder, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(strncmp(folder.path, "/tmp/", 5), 0);
    vlt_temp_folder_remove(&folder);
}

static bool any_left(const char *place)
{
    bool left = false;
    DIR *list = opendir(place);
    for (struct dirent *entry; (entry = readdir(list)) != NULL;) {
        left = left || strstr(entry->d_name, "vltune-tmp-");
    }
    closedir(list);
    return left;
}

/* Starts vltune and kills it as soon as it has a temporary folder. */
static void run_and_kill(const char *arguments, const char *place)
{
    char command[2048];
    pid_t child = fork();
    if (child == 0) {
        snprintf(command, sizeof command, "exec '%s' %s >/dev/null 2>&1", test_program_path(),
                 arguments);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 6000 && !any_left(place); i++) {
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    }
    kill_owner(child);
    cr_assert(any_left(place), "'%s' made no folder", arguments);
}

static void check_cleaned_up(const char *arguments, const char *place, const char *next)
{
    run_and_kill(arguments, place);
    test_output output = test_program(next);
    cr_assert(output.exit_code == 0 || output.exit_code == 5, "%s", output.err);
    cr_assert_not(any_left(place), "after '%s'", arguments);
    test_output_release(&output);
}

Test(temp_folder, a_killed_model_make_is_cleaned_up_by_the_next_one, .init = use_own_folder,
     .fini = test_folder_remove, .timeout = 300)
{
    char arguments[1024];
    snprintf(arguments, sizeof arguments, "model make '%s' --size tiny", test_folder_path("model"));
    check_cleaned_up(arguments, test_folder_path(""), arguments);
}

Test(temp_folder, a_killed_tune_is_cleaned_up_by_the_next_run, .init = use_own_folder,
     .fini = test_folder_remove, .timeout = 300)
{
    char tune[1024], next[1200];
    const char *place = test_folder_path("tmp");
    cr_assert_eq(mkdir(place, 0755), 0);
    setenv("TMPDIR", place, 1);
    snprintf(tune, sizeof tune, "tune '%s' --op norm --no-page --scenes 0 --db '%s' -o '%s'",
             test_source("harness/model/demo/checkpoint"), test_folder_path("t.db"),
             test_folder_path("t.toml"));
    snprintf(next, sizeof next, "%s --budget 3s", tune);
    check_cleaned_up(tune, place, next);
}
