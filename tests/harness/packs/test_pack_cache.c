/* Packed weights between processes: found again, never those of other bytes, other code or another
 * arrangement, and whatever is wrong with the folder, packed as without it. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/packs/pack_file.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"
#include "tests/support/shelf.h"

#define SHELF_TEST(name) Test(pack_cache, name, .init = test_shelf_make, .fini = test_shelf_remove)

enum { NOBODY = 65534, ALL = TEST_SHELF_WEIGHTS };

/* Bytes of a pack's file. */
enum { FILE_BYTES = TEST_SHELF_PACK_BYTES + TEST_SHELF_HEADER };

static char said[4096];

static int use(const char *model)
{
    return test_shelf_use(model, 0, said, sizeof said);
}

static void expect_said(const char *text)
{
    cr_expect(strstr(said, text), "'%s' was not said, but '%s'", text, said);
}

SHELF_TEST(are_found_by_the_next_one)
{
    cr_expect_eq(use("model"), ALL);
    char line[512];
    snprintf(line, sizeof line, "1 packed weights kept: 35 KB in %s\n", test_shelf_folder());
    cr_expect_str_eq(said, line);
    cr_expect_eq(test_shelf_count(".pack"), ALL);
    cr_expect_eq(use("model"), 0);
    cr_expect_str_eq(said, "", "nothing was written");
}

/* The place of a checkpoint is not part of the key, its bytes are. */
SHELF_TEST(of_a_copy_are_the_same)
{
    cr_expect_eq(use("model"), ALL);
    test_shelf_write("copy", 0);
    cr_expect_eq(use("copy"), 0);
    cr_expect_eq(test_shelf_count(".pack"), ALL);
    cr_expect_eq(test_shelf_count(".hashes"), 0, "both are too young to keep their hashes");
}

/* Names, shapes and the first bytes of all tensors are the same, and so is the model's hash. */
SHELF_TEST(of_a_fine_tune_are_its_own)
{
    test_shelf base, tuned;
    cr_expect_eq(use("model"), ALL);
    test_shelf_write("tuned", 1);
    test_shelf_open(&base, "model", 0, 0);
    test_shelf_open(&tuned, "tuned", 0, 0);
    cr_expect_eq(base.checkpoint->container->hash(base.checkpoint),
                 tuned.checkpoint->container->hash(tuned.checkpoint));
    test_shelf_close(&base);
    test_shelf_close(&tuned);
    cr_expect_eq(use("tuned"), ALL);
    cr_expect_eq(test_shelf_count(".pack"), 2 * ALL);
    cr_expect_eq(use("model"), 0);
    cr_expect_eq(use("tuned"), 0);
}

SHELF_TEST(of_other_code_or_another_arrangement_are_not_taken)
{
    static const struct {
        uint64_t code;
        const char *kind;
    } cases[] = {{1, "test/1"}, {2, "test/1"}, {0, "test/2"}, {2, "test/1x"}};
    cr_expect_eq(use("model"), ALL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int again = 0; again < 2; again++) {
            test_shelf shelf;
            test_shelf_open(&shelf, "model", 0, cases[i].code);
            shelf.kind = cases[i].kind;
            cr_expect_eq(test_shelf_take(&shelf), again ? 0 : ALL, "case %zu, try %d", i, again);
            test_shelf_close(&shelf);
        }
    }
    cr_expect_eq(use("model"), 0);
}

/* ------------------------------------------------------------------------------ changed shards */

static void poke(const char *path, off_t at, const char *byte)
{
    int fd = open(path, O_WRONLY);
    cr_assert_geq(fd, 0, "%s", path);
    cr_assert_eq(pwrite(fd, byte, 1, at), 1);
    close(fd);
}

static off_t size_of(const char *path)
{
    struct stat info;
    cr_assert_eq(stat(path, &info), 0, "%s", path);
    return info.st_size;
}

/* The last byte of the last tensor, in place. */
static void write_into_model(void)
{
    const char *path = test_folder_path("model/model.safetensors");
    poke(path, size_of(path) - 1, "\x55");
}

