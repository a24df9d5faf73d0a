/* The folder of packed weights: whose it must be, what is not followed, what goes when it is full.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/packs/pack_new.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"

enum { NOBODY = 65534 };

static void use_own_folder(void)
{
    umask(022);
    test_folder_make();
    setenv("XDG_CACHE_HOME", test_folder_path("cache"), 1);
    setenv("HOME", test_folder_path(""), 1);
}

static vlt_status open_folder(vlt_pack_folder *folder, vlt_error *err)
{
    return vlt_pack_folder_open(true, folder, NULL, err);
}

static void expect_refused(const char *text)
{
    vlt_pack_folder folder;
    vlt_error err = {0};
    cr_expect_eq(open_folder(&folder, &err), VLT_STATUS_IO, "%s", text);
    cr_expect_eq(folder.fd, -1);
    cr_expect(strstr(err.message, text), "'%s' has no '%s'", err.message, text);
    vlt_pack_folder_close(&folder);
}

static void make(const char *name, mode_t mode)
{
    cr_assert_eq(mkdir(test_folder_path(name), 0700), 0, "%s", name);
    cr_assert_eq(chmod(test_folder_path(name), mode), 0);
}

static mode_t mode_of(const char *name)
{
    struct stat info;
    cr_assert_eq(stat(test_folder_path(name), &info), 0, "%s", name);
    return info.st_mode & 07777;
}

Test(pack_folder, is_made_for_the_owner_alone, .init = use_own_folder, .fini = test_folder_remove)
{
    vlt_pack_folder folder;
    vlt_error err = {0};
    umask(0);
    cr_assert_eq(vlt_pack_folder_open(false, &folder, NULL, &err), VLT_OK, "%s", err.message);
    cr_expect_eq(folder.fd, -1, "nothing is made to look");
    vlt_pack_folder_close(&folder);
    cr_expect_eq(test_folder_entries(), 0);
    cr_assert_eq(open_folder(&folder, &err), VLT_OK, "%s", err.message);
    cr_expect_geq(folder.fd, 0);
    cr_expect_str_eq(folder.shown, "~/cache/vltune/packs");
    cr_expect_eq(mode_of("cache"), 0700);
    cr_expect_eq(mode_of("cache/vltune"), 0700);
    cr_expect_eq(mode_of("cache/vltune/packs"), 0700);
    vlt_pack_folder_close(&folder);
    vlt_pack_folder_close(&folder);
}

Test(pack_folder, that_others_may_read_becomes_private, .init = use_own_folder,
     .fini = test_folder_remove)
{
    vlt_pack_folder folder;
    vlt_error err = {0};
    make("cache", 0755);
    make("cache/vltune", 0755);
    make("cache/vltune/packs", 0755);
    cr_assert_eq(open_folder(&folder, &err), VLT_OK, "%s", err.message);
    cr_expect_eq(mode_of("cache/vltune/packs"), 0700);
    cr_expect_eq(mode_of("cache/vltune"), 0755, "other caches are in it");
    vlt_pack_folder_close(&folder);
}

Test(pack_folder, that_others_may_write_is_not_used, .init = use_own_folder,
     .fini = test_folder_remove)
{
    make("cache", 0700);
    make("cache/vltune", 0770);
    expect_refused("vltune: others may write there (mode 770)");
    cr_assert_eq(chmod(test_folder_path("cache/vltune"), 0700), 0);
    make("cache/vltune/packs", 0702);
    expect_refused("packs: others may write there (mode 702)");
    cr_expect_eq(mode_of("cache/vltune/packs"), 0702, "it is left as it is");
}

Test(pack_folder, of_somebody_else_is_not_used, .init = use_own_folder, .fini = test_folder_remove)
{
    if (geteuid() != 0) {
        test_skip("a folder of another user: only root can make one");
        return;
    }
    make("cache", 0700);
    make("cache/vltune", 0700);
    make("cache/vltune/packs", 0700);
    cr_assert_eq(chown(test_folder_path("cache/vltune/packs"), NOBODY, NOBODY), 0);
    expect_refused("packs: belongs to user 65534, this is user 0");
    cr_assert_eq(chown(test_folder_path("cache/vltune/packs"), 0, 0), 0);
    cr_assert_eq(chown(test_folder_path("cache/vltune"), NOBODY, NOBODY), 0);
    expect_refused("vltune: belongs to user 65534, this is user 0");
}

/* The place itself may be a link: that is the user's word. */
Test(pack_folder, that_is_a_link_is_not_followed, .init = use_own_folder,
     .fini = test_folder_remove)
{
    vlt_pack_folder folder;
    make("elsewhere", 0700);
    make("real", 0700);
    cr_assert_eq(symlink("real", test_folder_path("cache")), 0);
    make("cache/vltune", 0700);
    cr_assert_eq(symlink("../../elsewhere", test_folder_path("cache/vltune/packs")), 0);
    expect_refused("packs: is a link, which is not followed");
    cr_assert_eq(unlink(test_folder_path("cache/vltune/packs")), 0);
    cr_assert_eq(open_folder(&folder, NULL), VLT_OK);
    vlt_pack_folder_close(&folder);
    cr_assert_eq(rename(test_folder_path("cache/vltune"), test_folder_path("moved")), 0);
    cr_assert_eq(symlink("../moved", test_folder_path("cache/vltune")), 0);
    expect_refused("vltune: is a link, which is not followed");
}

