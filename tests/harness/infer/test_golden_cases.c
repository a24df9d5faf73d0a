/* All cases of both golden checkpoints, with the default variants and with the baselines. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/golden_case.h"

static const char *const names[] = {"text",       "image", "resized", "photo",
                                    "two-images", "turns", "video",   "long"};

enum { NAMES = sizeof names / sizeof *names };

/* Plain loops under a sanitizer take minutes on the long cases; the release build runs them all. */
static bool too_slow(const char *name, bool baseline)
{
    return VLT_ASAN && baseline && strcmp(name, "image") != 0 && strcmp(name, "video") != 0;
}

static void run_all(const char *model, bool baseline)
{
    const vlt_engine_options options = {.no_config = true, .baseline = baseline};
    for (int i = 0; i < NAMES; i++) {
        if (too_slow(names[i], baseline)) {
            continue;
        }
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

/* What rounds to BF16 here drifts no more than twice as far as the reference itself does. */
Test(golden_cases, bf16_drifts_as_the_reference)
{
    static const char *const drifting[] = {"text", "image", "two-images", "long"};
    static const char *const models[] = {"tiny-tied", "tiny-untied"};
    const vlt_engine_options options = {.no_config = true, .quality = "bf16"};
    for (int i = 0; i < 8; i++) {
        cr_expect_leq(golden_case_run_drifting(&options, models[i / 4], drifting[i % 4]), 0,
                      "%s/%s", models[i / 4], drifting[i % 4]);
    }
}