/* One byte, its size and the time of writing as before. */
SHELF_TEST(a_shard_that_is_written_between_two_runs_is_noticed)
{
    usleep(2200000); /* old enough for its hashes to be kept */
    cr_expect_eq(use("model"), ALL);
    cr_assert_eq(test_shelf_count(".hashes"), 1);
    write_into_model();
    test_shelf_age("model/model.safetensors");
    cr_expect_eq(use("model"), 1, "the weight that changed");
    cr_expect_eq(use("model"), 0);
}

SHELF_TEST(a_shard_that_is_written_while_it_is_open_is_noticed)
{
    test_shelf shelf;
    cr_expect_eq(use("model"), ALL);
    test_shelf_open(&shelf, "model", 0, 0);
    usleep(20000);
    write_into_model();
    cr_expect_eq(test_shelf_take(&shelf), ALL, "from the bytes that are there");
    test_shelf_close(&shelf);
    cr_expect_eq(test_shelf_said(&shelf, "0 packed weights are not kept: "), 1);
    cr_expect_eq(test_shelf_said(&shelf, "model.safetensors: changed since it was opened"), 1);
    cr_expect_eq(test_shelf_count(".pack"), ALL, "none was added");
}

SHELF_TEST(a_shard_that_is_replaced_while_it_is_open_is_noticed)
{
    test_shelf shelf;
    test_shelf_open(&shelf, "model", 0, 0);
    test_shelf_write("model", 9);
    cr_expect_eq(test_shelf_take(&shelf), ALL, "from the bytes that are mapped");
    test_shelf_close(&shelf);
    cr_expect_eq(test_shelf_said(&shelf, "changed since it was opened"), 1);
    cr_expect_eq(test_shelf_count(".pack"), 0);
}

/* A page that is mapped for writing and dirty already: writing into it changes no time. */
static unsigned char *dirty;

static void write_unseen(void)
{
    *dirty = 0x66;
}

static void map_last_byte(void)
{
    const char *path = test_folder_path("model/model.safetensors");
    off_t last = size_of(path) - 1, page = last & ~(off_t)4095;
    int fd = open(path, O_RDWR);
    char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page);
    cr_assert_neq(map, MAP_FAILED);
    close(fd);
    dirty = (unsigned char *)map + (last - page);
    *dirty = 0;
    usleep(20000);
}

/* Behind the hashing. */
SHELF_TEST(a_shard_that_is_written_while_it_is_packed_is_noticed)
{
    test_shelf shelf;
    map_last_byte();
    test_shelf_open(&shelf, "model", 0, 0);
    shelf.while_filling = write_unseen;
    cr_expect_eq(test_shelf_take(&shelf), ALL);
    test_shelf_close(&shelf);
    cr_expect_eq(test_shelf_said(&shelf, "changed since it was opened"), 0,
                 "the times do not tell");
    cr_expect_eq(test_shelf_count(".pack"), ALL - 1);
    test_shelf_write("copy", 0);
    cr_expect_eq(use("copy"), 1, "no pack of bytes that were not hashed");
}

/* ------------------------------------------------------------------------------ damaged files */

static void expect_rebuilt(const char *what, const char *text)
{
    int before = test_shelf_count(".pack");
    cr_expect_eq(use("model"), 1, "%s", what);
    expect_said(text);
    expect_said("it is made anew");
    expect_said("packed weights kept: ");
    cr_expect_eq(test_shelf_count(".pack"), before, "%s", what);
    cr_expect_eq(use("model"), 0, "%s", what);
    cr_expect_str_eq(said, "", "%s", what);
}

SHELF_TEST(damaged_ones_are_named_and_made_anew)
{
    static const off_t places[] = {0, 20, 100, 2000, 4095, 4096, 9000, FILE_BYTES - 1};
    static const off_t sizes[] = {0, 1, 4095, 4096, 6000, FILE_BYTES - 1, FILE_BYTES + 1};
    char name[1024];
    cr_expect_eq(use("model"), ALL);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(name, sizeof name, "%s", test_shelf_file(".pack", (int)i % ALL));
        poke(name, places[i], "\xA7");
        expect_rebuilt("poked", name);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        snprintf(name, sizeof name, "%s", test_shelf_file(".pack", (int)i % ALL));
        cr_assert_eq(truncate(name, sizes[i]), 0);
        expect_rebuilt("cut", name);
    }
}

