/* data.h: golden data in place, found through VLT_DATA. */
#ifndef VLT_TESTS_DATA_H
#define VLT_TESTS_DATA_H

#include <stddef.h>

/* Path of a file or folder under VLT_DATA, or NULL when it is not there (then the test skips
 * aloud). Static buffer, one per call of the last eight. */
const char *test_data(const char *relative);

/* Path of a file of the repository itself, by its path from the root. Static buffer likewise. */
const char *test_source(const char *relative);

/* Whole file as malloc'ed bytes with a NUL behind, or NULL. */
char *test_read_file(const char *path, size_t *bytes);

/* Prints "SKIP: ..." so that the summary counts it; use as
 *     if (!path) {
 *         test_skip("...");
 *         return;
 *     }
 */
void test_skip(const char *what);

#endif
