#include "tests/support/table.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/data.h"

bool test_each_row(const char *relative, void (*each)(void *user, char **column, int count),
                   void *user)
{
    const char *path = test_data(relative);
    size_t bytes;
    char *text = path ? test_read_file(path, &bytes) : NULL, *rest = text, *line;
    if (!text) {
        test_skip(relative);
        return false;
    }
    strsep(&rest, "\n");
    while ((line = strsep(&rest, "\n"))) {
        char *column[TEST_COLUMNS_MAX], *cell;
        int count = 0;
        while (*line && count < TEST_COLUMNS_MAX && (cell = strsep(&line, "\t"))) {
            column[count++] = cell;
            if (!line) {
                break;
            }
        }
        if (count) {
            each(user, column, count);
        }
    }
    free(text);
    return true;
}
