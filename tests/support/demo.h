/* demo.h: the program on the demo model, in a folder of the test's own. */
#ifndef VLT_TESTS_DEMO_H
#define VLT_TESTS_DEMO_H

#include "harness/infer/vltune.h"
#include "harness/json/json.h"
#include "tests/support/run_program.h"

/* Makes a folder, goes there and draws scenes/scene-000.jpg to -002.jpg with scenes.jsonl. Use as
 * Test(suite, name, .init = test_demo_make, .fini = test_demo_remove). */
void test_demo_make(void);
void test_demo_remove(void);

/* An engine on the checkpoint, in this process; with or without the folder. To be closed. */
vlt_engine *test_demo_engine(const vlt_engine_options *options);

/* Writes a file of the folder. */
void test_demo_write(const char *name, const char *text);

/* Runs `vltune ARGUMENTS` with printf's %s replaced: the checkpoint first, then `rest`. */
test_output test_demo_run(const char *format, const char *rest);

/* The same; it must succeed and print one JSON document. */
json_t *test_demo_json(const char *format, const char *rest);

/* Runs a shell script with $VLTUNE and $DEMO (the checkpoint). */
test_output test_demo_script(const char *script);

/* A member that must be a number. */
double test_demo_number(const json_t *object, const char *key);

/* Lines of a file of the folder that hold `with`. */
int test_demo_count_lines(const char *name, const char *with);

#endif
