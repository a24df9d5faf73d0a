/* The instruction count as a metric: a number, or a reason; never something between. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/callgrind.h"
#include "optimizations/core/compiler.h"
#include "tests/support/data.h"

static bool available(void)
{
    bool found = vlt_instructions_valgrind() && getenv("VLT_PROGRAM") && !VLT_ASAN;
    if (!found) {
        test_skip("Valgrind is not installed, or the build is sanitized");
    }
    return found;
}

static vlt_metric count(const char *what)
{
    vlt_launch_options options = {
        .program = getenv("VLT_PROGRAM"), .data_seed = 2, .timeout_s = 60};
    vlt_side side = {.what = what};
    vlt_metric metric;
    vlt_callgrind_metric(&side, &options, &metric);
    cr_assert_eq(vlt_metric_has_value(&metric), !isnan(metric.value));
    cr_assert_eq(vlt_metric_has_value(&metric), !*metric.reason, "%s", metric.reason);
    return metric;
}

Test(callgrind, counts_are_the_same_and_grow_with_the_work)
{
    if (!available()) {
        return;
    }
    vlt_metric first = count("norm/baseline@rows=16,width=256,kind=0");
    cr_assert_eq(first.status, VLT_METRIC_OK, "%s", first.reason);
    cr_assert_gt(first.value, 16 * 256);
    setenv("VLT_TEST_PADDING", "a longer environment changes nothing, it is cleared", 1);
    vlt_metric again = count("norm/baseline@rows=16,width=256,kind=0");
    cr_assert_eq(first.value, again.value);
    vlt_metric more = count("norm/baseline@rows=17,width=256,kind=0");
    double added = more.value / first.value - 1;
    cr_assert(added > 0.05 && added < 0.07, "one row of 16 more: %g", added);
}

Test(callgrind, what_cannot_be_counted_has_a_reason)
{
    if (!available()) {
        return;
    }
    vlt_metric unknown = count("norm/nosuch");
    cr_assert_eq(unknown.status, VLT_METRIC_UNSUPPORTED);
    cr_assert(strstr(unknown.reason, "nosuch"), "%s", unknown.reason);
    /* Valgrind has no AVX-512, whatever this CPU has */
    vlt_metric wide = count("norm/avx512@rows=16,width=256,kind=0");
    cr_assert_eq(wide.status, VLT_METRIC_UNSUPPORTED);
}
