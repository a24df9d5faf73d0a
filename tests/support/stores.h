/* stores.h: databases for tests: made trials in temporary files. */
#ifndef VLT_TESTS_STORE_H
#define VLT_TESTS_STORE_H

#include "tuner/store/store.h"

/* A path under /tmp for this process, numbered; files of an earlier run are removed. Static buffer,
 * one per number (0..7). */
const char *test_store_path(int number);
void test_store_remove(const char *path); /* with what SQLite has beside it */

/* Opens or makes the file and begins a session. */
vlt_store *test_store_open(const char *path, int64_t *session);

/* Adds an ok trial of norm/`variant` whose candidate takes `ratio` of the baseline's time, with
 * `pairs` samples. */
vlt_status test_store_add(vlt_store *store, int64_t session, const char *variant, double ratio,
                          int pairs, vlt_error *err);

/* Adds the decision for norm/avx2 at one row: 1 ns where the baseline took 2. */
vlt_status test_store_decide(vlt_store *store, int64_t session, vlt_error *err);

#endif
