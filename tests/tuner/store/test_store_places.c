/* Databases where one may not write, copies that lack a part, and writers that start together. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "optimizations/core/random.h"
#include "tests/support/folder.h"
#include "tests/support/stores.h"
#include "tuner/store/store_admin.h"
#include "tuner/store/store_internal.h"
#include "tuner/store/store_place.h"
#include "tuner/store/store_runs.h"

enum { NOBODY = 65534, TRIALS = 3 };

static void make_folder(void)
{
    test_folder_make();
    chmod(test_folder_path(""), 0755);
}

/* A database of TRIALS trials in a folder of its own. */
static const char *make_store(const char *folder, char path[512])
{
    int64_t session;
    cr_assert_eq(mkdir(test_folder_path(folder), 0755), 0);
    snprintf(path, 512, "%s/%s", test_folder_path(folder), "a b%20#?.db");
    vlt_store *store = test_store_open(path, &session);
    for (int i = 0; i < TRIALS; i++) {
        cr_assert_eq(test_store_add(store, session, "avx2", 0.5, 20, NULL), VLT_OK);
    }
    cr_assert_eq(vlt_store_put_result(store, session, "{}", NULL), VLT_OK);
    vlt_store_close(store);
    return path;
}

static bool exists(const char *path, const char *suffix)
{
    char name[600];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return access(name, F_OK) == 0;
}

static void copy(const char *from, const char *to, const char *suffix)
{
    char name[2][600], *data;
    size_t bytes;
    snprintf(name[0], sizeof name[0], "%s%s", from, suffix);
    snprintf(name[1], sizeof name[1], "%s%s", to, suffix);
    cr_assert_eq(vlt_read_file(name[0], 1 << 26, &data, &bytes, NULL), VLT_OK, "%s", name[0]);
    cr_assert_eq(vlt_write_file(name[1], data, bytes, NULL), VLT_OK);
    free(data);
}

static bool count_timed(void *user, const vlt_store_timed *timed)
{
    (void)timed;
    ++*(int *)user;
    return true;
}

/* Every way of reading; the number of trials seen, or -1 with *err. */
static int read_all(const char *path, vlt_error *err)
{
    vlt_store *store, *target;
    vlt_store_run_info run;
    vlt_store_merged merged;
    int64_t problems = 0;
    int timed = 0;
    char *document = NULL, *text = NULL, into[600];
    size_t bytes;
    if (vlt_store_open(path, VLT_STORE_READ, &store, err) != VLT_OK) {
        return -1;
    }
    FILE *stream = open_memstream(&text, &bytes);
    bool fine = vlt_store_get_result(store, NULL, &document, err) == VLT_OK &&
                vlt_store_find_run(store, "latest", &run, err) == VLT_OK &&
                vlt_store_each_timed(store, run.session, count_timed, &timed, err) == VLT_OK &&
                vlt_store_check(store, (void (*)(void *, const char *))abort, NULL, &problems,
                                err) == VLT_OK &&
                vlt_store_export(store, VLT_STORE_JSONL, stream, err) == VLT_OK;
    fclose(stream);
    free(document);
    free(text);
    vlt_store_close(store);
    snprintf(into, sizeof into, "/tmp/vltune-test-into-%d.db", (int)getpid());
    if (fine && vlt_store_open(into, VLT_STORE_CREATE, &target, err) == VLT_OK) {
        fine = vlt_store_merge(target, path, &merged, err) == VLT_OK && merged.trials == timed;
        vlt_store_close(target);
    }
    test_store_remove(into);
    return fine ? timed : -1;
}

/* read_all as somebody who may not write, in a process of his own. */
static int read_as_stranger(const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        vlt_error err = {0};
        if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
            _exit(100);
        }
        int trials = read_all(path, &err);
        if (trials < 0) {
            fprintf(stderr, "%s\n", err.message);
        }
        _exit(trials < 0 ? 99 : trials);
    }
    int end = -1;
    waitpid(child, &end, 0);
    return WIFEXITED(end) ? WEXITSTATUS(end) : -WTERMSIG(end);
}

/* Takes the right to write, also from its owner: the tests need no root. */
static void protect(const char *folder, bool on)
{
    char path[600];
    DIR *list = opendir(folder);
    for (struct dirent *entry; (entry = readdir(list)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.') {
            chmod(path, on ? 0444 : 0644);
        }
    }
    closedir(list);
    chmod(folder, on ? 0555 : 0755);
}

