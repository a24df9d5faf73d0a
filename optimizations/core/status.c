#include "optimizations/core/status.h"

#include <stdarg.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"

static const struct {
    const char *name;
    int exit_code;
    const char *text;
} status_table[VLT_STATUS_COUNT] = {
#define VLT_STATUS_ROW(code, exit_code, text) {#code, exit_code, text},
    VLT_STATUS_MAP(VLT_STATUS_ROW)
#undef VLT_STATUS_ROW
};

vlt_status vlt_fail(vlt_error *err, vlt_status status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        err->status = status;
        vlt_utf8_vformat(err->message, sizeof err->message, format, args);
        va_end(args);
    }
    return status;
}

vlt_status vlt_fail_in(vlt_error *err, vlt_status status, const char *format, ...)
{
    if (err) {
        char old[VLT_ERROR_BYTES];
        memcpy(old, err->message, strlen(err->message) + 1);
        va_list args;
        va_start(args, format);
        size_t used = vlt_utf8_vformat(err->message, sizeof err->message, format, args);
        va_end(args);
        vlt_utf8_format(err->message + used, sizeof err->message - used, "%s", old);
        err->status = status;
    }
    return status;
}

const char *vlt_status_name(vlt_status status)
{
    return (unsigned)status < VLT_STATUS_COUNT ? status_table[status].name : "?";
}

const char *vlt_status_text(vlt_status status)
{
    return (unsigned)status < VLT_STATUS_COUNT ? status_table[status].text : "unknown status";
}

int vlt_status_exit_code(vlt_status status)
{
    return (unsigned)status < VLT_STATUS_COUNT ? status_table[status].exit_code : 1;
}