static void copy_file(const char *from, const char *to)
{
    char command[2200];
    snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    cr_assert_eq(system(command), 0);
}

/* Whole, but not what their names say, or not what they should be. */
SHELF_TEST(foreign_ones_are_named_and_made_anew)
{
    char first[1024], second[1024];
    cr_expect_eq(use("model"), ALL);
    snprintf(first, sizeof first, "%s", test_shelf_file(".pack", 0));
    snprintf(second, sizeof second, "%s", test_shelf_file(".pack", 1));
    copy_file(first, second);
    expect_rebuilt("another pack's name", "is another pack");
    cr_assert_eq(chmod(first, 0644), 0);
    expect_rebuilt("readable by others", "is not the owner's alone");
    cr_assert_eq(chmod(first, 0620), 0);
    expect_rebuilt("writable by others", "is not the owner's alone");
    cr_assert_eq(rename(first, test_folder_path("moved")), 0);
    cr_assert_eq(symlink(test_folder_path("moved"), first), 0);
    expect_rebuilt("a link to a right one", "is a link");
    cr_assert_eq(unlink(first), 0);
    cr_assert_eq(mkfifo(first, 0600), 0);
    expect_rebuilt("a pipe", "is no regular file");
    if (geteuid() == 0) {
        cr_assert_eq(chown(first, NOBODY, NOBODY), 0);
        expect_rebuilt("somebody else's", "belongs to somebody else");
    } else {
        test_skip("a pack of another user: only root can make one");
    }
}

/* A folder cannot be replaced by a file: goes on without. */
SHELF_TEST(a_folder_in_the_place_of_one_is_passed_over)
{
    char name[1024];
    cr_expect_eq(use("model"), ALL);
    snprintf(name, sizeof name, "%s", test_shelf_file(".pack", 1));
    cr_assert_eq(unlink(name), 0);
    cr_assert_eq(mkdir(name, 0700), 0);
    cr_expect_eq(use("model"), 1);
    expect_said("is no regular file");
    expect_said("packed weights are not kept: ");
}

SHELF_TEST(damaged_hashes_are_named_and_made_anew)
{
    char name[1024];
    usleep(2200000);
    cr_expect_eq(use("model"), ALL);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(test_shelf_count(".hashes"), 1);
        snprintf(name, sizeof name, "%s", test_shelf_file(".hashes", 0));
        if (i == 0) {
            poke(name, size_of(name) / 2, "\xA7");
        } else if (i == 1) {
            cr_assert_eq(truncate(name, size_of(name) - 1), 0);
        } else if (i == 2) {
            cr_assert_eq(truncate(name, 0), 0);
        } else {
            copy_file(test_shelf_file(".pack", 0), name);
        }
        cr_expect_eq(use("model"), 0, "the packs are still good");
        expect_said(name);
        expect_said("it is made anew");
        cr_expect_eq(use("model"), 0);
        cr_expect_str_eq(said, "");
    }
}

/* Hashes that somebody else's shard has left under this path: another identity. */
SHELF_TEST(hashes_of_another_shard_are_not_believed)
{
    usleep(2200000);
    cr_expect_eq(use("model"), ALL);
    test_shelf_write("tuned", 5);
    cr_assert_eq(rename(test_folder_path("tuned/model.safetensors"),
                        test_folder_path("model/model.safetensors")),
                 0);
    cr_expect_eq(use("model"), ALL, "new bytes under an old name");
    cr_expect_str_neq(said, "");
}

/* ------------------------------------------------------------------------------------ the limit */

SHELF_TEST(beyond_the_limit_a_part_is_kept_and_stays)
{
    const int64_t limit = 2 * FILE_BYTES + 1000;
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(test_shelf_use("model", limit, said, sizeof said), i ? 1 : ALL, "run %d", i);
        expect_said("1 packed weights not kept: 12 KB beyond the limit of 25 KB (--pack-cache)");
        cr_expect_eq(test_shelf_count(".pack"), 2, "run %d", i);
    }
}