static int entries(const char *folder)
{
    int count = -2;
    DIR *list = opendir(folder);
    while (readdir(list)) {
        count++;
    }
    closedir(list);
    return count;
}

Test(store_places, a_closed_database_is_read_where_nothing_may_be_written, .init = make_folder,
     .fini = test_folder_remove)
{
    char path[512];
    const char *folder = test_folder_path("a");
    make_store("a", path);
    cr_assert_not(exists(path, "-wal"));
    protect(folder, true);
    cr_assert_eq(read_as_stranger(path), TRIALS);
    cr_assert_eq(entries(folder), 1);
    chmod(folder, 0777); /* the folder is everybody's, the file is not: nothing is made beside it */
    cr_assert_eq(read_as_stranger(path), TRIALS);
    cr_assert_eq(entries(folder), 1);
    protect(folder, false);
}

/* What a killed writer, or a copy of a database in use, has: everything is in -wal. */
static void leave_wal(const char *from, const char *to, bool shm)
{
    int64_t session;
    pid_t child = fork();
    if (child == 0) {
        vlt_store *store = test_store_open(from, &session);
        for (int i = 0; i < TRIALS; i++) {
            test_store_add(store, session, "avx2", 0.5, 20, NULL);
        }
        vlt_store_put_result(store, session, "{}", NULL);
        copy(from, to, "");
        copy(from, to, "-wal");
        if (shm) {
            copy(from, to, "-shm");
        }
        _exit(0);
    }
    int end = -1;
    waitpid(child, &end, 0);
    cr_assert_eq(end, 0);
}

Test(store_places, what_is_in_wal_is_read_where_nothing_may_be_written, .init = make_folder,
     .fini = test_folder_remove)
{
    for (int shm = 0; shm < 2; shm++) {
        char path[512];
        const char *folder = test_folder_path(shm ? "with" : "without");
        cr_assert_eq(mkdir(folder, 0755), 0);
        snprintf(path, sizeof path, "%s/copy.db", folder);
        leave_wal(test_folder_path("live.db"), path, shm);
        test_store_remove(test_folder_path("live.db"));
        protect(folder, true);
        cr_assert_eq(read_as_stranger(path), TRIALS);
        cr_assert_eq(entries(folder), 2 + shm);
        protect(folder, false);
        cr_assert_eq(read_all(path, NULL), TRIALS); /* and in a place of one's own */
    }
}

Test(store_places, a_wal_that_may_not_be_read_is_named, .init = make_folder,
     .fini = test_folder_remove)
{
    char path[512], wal[600];
    const char *folder = test_folder_path("a");
    cr_assert_eq(mkdir(folder, 0755), 0);
    snprintf(path, sizeof path, "%s/copy.db", folder);
    snprintf(wal, sizeof wal, "%s-wal", path);
    leave_wal(test_folder_path("live.db"), path, false);
    protect(folder, true);
    chmod(wal, 0);
    cr_assert_eq(read_as_stranger(path), 99);
    protect(folder, false);
}

/* A transaction that a kill left in a rollback journal, where the file system has no -wal. */
Test(store_places, an_unfinished_write_is_undone_in_a_copy, .init = make_folder,
     .fini = test_folder_remove)
{
    char path[512], to[512];
    const char *folder = test_folder_path("b");
    make_store("a", path);
    cr_assert_eq(mkdir(folder, 0755), 0);
    snprintf(to, sizeof to, "%s/copy.db", folder);
    pid_t child = fork();
    if (child == 0) {
        sqlite3 *db;
        if (sqlite3_open(path, &db) == SQLITE_OK &&
            sqlite3_exec(db,
                         "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1;"
                         "PRAGMA cache_spill = 1; BEGIN; DELETE FROM sample; DELETE FROM result;"
                         "CREATE TABLE big AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
                         " SELECT i + 1 FROM n WHERE i < 2000) SELECT i, randomblob(400) FROM n",
                         NULL, NULL, NULL) == SQLITE_OK) {
            copy(path, to, "");
            copy(path, to, "-journal");
            _exit(0);
        }
        _exit(1);
    }
    int end = -1;
    waitpid(child, &end, 0);
    cr_assert_eq(end, 0);
    protect(folder, true);
    cr_assert_eq(read_as_stranger(to), TRIALS);
    protect(folder, false);
    cr_assert_eq(read_all(to, NULL), TRIALS);
}

