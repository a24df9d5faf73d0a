#include <criterion/criterion.h>

#include "reports/shape_text.h"

static void check(const char *op, const char *dims, const char *expected)
{
    char text[64];
    vlt_shape_text(op, dims, text, sizeof text);
    cr_assert_str_eq(text, expected);
}

Test(shape_text, writes_problems_as_people_do)
{
    check("resize", "src_h=480,src_w=640,dst_h=416,dst_w=576,arithmetic=0", "640x480 -> 576x416");
    check("linear", "m=1,n=512,k=192,weights=1", "1 x 512 x 192");
    check("linear", "m=1,n=512", "m=1,n=512");
    check("end to end", "JPEG 640x480 -> 16 tokens", "JPEG 640x480 -> 16 tokens");
    check("sample", "", "");
}
