/* Knobs of variants as a domain. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/space/knob_domain.h"

static vlt_error err;
static const vlt_op toy = {.name = "toy"};
static const int64_t tiles[] = {8, 16, 32, 64}, few[] = {16, 32, 48}, depths[] = {1, 2, 3};
static const char *const labels[] = {"early", "late"};
static const int64_t policies[] = {0, 1};
static const vlt_knob knobs_a[] = {{"tile", "rows", tiles, 4, 32, NULL},
                                   {"depth", "stages", depths, 3, 1, NULL}};
static const vlt_knob knobs_b[] = {{"tile", "rows", few, 3, 48, NULL},
                                   {"policy", "when", policies, 2, 0, labels}};

/* Odd depths do not go with the largest tile. */
static bool valid(const vlt_problem *problem, const vlt_caps *caps, const vlt_binding *binding)
{
    (void)problem, (void)caps;
    return binding->value[0] < 64 || binding->value[1] % 2 == 0;
}

static const vlt_variant baseline = {.op = "toy", .name = "baseline"};
static const vlt_variant a = {
    .op = "toy", .name = "a", .knobs = knobs_a, .knob_count = 2, .valid = valid};
static const vlt_variant b = {.op = "toy", .name = "b", .knobs = knobs_b, .knob_count = 2};
static const vlt_caps caps = {.cpu_count = 2};

static vlt_space space(void)
{
    return (vlt_space){
        .problem = {.op = &toy}, .caps = &caps, .variant = {&baseline, &a, &b}, .variant_count = 3};
}

static vlt_knob_domain *make(const char *text)
{
    const vlt_space all = space();
    vlt_restriction *where = NULL;
    vlt_knob_domain *domain;
    if (text) {
        cr_assert_eq(vlt_restriction_parse(text, "--where", &where, &err), VLT_OK);
    }
    cr_assert_eq(vlt_knob_domain_create(&all, "toy", where, &domain, &err), VLT_OK, "%s",
                 err.message);
    vlt_restriction_destroy(where);
    return domain;
}

/* Exactly the valid settings, each with its own number. */
Test(knob_domain, settings_and_numbers)
{
    vlt_knob_domain *domain = make(NULL);
    const vlt_space all = space();
    uint64_t count = vlt_domain_count(vlt_knob_domain_domain(domain));
    cr_assert_eq(count, 1 + (3 * 3 + 1) + 3 * 2);
    cr_assert_eq((int64_t)count, vlt_space_count(&all, 1000) + 1);
    for (uint64_t i = 0; i < count; i++) {
        vlt_setting setting;
        vlt_knob_domain_setting(domain, i, &setting);
        cr_assert(vlt_space_valid(&all, &setting));
        cr_assert_eq(vlt_knob_domain_find(domain, &setting), i);
    }
    const vlt_setting wrong = {.variant = &a, .binding = {.value = {64, 1}}};
    const vlt_setting other = {.variant = &a, .binding = {.value = {48, 1}}};
    cr_expect_eq(vlt_knob_domain_find(domain, &wrong), VLT_SETTING_NONE);
    cr_expect_eq(vlt_knob_domain_find(domain, &other), VLT_SETTING_NONE);
    vlt_knob_domain_destroy(domain);
}

/* A part says nothing about variants without its parameters. */
Test(knob_domain, restrictions)
{
    static const struct {
        const char *text;
        uint64_t count;
    } table[] = {
        {"tile >= 32", 1 + (3 + 1) + 2 * 2},
        {"depth == 2", 1 + 4 + 6},
        {"variant == 'a' && tile * depth <= 32", 3 + 2 + 1},
        {"policy == 'late'", 1 + 10 + 3},
        {"variant != 'b' and (tile > 8 or depth < 2)", 1 + 10 - 2},
        {"variant == 'baseline'", 1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        vlt_knob_domain *domain = make(table[i].text);
        uint64_t count = vlt_domain_count(vlt_knob_domain_domain(domain));
        cr_expect_eq(count, table[i].count, "%s: %d", table[i].text, (int)count);
        vlt_knob_domain_destroy(domain);
    }
}

Test(knob_domain, refused_restrictions)
{
    static const char *const table[][2] = {{"variant == 'c'", "no setting"},
                                           {"tile > 0 && 1 / (depth - 2) > 0", "depth=2"}};
    const vlt_space all = space();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        vlt_restriction *where;
        vlt_knob_domain *domain;
        err = (vlt_error){0};
        cr_assert_eq(vlt_restriction_parse(table[i][0], "--where", &where, &err), VLT_OK);
        cr_expect_eq(vlt_knob_domain_create(&all, "toy", where, &domain, &err), VLT_STATUS_INPUT);
        cr_expect(strstr(err.message, table[i][1]) && strstr(err.message, "--where"), "%s",
                  err.message);
        vlt_restriction_destroy(where);
    }
}

/* From the baseline one step leads to each variant with its usual values. */
Test(knob_domain, neighbours_of_the_baseline)
{
    vlt_knob_domain *domain = make(NULL);
    const vlt_setting from = {.variant = &baseline};
    const vlt_domain *d = vlt_knob_domain_domain(domain);
    uint64_t *near = malloc(sizeof *near * ((size_t)vlt_domain_near_max(d) + 1));
    int count = vlt_domain_near(d, vlt_knob_domain_find(domain, &from), VLT_REACH_STEP, near);
    cr_assert_eq(count, 2);
    for (int i = 0; i < count; i++) {
        vlt_setting setting;
        vlt_knob_domain_setting(domain, near[i], &setting);
        cr_expect_eq(setting.binding.value[0], 32, "%s", setting.variant->name);
    }
    free(near);
    vlt_knob_domain_destroy(domain);
}