Test(store_places, reading_beside_a_writer_sees_what_it_has_written, .init = make_folder,
     .fini = test_folder_remove)
{
    int64_t session;
    const char *path = test_folder_path("live.db");
    vlt_store *store = test_store_open(path, &session);
    cr_assert_eq(vlt_store_put_result(store, session, "{}", NULL), VLT_OK);
    for (int i = 1; i <= TRIALS; i++) {
        cr_assert_eq(test_store_add(store, session, "avx2", 0.5, 20, NULL), VLT_OK);
        cr_assert_eq(read_as_stranger(path), i);
        cr_assert_eq(read_all(path, NULL), i);
    }
    vlt_store_close(store);
}

static void refuses(const char *path, vlt_store_mode mode, vlt_status status, const char *what,
                    const char *more)
{
    vlt_store *store;
    vlt_error err = {0};
    vlt_status got = vlt_store_open(path, mode, &store, &err);
    cr_assert_eq(got, status, "%s (mode %d): %s, %s", path, mode, vlt_status_name(got),
                 err.message);
    cr_assert_null(store);
    cr_assert(strstr(err.message, what) && strstr(err.message, more), "%s", err.message);
    cr_assert(strstr(err.message, path), "%s", err.message);
}

Test(store_places, a_copy_without_its_wal_is_never_taken_for_an_empty_database, .init = make_folder,
     .fini = test_folder_remove)
{
    char path[512], live[512];
    snprintf(path, sizeof path, "%s", test_folder_path("copy.db"));
    snprintf(live, sizeof live, "%s", test_folder_path("live.db"));
    sqlite3 *db;
    /* blank, as a program makes it that turns WAL on first */
    for (int round = 0; round < 2; round++) {
        cr_assert_eq(sqlite3_open(live, &db), SQLITE_OK);
        cr_assert_eq(
            sqlite3_exec(db, "PRAGMA journal_mode = WAL; CREATE TABLE t(x)", NULL, NULL, NULL),
            SQLITE_OK);
        copy(live, path, "");
        sqlite3_close(db);
        refuses(path, (vlt_store_mode[]){VLT_STORE_READ, VLT_STORE_CREATE}[round], VLT_STATUS_INPUT,
                "copy.db-wal", "missing");
        test_store_remove(path);
        unlink(live);
    }
    /* ours, in use */
    int64_t session;
    vlt_store *store = test_store_open(live, &session);
    cr_assert_eq(test_store_add(store, session, "avx2", 0.5, 20, NULL), VLT_OK);
    copy(live, path, "");
    vlt_store_close(store);
    for (int round = 0; round < 2; round++) { /* reading must not make the -wal that lacks */
        refuses(path, VLT_STORE_READ, VLT_STATUS_INPUT, "copy.db-wal", "");
    }
}

/* Killed between the making of the tables and the first session: nothing was lost. */
Test(store_places, a_killed_writer_that_had_measured_nothing_leaves_an_empty_database,
     .init = make_folder, .fini = test_folder_remove)
{
    const char *path = test_folder_path("new.db");
    vlt_store *store;
    vlt_error err = {0};
    pid_t child = fork();
    if (child == 0) {
        _exit(vlt_store_open(path, VLT_STORE_CREATE, &store, NULL) != VLT_OK);
    }
    int end = -1;
    waitpid(child, &end, 0);
    cr_assert_eq(end, 0);
    for (int round = 0; round < 2; round++) {
        cr_assert_eq(vlt_store_open(path, VLT_STORE_READ, &store, &err), VLT_OK, "%s", err.message);
        vlt_store_close(store);
    }
}

Test(store_places, nothing_is_not_a_database, .init = make_folder, .fini = test_folder_remove)
{
    const char *path = test_folder_path("empty.db");
    vlt_store *store;
    cr_assert_eq(vlt_write_file(path, "", 0, NULL), VLT_OK);
    refuses(path, VLT_STORE_READ, VLT_STATUS_INPUT, "0 bytes", "");
    refuses(path, VLT_STORE_WRITE, VLT_STATUS_INPUT, "0 bytes", "");
    cr_assert_eq(vlt_store_open(path, VLT_STORE_CREATE, &store, NULL), VLT_OK);
    vlt_store_close(store);
    cr_assert_eq(vlt_store_open(path, VLT_STORE_READ, &store, NULL), VLT_OK); /* empty, but whole */
    vlt_store_close(store);
    refuses("", VLT_STORE_CREATE, VLT_STATUS_USAGE, "''", "expected a file");
    refuses(test_folder_path("no.db"), VLT_STORE_READ, VLT_STATUS_IO, "no such file", "");
    refuses(test_folder_path("no/no.db"), VLT_STORE_CREATE, VLT_STATUS_IO, "folder", "No such");
    /* names that SQLite has meanings for are names of files here */
    cr_assert_eq(chdir(test_folder_path("")), 0);
    cr_assert_eq(vlt_store_open(":memory:", VLT_STORE_CREATE, &store, NULL), VLT_OK);
    vlt_store_close(store);
    cr_assert_eq(access(":memory:", F_OK), 0);
    cr_assert_eq(chdir("/"), 0);
}

