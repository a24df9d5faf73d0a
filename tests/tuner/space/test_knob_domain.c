/* Knobs of variants as a domain. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/pipeline/pipeline.h"
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

static vlt_knob_list offered(const char *name, const vlt_caps *machine, char *reason)
{
    const vlt_variant *variant = vlt_registry_find_variant(&vlt_op_pipeline, "overlapped");
    return vlt_variant_knob_values(variant, vlt_variant_knob_index(variant, name), machine, reason);
}

/* Knobs about memory are in the space of machines where they do something; reasons elsewhere. */
Test(knob_domain, knobs_that_a_machine_does_not_offer_stay_at_their_default)
{
    static const struct {
        vlt_caps caps;
        int weights, first_touch, huge_pages;
        const char *reason;
    } cases[] = {
        {{.cpu_count = 2, .node_count = 1, .large_pages = true}, 1, 1, 2, "one NUMA node"},
        {{.cpu_count = 2, .node_count = 2, .large_pages = true}, 3, 2, 2, ""},
        {{.cpu_count = 2, .node_count = 4}, 3, 2, 1, ""},
        {{.cpu_count = 2}, 1, 1, 1, "no NUMA node"},
    };
    const vlt_variant *variant = vlt_registry_find_variant(&vlt_op_pipeline, "overlapped");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const vlt_caps *machine = &cases[i].caps;
        char reason[VLT_REASON_BYTES];
        cr_expect_eq(offered("huge_pages", machine, reason).count, cases[i].huge_pages);
        cr_expect_eq(offered("huge_pages", machine, reason).value[cases[i].huge_pages - 1], 1);
        cr_expect_eq(*reason != 0, cases[i].huge_pages == 1);
        cr_expect_eq(offered("first_touch", machine, reason).count, cases[i].first_touch);
        cr_expect_eq(offered("weights", machine, reason).count, cases[i].weights);
        cr_expect(!strncmp(reason, cases[i].reason, strlen(cases[i].reason)), "%s", reason);
        cr_expect_eq(*reason == 0, cases[i].weights == 3);
        vlt_space all;
        const vlt_problem problem = vlt_pipeline_problem(8, 2);
        vlt_space_init(&all, &problem, machine, VLT_QUALITY_EXACT);
        vlt_setting setting = {.variant = variant};
        vlt_knob_domain *domain;
        all.variant[0] = variant; /* the baseline has no knobs */
        all.variant_count = 1;
        cr_assert_eq(vlt_knob_domain_create(&all, "pipeline", NULL, &domain, &err), VLT_OK, "%s",
                     err.message);
        cr_assert_eq(vlt_binding_parse(variant, "weights=interleave", &setting.binding, NULL),
                     VLT_OK);
        cr_expect_eq(vlt_knob_domain_find(domain, &setting) != VLT_SETTING_NONE,
                     cases[i].weights == 3);
        vlt_knob_domain_destroy(domain);
    }
}

/* Services have more settings than can be looked at one by one; where nothing joins their knobs
 * they need not be. */
Test(knob_domain, knobs_that_nothing_joins_are_not_enumerated, .timeout = 20)
{
    const vlt_caps server = {
        .cpu_count = 256, .core_count = 128, .node_count = 8, .large_pages = true};
    const vlt_problem problem = vlt_pipeline_problem(8, 2);
    const vlt_variant *variant = vlt_registry_find_variant(&vlt_op_pipeline, "overlapped");
    vlt_restriction *where;
    vlt_knob_domain *domain;
    vlt_setting setting;
    vlt_space all;
    vlt_space_init(&all, &problem, &server, VLT_QUALITY_EXACT);
    all.variant[0] = variant;
    all.variant_count = 1;
    cr_assert_eq(
        vlt_restriction_parse("weights == 'local' && prefetch < 4", "--where", &where, &err),
        VLT_OK);
    cr_assert_eq(vlt_knob_domain_create(&all, "pipeline", where, &domain, &err), VLT_OK, "%s",
                 err.message);
    const int64_t threads = vlt_variant_knob_values(
                                variant, vlt_variant_knob_index(variant, "tokenize_threads"),
                                &server, NULL)
                                .count;
    const uint64_t count = vlt_domain_count(vlt_knob_domain_domain(domain));
    cr_expect_eq(count, (uint64_t)(5 * 4 * 3 * 4 * 3 * threads * threads * 4 * 4 * 2 * 2 * 2));
    vlt_knob_domain_setting(domain, count / 3, &setting);
    cr_expect(vlt_space_valid(&all, &setting));
    cr_expect_eq(vlt_knob_domain_find(domain, &setting), count / 3);
    cr_expect_eq(vlt_binding_value(variant, &setting.binding, "weights"), VLT_WEIGHTS_LOCAL);
    setting.binding.value[vlt_variant_knob_index(variant, "prefetch")] = 8;
    cr_expect_eq(vlt_knob_domain_find(domain, &setting), VLT_SETTING_NONE);
    vlt_knob_domain_destroy(domain);
    vlt_restriction_destroy(where);
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
