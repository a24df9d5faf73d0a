#include "optimizations/core/quality.h"

#include <string.h>

#include "optimizations/core/utf8_text.h"

static const char *const names[VLT_QUALITY_COUNT] = {
#define VLT_QUALITY_NAME(code, name) name,
    VLT_QUALITY_MAP(VLT_QUALITY_NAME)
#undef VLT_QUALITY_NAME
};

const char *vlt_quality_name(vlt_quality quality)
{
    return (unsigned)quality < VLT_QUALITY_COUNT ? names[quality] : "?";
}

const char *vlt_quality_unless_exact(vlt_quality quality)
{
    return quality == VLT_QUALITY_EXACT ? NULL : vlt_quality_name(quality);
}

vlt_status vlt_quality_parse(const char *text, vlt_quality *out, vlt_error *err)
{
    *out = VLT_QUALITY_EXACT;
    for (int i = 0; i < VLT_QUALITY_COUNT && text; i++) {
        if (!strcmp(text, names[i])) {
            *out = (vlt_quality)i;
            return VLT_OK;
        }
    }
    return text
               ? vlt_fail(err, VLT_STATUS_USAGE, "quality '%s', expected exact, bf16, int8 or int4",
                          vlt_quoted_word(text).text)
               : VLT_OK;
}