Test(store_places, writing_where_one_may_not_is_refused_before_anything_is_measured,
     .init = make_folder, .fini = test_folder_remove)
{
    char path[512];
    const char *folder = test_folder_path("a");
    make_store("a", path);
    protect(folder, true);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
            _exit(100);
        }
        refuses(path, VLT_STORE_CREATE, VLT_STATUS_IO, "cannot be written", "folder");
        char other[600];
        snprintf(other, sizeof other, "%s/new.db", folder);
        refuses(other, VLT_STORE_CREATE, VLT_STATUS_IO, "cannot be written", "Permission denied");
        _exit(0);
    }
    int end = -1;
    waitpid(child, &end, 0);
    cr_assert_eq(end, 0);
    protect(folder, false);
}

/* Another user's program that was killed has left its -wal beside a database of everybody. */
Test(store_places, companions_that_may_not_be_written_are_named, .init = make_folder,
     .fini = test_folder_remove)
{
    char path[512], wal[600];
    const char *folder = test_folder_path("a");
    cr_assert_eq(mkdir(folder, 0755), 0);
    snprintf(path, sizeof path, "%s/copy.db", folder);
    snprintf(wal, sizeof wal, "%s-wal", path);
    leave_wal(test_folder_path("live.db"), path, false);
    chmod(folder, 0777);
    chmod(path, 0666);
    chmod(wal, 0444);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
            _exit(100);
        }
        refuses(path, VLT_STORE_CREATE, VLT_STATUS_IO, "copy.db-wal", "Permission denied");
        _exit(0);
    }
    int end = -1;
    waitpid(child, &end, 0);
    cr_assert_eq(end, 0);
    cr_assert_eq(read_as_stranger(path), TRIALS); /* but read */
}

Test(store_places, a_path_that_sqlite_does_not_take_is_named, .init = make_folder,
     .fini = test_folder_remove)
{
    char path[1024];
    int length = snprintf(path, sizeof path, "%s", test_folder_path(""));
    for (int i = 0; i < 3; i++) {
        length += snprintf(path + length, sizeof path - (size_t)length, "/%0200d", i);
        cr_assert_eq(mkdir(path, 0755), 0);
    }
    snprintf(path + length, sizeof path - (size_t)length, "/x.db");
    refuses(path, VLT_STORE_CREATE, VLT_STATUS_LIMIT, "504", "");
}

/* Writers that start together on a file that is not there: each one must get in. */
Test(store_places, writers_that_start_together_all_get_in, .init = make_folder,
     .fini = test_folder_remove, .timeout = 120)
{
    enum { ROUNDS = 60, WRITERS = 8 };
    for (int round = 0; round < ROUNDS; round++) {
        const char *path = test_folder_path("new.db");
        pid_t child[WRITERS];
        int gate[2], failed = 0;
        char byte;
        cr_assert_eq(pipe(gate), 0);
        for (int i = 0; i < WRITERS; i++) {
            child[i] = fork();
            if (child[i] == 0) {
                int64_t session;
                close(gate[1]);
                if (read(gate[0], &byte, 1) != 0) { /* until all are there */
                    _exit(2);
                }
                vlt_store *store = test_store_open(path, &session);
                bool fine = test_store_add(store, session, "avx2", 0.5, 5, NULL) == VLT_OK;
                vlt_store_close(store);
                _exit(!fine);
            }
        }
        close(gate[0]);
        close(gate[1]);
        for (int i = 0; i < WRITERS; i++) {
            int end = -1;
            waitpid(child[i], &end, 0);
            failed += end != 0;
        }
        cr_assert_eq(failed, 0, "round %d: %d of %d failed", round, failed, WRITERS);
        int64_t trials = -1;
        vlt_store *store;
        cr_assert_eq(vlt_store_open(path, VLT_STORE_READ, &store, NULL), VLT_OK);
        cr_assert_eq(vlt_store_query_int(store, "SELECT count(*) FROM trial", "testing", &trials,
                                         NULL, NULL, ""),
                     VLT_OK);
        cr_assert_eq(trials, WRITERS);
        vlt_store_close(store);
        test_store_remove(path);
    }
}

