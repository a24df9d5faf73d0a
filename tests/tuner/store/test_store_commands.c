/* Every command that reads a database, as a stranger, where nothing may be written. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "optimizations/core/utf8_text.h"
#include "tests/support/folder.h"
#include "tests/support/run_program.h"
#include "tests/support/stores.h"
#include "tuner/store/store_internal.h"
#include "tuner/store/store_runs.h"

enum { NOBODY = 65534 };

static void make_folder(void)
{
    test_folder_make();
    chmod(test_folder_path(""), 0755);
    cr_assert_eq(mkdir(test_folder_path("ro"), 0755), 0);
}

static void remove_folder(void)
{
    chmod(test_folder_path("ro"), 0755);
    test_folder_remove();
}

static void add_run(vlt_store *store, int64_t session, double ratio)
{
    for (int i = 0; i < 12; i++) {
        cr_assert_eq(test_store_add(store, session, "avx2", ratio * (1 + 0.0002 * i), 20, NULL),
                     VLT_OK);
    }
    cr_assert_eq(test_store_decide(store, session, NULL), VLT_OK);
}

static void copy(const char *from, const char *to, const char *suffix)
{
    char path[2][512], *data;
    size_t bytes;
    snprintf(path[0], sizeof path[0], "%s%s", from, suffix);
    snprintf(path[1], sizeof path[1], "%s%s", to, suffix);
    cr_assert_eq(vlt_read_file(path[0], 1 << 26, &data, &bytes, NULL), VLT_OK);
    cr_assert_eq(vlt_write_file(path[1], data, bytes, NULL), VLT_OK);
    free(data);
}

/* ro/whole.db was closed, ro/used.db is a copy of one in use, ro/torn.db lacks its -wal. */
static void make_stores(char id[2][VLT_STORE_ID_BYTES])
{
    char live[256], to[256];
    snprintf(live, sizeof live, "%s", test_folder_path("live.db"));
    vlt_store *store[2];
    for (int i = 0; i < 2; i++) {
        int64_t session;
        store[i] = test_store_open(live, &session);
        add_run(store[i], session, i ? 0.515 : 0.5);
        cr_assert_eq(vlt_store_session_id(store[i], session, id[i], NULL), VLT_OK);
    }
    snprintf(to, sizeof to, "%s", test_folder_path("ro/used.db"));
    copy(live, to, "");
    copy(live, to, "-wal");
    snprintf(to, sizeof to, "%s", test_folder_path("ro/torn.db"));
    copy(live, to, "");
    vlt_store_close(store[0]);
    vlt_store_close(store[1]);
    snprintf(to, sizeof to, "%s", test_folder_path("ro/whole.db"));
    copy(live, to, "");
    chmod(test_folder_path("ro"), 0555);
}

/* Exit code, and what it must say on stderr (NULL: nothing to ask). */
static void expect(const char *arguments, int code, const char *what)
{
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
            _exit(1);
        }
        test_output output = test_program(arguments);
        bool fine = output.exit_code == code && (!what || strstr(output.err, what));
        if (!fine) {
            fprintf(stderr, "%s: %d %s\n", arguments, output.exit_code, output.err);
        }
        _exit(!fine);
    }
    int end = -1;
    waitpid(child, &end, 0);
    cr_assert_eq(end, 0, "%s", arguments);
}

Test(store_commands, read_where_nothing_may_be_written, .init = make_folder, .fini = remove_folder,
     .timeout = 120)
{
    static const char *const names[] = {"whole", "used"};
    char id[2][VLT_STORE_ID_BYTES], command[1024], folder[256];
    make_stores(id);
    snprintf(folder, sizeof folder, "%s", test_folder_path("ro"));
    for (int i = 0; i < 2; i++) {
        static const char *const commands[] = {
            "explain",
            "explain norm --json",
            "db check",
            "db export",
            "db export --format t4",
            "report --json",
            "report --session %s",
        };
        for (size_t k = 0; k < sizeof commands / sizeof *commands; k++) {
            char filled[256];
            snprintf(filled, sizeof filled, "%s", commands[k]);
            if (strstr(filled, "%s")) {
                snprintf(filled, sizeof filled, "report --session %s", vlt_quoted(id[1], 8).text);
            }
            snprintf(command, sizeof command, "%s --db %s/%s.db", filled, folder, names[i]);
            expect(command, 0, NULL);
        }
        snprintf(command, sizeof command, "compare db:%s db:%s --db %s/%s.db",
                 vlt_quoted(id[0], 8).text, vlt_quoted(id[1], 8).text, folder, names[i]);
        expect(command, 0, NULL);
        snprintf(command, sizeof command, "db check %s/%s.db", folder, names[i]);
        expect(command, 0, NULL);
        snprintf(command, sizeof command, "db merge %s/%s.db --db /tmp/vltune-test-merged-%d.db",
                 folder, names[i], (int)getpid());
        expect(command, 0, NULL);
    }
    char merged[64];
    snprintf(merged, sizeof merged, "/tmp/vltune-test-merged-%d.db", (int)getpid());
    test_store_remove(merged);
}

Test(store_commands, refuse_a_copy_without_its_wal_and_an_empty_file, .init = make_folder,
     .fini = remove_folder, .timeout = 120)
{
    static const char *const commands[] = {"explain",
                                           "db check",
                                           "db export",
                                           "report",
                                           "compare db:latest db:latest",
                                           "db merge --db /tmp/vltune-test-none.db"};
    char id[2][VLT_STORE_ID_BYTES], command[1024], torn[256], empty[256];
    make_stores(id);
    snprintf(torn, sizeof torn, "%s", test_folder_path("ro/torn.db"));
    snprintf(empty, sizeof empty, "%s", test_folder_path("empty.db"));
    cr_assert_eq(vlt_write_file(empty, "", 0, NULL), VLT_OK);
    for (size_t k = 0; k < sizeof commands / sizeof *commands; k++) {
        bool merge = !strncmp(commands[k], "db merge", 8);
        for (int i = 0; i < 2; i++) {
            snprintf(command, sizeof command, "%s%s %s", commands[k], merge ? "" : " --db",
                     i ? empty : torn);
            expect(command, 2, i ? "0 bytes" : "torn.db-wal");
        }
    }
    unlink("/tmp/vltune-test-none.db");
}

Test(store_commands, that_write_refuse_a_place_at_once, .init = make_folder, .fini = remove_folder,
     .timeout = 120)
{
    static const char *const commands[] = {"bench norm", "compare norm/baseline norm/avx2",
                                           "db merge"};
    char id[2][VLT_STORE_ID_BYTES], command[1024];
    make_stores(id);
    for (size_t k = 0; k < sizeof commands / sizeof *commands; k++) {
        bool merge = !strcmp(commands[k], "db merge");
        snprintf(command, sizeof command, "%s %s --db %s", commands[k],
                 merge ? test_folder_path("live.db") : "", test_folder_path("ro/whole.db"));
        expect(command, 2, "whole.db");
    }
}
