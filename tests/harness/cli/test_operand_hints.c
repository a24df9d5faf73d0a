/* A file given where an option is meant: the message says which. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
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
