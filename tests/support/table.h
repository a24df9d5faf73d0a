/* table.h: golden tables: lines of columns with tabs between them, the first line a header. */
#ifndef VLT_TESTS_TABLE_H
#define VLT_TESTS_TABLE_H

#include <stdbool.h>

enum { TEST_COLUMNS_MAX = 24 };

/* Calls each(user, columns, count) for every line but the first; the texts may be written to. False
 * after a loud skip when the file is not there. */
bool test_each_row(const char *relative, void (*each)(void *user, char **column, int count),
                   void *user);

#endif
