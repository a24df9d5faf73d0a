#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tuner/search.h"

static const vlt_op toy = {.name = "toy"};
static const int64_t tiles[] = {1, 2, 4, 8, 16, 32, 64, 128}, depths[] = {1, 2, 3, 4, 5, 6};
static const char *const policy_labels[] = {"early", "late", "never"};
static const int64_t policies[] = {0, 1, 2};
static const vlt_knob knobs[] = {
    {"tile", "rows", tiles, 8, 1, NULL},
    {"depth", "stages", depths, 6, 1, NULL},
    {"policy", "when", policies, 3, 0, policy_labels},
};

/* Odd depths do not go with the largest tile. */
static bool valid(const vlt_problem *problem, const vlt_caps *caps, const vlt_binding *binding)
{
    (void)problem, (void)caps;
    return binding->value[0] < 128 || binding->value[1] % 2 == 0;
}

static const vlt_variant baseline = {.op = "toy", .name = "baseline"};
static const vlt_variant plain = {.op = "toy", .name = "plain"};
static const vlt_variant tiled = {
    .op = "toy", .name = "tiled", .knobs = knobs, .knob_count = 3, .valid = valid};

static vlt_space toy_space(void)
{
    static const vlt_caps caps = {.cpu_count = 1};
    return (vlt_space){.problem = {.op = &toy},
                       .caps = &caps,
                       .variant = {&baseline, &plain, &tiled},
                       .variant_count = 3};
}

/* Time over the baseline's: one valley, at tile 32, depth 4, policy "late". */
static double toy_log_ratio(const vlt_setting *setting)
{
    if (setting->variant == &plain) {
        return log(0.9);
    }
    double tile = log2((double)setting->binding.value[0]) - 5;
    double depth = (double)setting->binding.value[1] - 4;
    return log(0.2 + 0.03 * tile * tile + 0.02 * depth * depth +
               (setting->binding.value[2] == 1 ? 0 : 0.1));
}

/* Everything that the search would measure lies within. */
static vlt_status restricted(vlt_search *search, const char *text, bool may_plain, vlt_error *err)
{
    const vlt_space space = toy_space();
    const vlt_setting incumbent = vlt_space_baseline(&space);
    vlt_restriction *where;
    cr_assert_eq(vlt_restriction_parse(text, "--where", &where, err), VLT_OK);
    const vlt_search_options options = {.plain = may_plain, .seed = 1, .where = where};
    vlt_status status = vlt_search_init(search, &space, &incumbent, &options, err);
    vlt_restriction_destroy(where);
    return status;
}

/* The baseline of the toy is what runs without a config. */
static void start(vlt_search *search, const vlt_space *space, uint64_t seed)
{
    const vlt_setting incumbent = vlt_space_baseline(space);
    const vlt_search_options options = {.plain = true, .seed = seed};
    cr_assert_eq(vlt_search_init(search, space, &incumbent, &options, NULL), VLT_OK);
}

static int run_search(vlt_search *search)
{
    vlt_setting setting;
    static const double call_ns[2] = {1, 1};
    int trials = 0;
    while (vlt_search_next(search, &setting)) {
        cr_assert(vlt_space_valid(&search->space, &setting));
        cr_assert_eq(vlt_search_note(search, &setting, VLT_OUTCOME_OK, toy_log_ratio(&setting),
                                     call_ns, NULL),
                     VLT_OK);
        trials++;
        cr_assert_leq(trials, 200);
    }
    return trials;
}

Test(search, finds_the_best_setting_of_a_valley)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        vlt_search search;
        vlt_space space = toy_space();
        start(&search, &space, seed);
        int trials = run_search(&search);
        const vlt_tried *best = vlt_search_best(&search);
        char text[VLT_SETTING_BYTES];
        vlt_setting_format(&best->setting, text, sizeof text);
        cr_assert_str_eq(text, "tiled tile=32 depth=4 policy=late");
        cr_assert_lt(trials, 70); /* of 144 valid ones */
        vlt_search_release(&search);
    }
}