SHELF_TEST(of_other_models_make_room)
{
    const int64_t limit = ALL * FILE_BYTES + 2000;
    cr_expect_eq(test_shelf_use("model", limit, said, sizeof said), ALL);
    test_shelf_write("tuned", 1);
    cr_expect_eq(test_shelf_use("tuned", limit, said, sizeof said), ALL);
    cr_expect_eq(test_shelf_count(".pack"), ALL);
    cr_expect_eq(test_shelf_use("tuned", limit, said, sizeof said), 0);
    cr_expect_eq(test_shelf_use("model", limit, said, sizeof said), ALL);
}

SHELF_TEST(a_lower_limit_is_heeded_by_who_only_reads)
{
    cr_expect_eq(use("model"), ALL);
    cr_expect_eq(test_shelf_use("model", FILE_BYTES + 1000, said, sizeof said), 0);
    cr_expect_eq(test_shelf_count(".pack"), 1);
    cr_expect_eq(test_shelf_use("model", FILE_BYTES + 1000, said, sizeof said), ALL - 1,
                 "what is asked for first is what stays");
}

/* ------------------------------------------------------------------------------------- trouble */

/* The files go while they are mapped. */
SHELF_TEST(that_vanish_while_they_are_used_stay_readable)
{
    char command[600];
    test_shelf shelf;
    cr_expect_eq(use("model"), ALL);
    test_shelf_open(&shelf, "model", 0, 0);
    cr_expect_eq(test_shelf_take(&shelf), 0);
    snprintf(command, sizeof command, "rm -rf '%s'", getenv("XDG_CACHE_HOME"));
    cr_assert_eq(system(command), 0);
    for (int i = 0; i < ALL; i++) {
        const unsigned char *pack = vlt_pack_data(shelf.pack[i]);
        unsigned sum = 0;
        for (size_t j = 0; j < TEST_SHELF_PACK_BYTES; j++) {
            sum += pack[j];
        }
        cr_expect_gt(sum, 0);
    }
    cr_expect_eq(test_shelf_take(&shelf), ALL, "with the folder gone, too");
    test_shelf_close(&shelf);
    cr_expect_eq(test_shelf_said(&shelf, "0 packed weights are not kept: "), 1);
    cr_expect_eq(use("model"), ALL);
    cr_expect_eq(use("model"), 0);
}

/* A limit of file sizes stands for a full disk: a signal would end the process. */
SHELF_TEST(that_do_not_fit_on_the_disk_are_not_kept)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 6000;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect_eq(use("model"), ALL);
    expect_said("0 packed weights are not kept: ");
    expect_said("File too large");
    cr_expect_null(strstr(said, "kept: 1"));
    cr_expect_eq(test_shelf_count(".pack"), 0);
    cr_expect_eq(test_shelf_count(""), test_shelf_count(".hashes"), "nothing half written");
    limit.rlim_cur = limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect_eq(use("model"), ALL);
    cr_expect_eq(use("model"), 0);
}

SHELF_TEST(on_a_disk_that_is_full_are_not_kept)
{
    const char *place = test_folder_path("cache");
    mkdir(place, 0700);
    if (mount("tmpfs", place, "tmpfs", 0, "size=24k,mode=700") != 0) {
        test_skip("a full disk: needs the right to mount one");
        return;
    }
    cr_expect_eq(use("model"), ALL);
    expect_said("0 packed weights are not kept: ");
    expect_said("No space left on device");
    int kept = test_shelf_count(".pack");
    cr_expect_lt(kept, ALL);
    cr_expect_eq(test_shelf_count(""), kept, "nothing half written");
    cr_expect_eq(use("model"), ALL - kept);
    cr_assert_eq(umount(place), 0);
}

