#include "reports/shape_text.h"

#include <string.h>

#include "optimizations/core/registry.h"
#include "optimizations/core/utf8_text.h"

/* Value of `name` (length bytes) in "a=1,b=2", or NULL; *value_length says how long it is. */
static const char *find_value(const char *dims, const char *name, size_t length,
                              size_t *value_length)
{
    while (*dims) {
        size_t key = strcspn(dims, "=,");
        const char *value = dims[key] == '=' ? dims + key + 1 : dims + key;
        *value_length = strcspn(value, ",");
        if (key == length && !strncmp(dims, name, length)) {
            return value;
        }
        dims = value + *value_length;
        dims += *dims == ',';
    }
    return NULL;
}

static int fill(const char *pattern, const char *dims, char *text, size_t text_bytes)
{
    size_t used = 0;
    while (*pattern && used + 1 < text_bytes) {
        if (*pattern != '{') {
            text[used++] = *pattern++;
            continue;
        }
        size_t length = strcspn(++pattern, "}"), value_length;
        const char *value = find_value(dims, pattern, length, &value_length);
        if (!value || used + value_length >= text_bytes) {
            return -1;
        }
        memcpy(text + used, value, value_length);
        used += value_length;
        pattern += length + 1;
    }
    text[used] = '\0';
    return 0;
}

void vlt_shape_text(const char *op, const char *dims, char *text, size_t text_bytes)
{
    const vlt_op *found = vlt_registry_find_op(op);
    if (!found || !found->label || fill(found->label, dims, text, text_bytes) != 0) {
        vlt_utf8_format(text, text_bytes, "%s", dims);
    }
}