Test(search, tries_nothing_twice_and_the_defaults_first)
{
    vlt_search search;
    vlt_space space = toy_space();
    vlt_setting first, second;
    start(&search, &space, 3);
    cr_assert(vlt_search_next(&search, &first));
    cr_assert_eq(first.variant, &plain);
    cr_assert(vlt_search_next(&search, &second));
    cr_assert_eq(second.variant, &tiled);
    cr_assert_eq(second.binding.value[0], 1);
    vlt_search_release(&search);
    start(&search, &space, 3);
    run_search(&search);
    for (int i = 0; i < search.count; i++) {
        cr_assert_eq(search.tried[i].trials, 1);
    }
    vlt_search_release(&search);
}

Test(search, what_failed_once_is_never_the_best)
{
    vlt_search search;
    vlt_space space = toy_space();
    vlt_setting setting;
    static const double call_ns[2] = {1, 1};
    start(&search, &space, 1);
    cr_assert(vlt_search_next(&search, &setting));
    vlt_search_note(&search, &setting, VLT_OUTCOME_WRONG, NAN, call_ns, NULL);
    vlt_search_note(&search, &setting, VLT_OUTCOME_OK, -3, call_ns, NULL);
    cr_assert_null(vlt_search_best(&search));
    vlt_search_release(&search);
}

Test(search, slower_settings_leave_the_baseline)
{
    vlt_search search;
    vlt_space space = toy_space();
    vlt_setting setting;
    static const double call_ns[2] = {1, 1};
    start(&search, &space, 1);
    while (vlt_search_next(&search, &setting)) {
        vlt_search_note(&search, &setting, VLT_OUTCOME_OK, 0.2, call_ns, NULL);
    }
    cr_assert_null(vlt_search_best(&search));
    vlt_search_release(&search);
}

Test(space, counts_valid_settings_besides_the_baseline)
{
    vlt_space space = toy_space();
    cr_assert_eq(vlt_space_count(&space, 10000), 1 + (8 * 6 - 3) * 3);
    cr_assert_eq(vlt_space_count(&space, 7), 7);
}

Test(search, a_restriction_holds_for_every_proposal)
{
    vlt_search search;
    vlt_error err = {0};
    vlt_setting outside = {.variant = &tiled, .binding = {.value = {32, 5, 1}}};
    cr_assert_eq(restricted(&search, "depth <= 2 && policy == 'late'", true, &err), VLT_OK, "%s",
                 err.message);
    cr_expect_not(vlt_search_permits(&search, &outside));
    cr_assert_gt(run_search(&search), 8);
    for (int i = 0; i < search.count; i++) {
        const vlt_setting *setting = &search.tried[i].setting;
        cr_expect(vlt_search_permits(&search, setting));
        cr_expect(setting->variant == &plain ||
                  (setting->binding.value[1] <= 2 && setting->binding.value[2] == 1));
    }
    char text[VLT_SETTING_BYTES];
    vlt_setting_format(&vlt_search_best(&search)->setting, text, sizeof text);
    cr_expect_str_eq(text, "tiled tile=32 depth=2 policy=late");
    vlt_search_release(&search);
}

Test(search, restrictions_that_cannot_be)
{
    static const char *const table[][2] = {{"variant == 'nosuch'", "no setting"},
                                           {"8 / (depth - 3) > 1", "column 3: division by zero"},
                                           {"depth + policy > 1", "policy"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        vlt_search search;
        vlt_error err = {0};
        cr_expect_eq(restricted(&search, table[i][0], i % 2 == 0, &err), VLT_STATUS_INPUT);
        cr_expect(strstr(err.message, "--where") && strstr(err.message, table[i][1]), "%s",
                  err.message);
        vlt_search_release(&search);
    }
}

/* The plainest variant takes too long, and nothing else is left: nothing is tried, no error. */
Test(search, a_restriction_to_what_is_not_tried)
{
    vlt_search search;
    vlt_setting setting;
    vlt_error err = {0};
    cr_assert_eq(restricted(&search, "variant == 'baseline'", false, &err), VLT_OK, "%s",
                 err.message);
    cr_expect_not(vlt_search_next(&search, &setting));
    vlt_search_release(&search);
}