/* What is there is used, what is missing is not kept. */
SHELF_TEST(in_a_folder_that_can_only_be_read_are_found)
{
    if (geteuid() != 0) {
        test_skip("a folder that can only be read: needs root, to become another user");
        return;
    }
    cr_assert_eq(chmod(test_folder_path(""), 0777), 0);
    cr_assert_eq(seteuid(NOBODY), 0);
    cr_expect_eq(use("model"), ALL);
    cr_assert_eq(unlink(test_shelf_file(".pack", 1)), 0);
    cr_assert_eq(chmod(test_shelf_folder(), 0500), 0);
    cr_expect_eq(use("model"), 1);
    expect_said("0 packed weights are not kept: ");
    expect_said("Permission denied");
    cr_assert_eq(chmod(test_shelf_folder(), 0700), 0);
    cr_assert_eq(seteuid(0), 0);
}

SHELF_TEST(of_another_user_are_not_touched)
{
    if (geteuid() != 0) {
        test_skip("the packs of another user: needs root, to become one");
        return;
    }
    cr_expect_eq(use("model"), ALL);
    cr_assert_eq(chmod(test_folder_path(""), 0755), 0);
    cr_assert_eq(chmod(test_folder_path("cache"), 0777), 0);
    cr_assert_eq(chmod(test_folder_path("cache/vltune"), 0755), 0);
    cr_assert_eq(seteuid(NOBODY), 0);
    cr_expect_eq(use("model"), ALL);
    expect_said("belongs to user 0, this is user 65534");
    cr_assert_eq(seteuid(0), 0);
    cr_expect_eq(use("model"), 0, "they are as they were");
}

SHELF_TEST(without_home_are_in_the_current_folder)
{
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    cr_assert_eq(chdir(test_folder_path("")), 0);
    cr_expect_eq(use("model"), ALL);
    expect_said("0 HOME is not set: packed weights are kept in ./.cache/vltune/packs\n");
    cr_expect_eq(access(test_folder_path(".cache/vltune/packs"), F_OK), 0);
    cr_expect_eq(use("model"), 0);
    expect_said("HOME is not set");
    cr_assert_eq(chdir("/"), 0);
}

/* ------------------------------------------------------------------------- more than one process
 */

SHELF_TEST(by_many_processes_at_once)
{
    enum { BUILDERS = 8, ROUNDS = 12 };
    pid_t child[BUILDERS];
    for (int i = 0; i < BUILDERS; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            for (int round = 0; round < ROUNDS; round++) {
                /* some remove what others use, or write into a folder that was removed */
                int64_t limit = i % 4 == 1 ? 2 * FILE_BYTES : 0;
                test_shelf_use("model", limit, NULL, 0); /* aborts when a pack is wrong */
                if (i == 2) {
                    char command[600];
                    snprintf(command, sizeof command, "rm -rf '%s' 2>/dev/null",
                             test_shelf_folder());
                    round += system(command) != 0;
                }
            }
            _exit(0);
        }
    }
    for (int i = 0; i < BUILDERS; i++) {
        int status = -1;
        cr_assert_eq(waitpid(child[i], &status, 0), child[i]);
        cr_expect_eq(status, 0, "builder %d", i);
    }
    use("model");
    cr_expect_eq(use("model"), 0);
    cr_expect_eq(test_shelf_count(""), ALL + test_shelf_count(".hashes"),
                 "nothing was left behind");
}

/* The pages of a killed builder's file are no pack. */
SHELF_TEST(of_a_killed_builder_are_whole_or_not_there)
{
    for (int i = 0; i < 12; i++) {
        pid_t child = fork();
        if (child == 0) {
            test_shelf_use("model", 0, NULL, 0);
            _exit(0);
        }
        usleep((useconds_t)(200 + 150 * i));
        kill(child, SIGKILL);
        cr_assert_eq(waitpid(child, NULL, 0), child);
        cr_expect_leq(use("model"), ALL);
        cr_expect_null(strstr(said, "made anew"), "%s", said);
        cr_expect_eq(test_shelf_count(".pack"), ALL);
        for (int j = i % ALL; j >= 0; j--) {
            cr_assert_eq(unlink(test_shelf_file(".pack", 0)), 0);
        }
    }
}