/* A kill while the file is made: the next one uses what is there, or makes it. */
Test(store_places, a_kill_while_a_database_is_made_spoils_nothing, .init = make_folder,
     .fini = test_folder_remove, .timeout = 120)
{
    enum { ROUNDS = 80, WRITERS = 3 };
    vlt_random random = {17};
    const char *path = test_folder_path("new.db");
    for (int round = 0; round < ROUNDS; round++) {
        pid_t child[WRITERS];
        int64_t session;
        for (int i = 0; i < WRITERS; i++) {
            child[i] = fork();
            if (child[i] == 0) {
                vlt_store_close(test_store_open(path, &session));
                _exit(0);
            }
        }
        nanosleep(&(struct timespec){0, (long)vlt_random_range(&random, 500000, 25000000)}, NULL);
        for (int i = 0; i < WRITERS; i++) {
            kill(child[i], SIGKILL);
            waitpid(child[i], NULL, 0);
        }
        vlt_store *store = test_store_open(path, &session);
        cr_assert_eq(test_store_add(store, session, "avx2", 0.5, 5, NULL), VLT_OK);
        int64_t problems = -1;
        cr_assert_eq(
            vlt_store_check(store, (void (*)(void *, const char *))abort, NULL, &problems, NULL),
            VLT_OK);
        vlt_store_close(store);
        test_store_remove(path);
    }
}

/* Another program that holds the file for some seconds is waited for; for longer, it is named. */
Test(store_places, a_lock_of_some_seconds_is_waited_for, .init = make_folder,
     .fini = test_folder_remove, .timeout = 60)
{
    char path[512];
    int ready[2];
    char byte;
    make_store("a", path);
    cr_assert_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        sqlite3 *db;
        bool held = sqlite3_open(path, &db) == SQLITE_OK &&
                    sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;", NULL,
                                 NULL, NULL) == SQLITE_OK;
        if (!held || write(ready[1], "x", 1) != 1) {
            _exit(1);
        }
        nanosleep(&(struct timespec){3, 0}, NULL);
        _exit(0);
    }
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    int64_t session;
    vlt_store *store = test_store_open(path, &session);
    cr_assert_eq(test_store_add(store, session, "avx2", 0.5, 5, NULL), VLT_OK);
    vlt_store_close(store);
    int end = -1;
    waitpid(child, &end, 0);
    cr_assert_eq(end, 0);
}

Test(store_places, a_reader_that_does_not_end_does_not_stop_a_writer, .init = make_folder,
     .fini = test_folder_remove, .timeout = 60)
{
    char path[512];
    int64_t session;
    vlt_store *reader;
    make_store("a", path);
    cr_assert_eq(vlt_store_open(path, VLT_STORE_READ, &reader, NULL), VLT_OK);
    cr_assert_eq(vlt_store_exec(reader, "BEGIN; SELECT count(*) FROM trial", "testing", NULL),
                 VLT_OK);
    vlt_store *store = test_store_open(path, &session);
    cr_assert_eq(test_store_add(store, session, "avx2", 0.5, 5, NULL), VLT_OK);
    vlt_store_close(store);
    vlt_store_close(reader);
}

Test(store_places, a_place_becomes_a_uri_byte_by_byte)
{
    char *uri = vlt_store_place_uri("/a b/\xFF%?#\xC3\xA4.db", "mode=ro");
    cr_assert_str_eq(uri, "file:///a%20b/%FF%25%3F%23%C3%A4.db?mode=ro");
    free(uri);
}

/* Where several machines may write, no database is written; a local place is none of those. */
Test(store_places, network_file_systems_are_known_by_their_number)
{
    struct statfs info;
    cr_assert_str_eq(vlt_store_network_name(0x6969), "NFS");
    cr_assert_str_eq(vlt_store_network_name((unsigned long)(long)(int)0xFF534D42), "CIFS");
    cr_assert_null(vlt_store_network_name(0xEF53));     /* ext4 */
    cr_assert_null(vlt_store_network_name(0x01021994)); /* tmpfs */
    cr_assert_eq(statfs("/tmp", &info), 0);
    cr_assert_null(vlt_store_network_name((unsigned long)info.f_type));
}
