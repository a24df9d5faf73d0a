/* A file given where an option is meant: the message says which. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"
#include "tests/support/run_program.h"
#include "tests/support/stores.h"

/* Exit 2 at once, with both texts on stderr. */
static void expect(const char *arguments, const char *what, const char *more)
{
    test_output output = test_program(arguments);
    cr_assert_eq(output.exit_code, 2, "%s: %d %s", arguments, output.exit_code, output.err);
    cr_assert(strstr(output.err, what) && strstr(output.err, more), "%s: %s", arguments,
              output.err);
    test_output_release(&output);
}

Test(operand_hints, name_the_option, .init = test_folder_make, .fini = test_folder_remove)
{
    static const struct {
        const char *arguments, *hint;
    } cases[] = {
        {"report runs.db", "--db 'runs.db'"},
        {"report 3f2a91c0", "--session '3f2a91c0'"},
        {"report out.html", "--page 'out.html'"},
        {"run DIR photo.JPG", "--image 'photo.JPG'"},
        {"run DIR 'What is this?'", "--prompt 'What is this?'"},
        {"run DIR tuned.toml", "--config 'tuned.toml'"},
        {"run DIR talk.json", "--messages 'talk.json'"},
        {"tune DIR 60s", "--budget '60s'"},
        {"batch DIR in.jsonl out.jsonl", "--output 'out.jsonl'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect(cases[i].arguments, "unexpected operand", cases[i].hint);
    }
    expect("model make DIR tiny", "2 operands given", "--size 'tiny'");
    expect("db export a.db csv", "2 operands given", "--format 'csv'");
    expect("config show a.toml b.db", "operands given", "expected");
    expect("explain runs.db", "unknown operator 'runs.db'", "--db 'runs.db'");
    expect("bench runs.db", "unknown operator 'runs.db'", "--db 'runs.db'");
    expect("list nrm", "unknown operator 'nrm'", "did you mean 'norm'");
    expect("report something", "unexpected operand 'something'", "expected none");
}

Test(operand_hints, know_a_database_by_its_content, .init = test_folder_make,
     .fini = test_folder_remove)
{
    char path[256], config[256], command[1024];
    int64_t session;
    snprintf(path, sizeof path, "%s", test_folder_path("samples"));
    snprintf(config, sizeof config, "%s", test_folder_path("t.toml"));
    vlt_store_close(test_store_open(path, &session));
    cr_assert_eq(vlt_write_file(config, "schema = 1\n# and so on, for some bytes\n", 39, NULL),
                 VLT_OK);
    snprintf(command, sizeof command, "report %s", path);
    expect(command, "samples", "--db '");
    snprintf(command, sizeof command, "compare %s baseline", path);
    expect(command, "a database", "db:RUN with --db");
    snprintf(command, sizeof command, "gate baseline %s", path);
    expect(command, "a database", "db:RUN with --db");
    snprintf(command, sizeof command, "config show %s", path);
    expect(command, "a database", "expected a tuned config");
    snprintf(command, sizeof command, "run %s --prompt x --config %s",
             test_source("harness/model/demo/checkpoint"), path);
    expect(command, "a database", "expected a tuned config");
    snprintf(command, sizeof command, "db check %s", config);
    expect(command, "t.toml", "no SQLite database, expected one with samples");
    snprintf(command, sizeof command, "report --db %s", config);
    expect(command, "t.toml", "no SQLite database, expected one with samples");
}

/* What is given for an operator or a variant and is something else is called by what it is. */
Test(operand_hints, name_what_is_no_variant, .init = test_folder_make, .fini = test_folder_remove)
{
    static const struct {
        const char *argument, *said;
    } cases[] = {
        {"/dev/null", "'/dev/null': a device, expected OP"},
        {"/", "'/': a folder, expected OP"},
        {".", "'.': a folder, expected OP"},
        {"FOLDER/empty", "/empty': an empty file, expected OP"},
        {"FOLDER/notes.txt", "/notes.txt': a file, expected OP"},
        {"FOLDER/pipe", "/pipe': a pipe, expected OP"},
        {"FOLDER/t.toml", "/t.toml': a folder, expected a file"},
        {"/nowhere/x", "'/nowhere/x': there is no such file"},
        {"nowhere/libvltun", "unknown operator 'nowhere'"},
        {"/avx2", "'/avx2' names no operator"},
        {"@rows=3", "'@rows=3' names no operator"},
        {"norm/", "'norm/' names no variant"},
        {"''", "'' names no operator"},
        {"norm/avx3", "norm has no variant 'avx3'"},
    };
    test_folder_put("empty", "");
    test_folder_put("notes.txt", "mine\n");
    test_folder_put("t.toml/inside", "x");
    cr_assert_eq(mkfifo(test_folder_path("pipe"), 0600), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const char *const commands[] = {"compare %s norm", "compare norm %s", "gate %s norm",
                                               "gate baseline %s"};
        char argument[512], command[1024];
        const char *rest = cases[i].argument;
        const bool in_folder = !strncmp(rest, "FOLDER/", 7);
        snprintf(argument, sizeof argument, "%s",
                 in_folder ? test_folder_path(rest + strlen("FOLDER/")) : rest);
        for (size_t c = 0; c < sizeof commands / sizeof *commands; c++) {
            snprintf(command, sizeof command, commands[c], argument);
            expect(command, cases[i].said, "vltune: ");
        }
    }
    expect("gate --what /dev/null", "'/dev/null' names no operator", "--what");
    expect("compare a.so b.so --what @rows=3", "'@rows=3' names no operator", "--what");
    expect("run DIR --prompt x --force =avx2", "'=avx2', expected OP=VARIANT", "--force");
    expect("run DIR --prompt x --force norm=", "'norm/' names no variant", "--force");
}