Test(pack_folder, that_is_a_file_is_not_used, .init = use_own_folder, .fini = test_folder_remove)
{
    make("cache", 0700);
    int fd = open(test_folder_path("cache/vltune"), O_WRONLY | O_CREAT, 0600);
    cr_assert_geq(fd, 0);
    close(fd);
    expect_refused("vltune: Not a directory");
    cr_assert_eq(rename(test_folder_path("cache/vltune"), test_folder_path("file")), 0);
    setenv("XDG_CACHE_HOME", test_folder_path("file"), 1);
    expect_refused("file: Not a directory");
}

/* As a user who may not write where his cache would be. */
Test(pack_folder, that_cannot_be_made_is_said, .init = use_own_folder, .fini = test_folder_remove)
{
    if (geteuid() != 0) {
        test_skip("a home that cannot be written: needs root, to become another user");
        return;
    }
    make("home", 0755);
    cr_assert_eq(chmod(test_folder_path(""), 0755), 0);
    unsetenv("XDG_CACHE_HOME");
    setenv("HOME", test_folder_path("home"), 1);
    cr_assert_eq(seteuid(NOBODY), 0);
    expect_refused(".cache: Permission denied");
    setenv("HOME", test_folder_path("missing/home"), 1);
    expect_refused("missing/home/.cache: ");
    cr_assert_eq(seteuid(0), 0);
}

/* ------------------------------------------------------------------------------------- files */

static vlt_pack_folder here;

static void open_here(void)
{
    use_own_folder();
    cr_assert_eq(open_folder(&here, NULL), VLT_OK);
}

static void close_here(void)
{
    vlt_pack_folder_close(&here);
    test_folder_remove();
}

/* "...0005.pack" */
static const char *name_of(unsigned number, vlt_pack_entry_kind kind)
{
    static char name[4][VLT_PACK_NAME_BYTES];
    static int next;
    char *out = name[next++ % 4];
    vlt_pack_entry_name((vlt_hash128){.low = number}, kind, out);
    return out;
}

static const char *path_of(const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "cache/vltune/packs/%s", name);
    return test_folder_path(path);
}

/* A file of `bytes`, last used `age_s` ago. */
static void put(const char *name, size_t bytes, int age_s)
{
    struct timespec times[2];
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(ftruncate(fd, (off_t)bytes), 0);
    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= age_s;
    times[1] = times[0];
    cr_assert_eq(futimens(fd, times), 0);
    close(fd);
}

static bool is_there(const char *name)
{
    struct stat info;
    return lstat(path_of(name), &info) == 0;
}

static void expect_bad_file(const char *name, const char *text)
{
    struct stat info;
    vlt_error err = {0};
    int fd;
    cr_expect_eq(vlt_pack_folder_open_file(&here, name, &fd, &info, &err), VLT_STATUS_INPUT, "%s",
                 text);
    cr_expect_eq(fd, -1);
    cr_expect(strstr(err.message, text) && strstr(err.message, name), "%s", err.message);
}

