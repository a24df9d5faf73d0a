/* folder.h: a folder of its own for a test, gone afterwards. */
#ifndef VLT_TESTS_FOLDER_H
#define VLT_TESTS_FOLDER_H

/* One folder per process; Criterion runs each test in its own. Use as
 * Test(suite, name, .init = test_folder_make, .fini = test_folder_remove). */
void test_folder_make(void);
void test_folder_remove(void);

/* Path of a name in the folder; "" is the folder itself. Static buffer, one per call of the last
 * eight. */
const char *test_folder_path(const char *name);

/* Writes a file, with the folders above it; a reader never sees half of it. For trees as the system
 * has them, a name may begin with '/'. */
void test_folder_put(const char *name, const char *text);

/* Entries of the folder. */
int test_folder_entries(void);

#endif
