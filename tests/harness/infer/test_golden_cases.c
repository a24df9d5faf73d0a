/* All cases of both golden checkpoints, with the default variants and with the baselines. */
#include <criterion/criterion.h>

#include "tests/support/golden_case.h"

static const char *const names[] = {"text",       "image", "resized", "photo",
                                    "two-images", "turns", "video",   "long"};

enum { NAMES = sizeof names / sizeof *names };

static void run_all(const char *model, bool baseline)
{
    const vlt_engine_options options = {.no_config = true, .baseline = baseline};
    for (int i = 0; i < NAMES; i++) {
        cr_expect_leq(golden_case_run(&options, model, names[i]), 0, "%s/%s", model, names[i]);
    }
}

Test(golden_cases, tied_head)
{
    run_all("tiny-tied", false);
}

Test(golden_cases, own_head_in_three_shards)
{
    run_all("tiny-untied", false);
}

Test(golden_cases, tied_head_baseline)
{
    run_all("tiny-tied", true);
}

Test(golden_cases, own_head_baseline)
{
    run_all("tiny-untied", true);
}
