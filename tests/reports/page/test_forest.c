#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/page/forest.h"

/* Horizontal place of the large point of the line whose verdict is `mark`. */
static double point_of(const char *svg, const char *mark)
{
    char begin[48];
    double x = NAN;
    cr_assert_lt(snprintf(begin, sizeof begin, "<circle class=\"%s\" cx=\"", mark),
                 (int)sizeof begin);
    const char *found = strstr(svg, begin);
    cr_assert(found, "no point for %s", mark);
    cr_assert_eq(sscanf(found + strlen(begin), "%lf", &x), 1);
    return x;
}

/* One plot for pages of ratios and of speed-ups: the arrows and the points agree. */
Test(forest, faster_lies_where_its_arrow_points)
{
    static const vlt_forest_line lines[] = {
        {.name = "norm/avx2@rows=1",
         .rest = "",
         .ratio = 0.5,
         .low = 0.4,
         .high = 0.6,
         .mark = "faster",
         .value = "0.5",
         .margin = 0.01},
        {.name = "norm/baseline",
         .rest = "decode",
         .ratio = 2,
         .low = 0,
         .high = INFINITY,
         .mark = "slower",
         .value = "2"},
        {.name = "linear", .rest = "", .ratio = NAN, .value = "not <measured>"},
    };
    for (int speedups = 0; speedups < 2; speedups++) {
        const vlt_forest forest = {.line = lines, .line_count = 3, .speedups = speedups};
        vlt_buffer page = {0};
        vlt_page_forest(&page, &forest);
        cr_assert_not(page.failed);
        const char *svg = page.data;
        cr_assert(strstr(svg, "not &lt;measured&gt;"));
        cr_assert(strstr(svg, ">rows=1</text>"), "what is behind the @ is written below");
        cr_assert_eq(point_of(svg, "faster") > point_of(svg, "slower"), speedups == 1);
        const char *faster = strstr(svg, "faster</text>");
        cr_assert_eq(faster == NULL,
                     speedups == 1); /* "faster ->" at the right, else "<- faster" */
        cr_assert(strstr(svg, speedups ? "\xE2\x86\x90 slower" : "\xE2\x86\x90 faster"));
        cr_assert_null(strstr(svg, "nan"));
        cr_assert_null(strstr(svg, "inf"));
        free(page.data);
    }
}