Test(pack_folder, opens_only_what_is_a_file_of_the_owner_alone, .init = open_here,
     .fini = close_here)
{
    const char *name = name_of(1, VLT_PACK_ENTRY_PACK);
    struct stat info;
    int fd = 0;
    cr_expect_eq(vlt_pack_folder_open_file(&here, name, &fd, &info, NULL), VLT_OK);
    cr_expect_eq(fd, -1, "not there");
    put(name, 10, 0);
    cr_assert_eq(vlt_pack_folder_open_file(&here, name, &fd, &info, NULL), VLT_OK);
    cr_expect_eq(info.st_size, 10);
    close(fd);
    static const mode_t modes[] = {0640, 0602, 0644, 0666, 0610};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        cr_assert_eq(chmod(path_of(name), modes[i]), 0);
        expect_bad_file(name, "is not the owner's alone");
    }
    cr_assert_eq(unlink(path_of(name)), 0);
    cr_assert_eq(symlink("/etc/passwd", path_of(name)), 0);
    expect_bad_file(name, "is a link");
    cr_assert_eq(unlink(path_of(name)), 0);
    cr_assert_eq(mkfifo(path_of(name), 0600), 0);
    expect_bad_file(name, "is no regular file"); /* nor waits for a writer */
    cr_assert_eq(unlink(path_of(name)), 0);
    cr_assert_eq(mkdir(path_of(name), 0700), 0);
    expect_bad_file(name, "is no regular file");
    if (geteuid() != 0) {
        test_skip("a file of another user: only root can make one");
        return;
    }
    name = name_of(2, VLT_PACK_ENTRY_PACK);
    put(name, 10, 0);
    cr_assert_eq(chown(path_of(name), NOBODY, NOBODY), 0);
    expect_bad_file(name, "belongs to somebody else");
}

static bool holds_on(void *user, const char *name)
{
    return user && !strcmp(name, user);
}

Test(pack_folder, makes_room_by_what_was_not_used_for_longest, .init = open_here,
     .fini = close_here)
{
    const char *oldest = name_of(1, VLT_PACK_ENTRY_PACK),
               *older = name_of(2, VLT_PACK_ENTRY_HASHES);
    const char *newer = name_of(3, VLT_PACK_ENTRY_PACK);
    put(newer, 1000, 10);
    put(oldest, 1000, 30);
    put(older, 1000, 20);
    put("notes.txt", 5000, 99);
    cr_expect(vlt_pack_folder_make_room(&here, 4000, 1000, holds_on, NULL));
    cr_expect(is_there(oldest) && is_there(older) && is_there(newer), "it fits");
    cr_expect_not(vlt_pack_folder_make_room(&here, 3000, 3001, holds_on, NULL), "never fits");
    cr_expect(is_there(oldest) && is_there(older) && is_there(newer), "then nothing goes");
    cr_expect_not(vlt_pack_folder_make_room(&here, 3000, 2001, holds_on, (void *)newer));
    cr_expect(is_there(oldest) && is_there(older), "what is used is in the way: nothing goes");
    cr_expect(vlt_pack_folder_make_room(&here, 3000, 1, holds_on, NULL));
    cr_expect(!is_there(oldest) && is_there(older) && is_there(newer));
    int fd = open(path_of(older), O_RDONLY);
    vlt_pack_folder_touch(fd); /* is used now */
    close(fd);
    cr_expect(vlt_pack_folder_make_room(&here, 2000, 1000, holds_on, NULL));
    cr_expect(is_there(older) && !is_there(newer));
    cr_expect(vlt_pack_folder_make_room(&here, 0, 0, holds_on, NULL));
    cr_expect(!is_there(older));
    cr_expect(is_there("notes.txt"), "is none of ours");
}

static int list_count(int *others)
{
    vlt_pack_entry *list = NULL;
    int count = 0;
    cr_assert_eq(vlt_pack_folder_list(&here, &list, &count, others, NULL), VLT_OK);
    free(list);
    return count;
}

Test(pack_folder, lists_what_is_ours, .init = open_here, .fini = close_here)
{
    static const char *const strangers[] = {"notes.txt",
                                            "0123.pack",
                                            "0123456789abcdef0123456789abcdeg.pack",
                                            ".hidden",
                                            "0123456789abcdef0123456789abcdef.packs",
                                            "0123456789ABCDEF0123456789ABCDEF.pack"};
    int others = 0;
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        put(strangers[i], 10, 0);
    }
    put(name_of(1, VLT_PACK_ENTRY_PACK), 10, 0);
    put(name_of(2, VLT_PACK_ENTRY_HASHES), 10, 0);
    cr_assert_eq(symlink("/etc/passwd", path_of(name_of(3, VLT_PACK_ENTRY_PACK))), 0);
    cr_assert_eq(mkdir(path_of(name_of(4, VLT_PACK_ENTRY_PACK)), 0700), 0);
    cr_expect_eq(list_count(&others), 2);
    cr_expect_eq(others, (int)(sizeof strangers / sizeof *strangers) + 2);
}

/* ---------------------------------------------------------------------------------- new files */

Test(pack_new, appears_whole_or_not_at_all, .init = open_here, .fini = close_here)
{
    const char *name = name_of(1, VLT_PACK_ENTRY_PACK);
    vlt_pack_new file;
    struct stat info;
    umask(0);
    cr_assert_eq(vlt_pack_new_open(&here, name, 6, &file, NULL), VLT_OK);
    cr_expect_eq(vlt_pack_new_write(&file, "abc", 3, NULL), VLT_OK);
    cr_expect_not(is_there(name));
    cr_expect_eq(list_count(NULL), 1, "its writer lives");
    vlt_pack_new_discard(&file);
    vlt_pack_new_discard(&file);
    cr_expect_eq(list_count(NULL), 0);
    cr_assert_eq(vlt_pack_new_open(&here, name, 6, &file, NULL), VLT_OK);
    cr_expect_eq(vlt_pack_new_write(&file, "abcdef", 6, NULL), VLT_OK);
    cr_expect_eq(vlt_pack_new_commit(&file, NULL), VLT_OK);
    vlt_pack_new_discard(&file);
    cr_assert_eq(lstat(path_of(name), &info), 0);
    cr_expect_eq(info.st_size, 6);
    cr_expect_eq(info.st_mode & 07777, 0600);
}

/* An old file is replaced by a new one, never written into: whoever has mapped it keeps it. */
Test(pack_new, takes_the_place_of_an_old_one, .init = open_here, .fini = close_here)
{
    const char *name = name_of(1, VLT_PACK_ENTRY_PACK);
    vlt_pack_new file;
    struct stat old, new;
    put(name, 10, 100);
    cr_assert_eq(stat(path_of(name), &old), 0);
    cr_assert_eq(vlt_pack_new_open(&here, name, 3, &file, NULL), VLT_OK);
    cr_expect_eq(vlt_pack_new_write(&file, "abc", 3, NULL), VLT_OK);
    cr_expect_eq(vlt_pack_new_commit(&file, NULL), VLT_OK);
    cr_assert_eq(stat(path_of(name), &new), 0);
    cr_expect_neq(old.st_ino, new.st_ino);
    cr_assert_eq(unlink(path_of(name)), 0);
    cr_assert_eq(symlink("/etc/passwd", path_of(name)), 0);
    cr_assert_eq(vlt_pack_new_open(&here, name, 3, &file, NULL), VLT_OK);
    cr_expect_eq(vlt_pack_new_write(&file, "abc", 3, NULL), VLT_OK);
    cr_expect_eq(vlt_pack_new_commit(&file, NULL), VLT_OK);
    cr_assert_eq(lstat(path_of(name), &new), 0);
    cr_expect(S_ISREG(new.st_mode), "a link is replaced, not followed");
}

/* Half written, then killed. */
Test(pack_new, of_a_dead_process_is_removed, .init = open_here, .fini = close_here)
{
    const char *name = name_of(1, VLT_PACK_ENTRY_PACK);
    int ends[2], status;
    char byte;
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        vlt_pack_new file;
        bool fine = vlt_pack_new_open(&here, name, 4, &file, NULL) == VLT_OK &&
                    vlt_pack_new_write(&file, "ab", 2, NULL) == VLT_OK;
        if (write(ends[1], fine ? "y" : "n", 1) == 1) {
            pause();
        }
        _exit(0);
    }
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    cr_assert_eq(byte, 'y');
    cr_expect_eq(list_count(NULL), 1);
    cr_expect_not(vlt_pack_folder_make_room(&here, 1, 0, holds_on, NULL), "it is in use");
    cr_expect_eq(list_count(NULL), 1);
    kill(child, SIGKILL);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(list_count(NULL), 0);
    close(ends[0]);
    close(ends[1]);
}
