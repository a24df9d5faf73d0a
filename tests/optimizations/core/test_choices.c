/* What --force does to a plan, and what is said about it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "optimizations/attention/attention.h"
#include "optimizations/core/ledger.h"
#include "optimizations/linear/linear.h"
#include "optimizations/norm/norm.h"
#include "optimizations/pipeline/pipeline.h"
#include "tests/support/variants.h"

static test_context test;
static vlt_choices choices;
static vlt_ledger ledger;
static int warnings;
static char said[1024];

static void count_warning(void *user, vlt_log_level level, const char *message)
{
    (void)user;
    warnings += level == VLT_LOG_WARNING;
    snprintf(said, sizeof said, "%s", message);
}

static void set_up(void)
{
    test_context_init(&test);
    test.context.choices = &choices;
    test.context.ledger = &ledger;
    test.context.log = count_warning;
}

static void tear_down(void)
{
    vlt_ledger_release(&ledger);
    vlt_choices_release(&choices);
    test_context_release(&test);
}

TestSuite(choices, .init = set_up, .fini = tear_down);

static void tune(const char *variant, const char *knobs)
{
    vlt_problem problem = vlt_pipeline_problem(64, 2);
    vlt_choice choice = {.op = problem.op,
                         .variant = vlt_registry_find_variant(problem.op, variant)};
    vlt_problem_bucket(&problem, choice.bucket, sizeof choice.bucket);
    cr_assert_eq(vlt_binding_parse(choice.variant, knobs, &choice.binding, NULL), VLT_OK);
    cr_assert_eq(vlt_choices_set(&choices, &choice, NULL), VLT_OK);
}

static void force(const char *text)
{
    vlt_error err = {0};
    cr_assert_eq(vlt_choices_force(&choices, text, &err), VLT_OK, "%s", err.message);
}

/* The plan that a pipeline gets: "variant knob=value ...", up to the knobs of services. */
static const char *planned(void)
{
    static char text[256];
    vlt_problem problem = vlt_pipeline_problem(64, 2);
    vlt_plan *plan;
    cr_assert_eq(vlt_plan_create(&test.context, &problem, &plan, NULL), VLT_OK);
    int used = snprintf(text, sizeof text, "%s ", plan->variant->name);
    vlt_binding_format(plan->variant, &plan->binding, text + used, sizeof text - (size_t)used);
    vlt_plan_destroy(plan);
    char *services = strstr(text, " prefetch=");
    if (services) {
        *services = '\0';
    }
    return text;
}

/* What would be planned is known without planning, and noted as if it were. */
Test(choices, what_would_be_chosen_can_be_asked)
{
    vlt_ledger noted = {0};
    vlt_problem problem = vlt_pipeline_problem(64, 2), impossible = vlt_pipeline_problem(64, 99);
    vlt_plan plan;
    tune("overlapped", "depth=16 prefetch=8 tokenize_cache=0 pin=1");
    test.context.ledger = &noted;
    cr_assert_eq(vlt_plan_settle(&test.context, &problem, &plan, NULL), VLT_OK);
    cr_expect_eq(plan.source, VLT_CHOICE_TUNED);
    cr_expect_eq(vlt_plan_knob(&plan, 0), 16);
    const vlt_pipeline_services services = vlt_pipeline_services_of(&plan);
    cr_expect_eq(services.prefetch, 8);
    cr_expect_eq(services.tokenize_cache, 0);
    cr_expect_eq(services.tokenize_chunk, VLT_PIPELINE_TOKENIZE_CHUNK_DEFAULT);
    cr_expect(services.pin);
    cr_expect_eq(services.weights, VLT_WEIGHTS_SYSTEM);
    cr_expect(services.huge_pages);
    cr_expect_not(services.first_touch);
    cr_expect_eq(noted.count, 1);
    tune("overlapped", "weights=local huge_pages=0 first_touch=1");
    cr_assert_eq(vlt_plan_settle(&test.context, &problem, &plan, NULL), VLT_OK);
    cr_expect_eq(vlt_pipeline_services_of(&plan).weights, VLT_WEIGHTS_LOCAL);
    cr_expect_not(vlt_pipeline_services_of(&plan).huge_pages);
    cr_expect(vlt_pipeline_services_of(&plan).first_touch);
    cr_expect_eq(vlt_plan_settle(&test.context, &impossible, &plan, NULL), VLT_STATUS_USAGE);
    test.context.policy = VLT_POLICY_BASELINE;
    cr_assert_eq(vlt_plan_settle(&test.context, &problem, &plan, NULL), VLT_OK);
    cr_expect_eq(vlt_pipeline_services_of(&plan).prefetch, VLT_PIPELINE_PREFETCH_DEFAULT);
    cr_expect_not(vlt_pipeline_services_of(&plan).pin, "the baseline has no such knob");
    cr_expect_eq(vlt_pipeline_services_of(&plan).weights, VLT_WEIGHTS_SYSTEM);
    cr_expect(vlt_pipeline_services_of(&plan).huge_pages);
    vlt_ledger_release(&noted);
}

static const char *default_of(const vlt_problem *problem)
{
    vlt_plan plan;
    cr_assert_eq(vlt_plan_settle(&test.context, problem, &plan, NULL), VLT_OK);
    return plan.variant->name;
}

/* It is applicable, and runs where it is forced, on both machines. */
Test(choices, what_stands_back_is_no_default)
{
    const vlt_linear_constants constants = {
        .weight = {.rows = 64, .columns = 64, .format = VLT_FORMAT_BF16}};
    const vlt_problem problems[] = {
        vlt_linear_problem(32, &constants),
        vlt_attention_problem(256, 256, 16, 16, 64, false, VLT_FORMAT_F32)};
    test.caps.isa = VLT_ISA_AVX2 | VLT_ISA_AVX512 | VLT_ISA_AVX512_BF16;
    test.context.quality = VLT_QUALITY_BF16;
    for (int i = 0; i < 2; i++) {
        test.caps.bf16_dot_doubles = true;
        cr_expect_str_eq(default_of(&problems[i]), "bf16_avx512");
        test.caps.bf16_dot_doubles = false;
        cr_expect_str_eq(default_of(&problems[i]), "avx512");
        force(i ? "attention=bf16_avx512" : "linear=bf16_avx512");
        cr_expect_str_eq(default_of(&problems[i]), "bf16_avx512");
    }
}

/* Whatever variant and values are chosen; variants without the knob are as they are. */
Test(choices, a_settled_knob_goes_before_all_others)
{
    tune("overlapped", "depth=16 threads=3 spin_us=200 parallel=1");
    vlt_choices_settle(&choices, &vlt_op_pipeline, "depth", 8);
    vlt_choices_settle(&choices, &vlt_op_pipeline, "depth", 2);
    vlt_choices_settle(&choices, &vlt_op_norm, "threads", 1);
    cr_assert_eq(planned(), planned());
    cr_assert_str_eq(planned(), "overlapped depth=2 threads=3 spin_us=200 parallel=1");
    force("pipeline=overlapped:depth=4");
    cr_assert_str_eq(planned(), "overlapped depth=2 threads=3 spin_us=200 parallel=1");
    force("pipeline=overlapped:threads=8");
    cr_assert_str_eq(planned(), "overlapped depth=2 threads=8 spin_us=200 parallel=1");
    cr_expect_eq(choices.settled_count, 2);
    test.context.policy = VLT_POLICY_BASELINE;
    vlt_choices_release(&choices);
    vlt_choices_settle(&choices, &vlt_op_pipeline, "depth", 8);
    cr_assert_str_eq(planned(), "baseline ");
}

Test(choices, a_forced_knob_leaves_the_tuned_values_of_the_others)
{
    tune("overlapped", "depth=16 threads=3 spin_us=200 parallel=1");
    force("pipeline=overlapped:threads=8");
    cr_assert_str_eq(planned(), "overlapped depth=16 threads=8 spin_us=200 parallel=1");
    force("pipeline=overlapped:depth=2"); /* a second one adds its knob */
    cr_assert_str_eq(planned(), "overlapped depth=2 threads=8 spin_us=200 parallel=1");
}

Test(choices, a_forced_variant_keeps_its_tuned_knobs_and_has_defaults_without)
{
    tune("overlapped", "depth=16 threads=3 spin_us=200 parallel=1");
    force("pipeline=overlapped");
    cr_assert_str_eq(planned(), "overlapped depth=16 threads=3 spin_us=200 parallel=1");
    test.context.policy = VLT_POLICY_BASELINE; /* --baseline --force: the config is out of play */
    cr_assert_str_eq(planned(), "overlapped depth=4 threads=2 spin_us=20 parallel=1");
}

Test(choices, values_tuned_for_another_variant_do_not_count)
{
    tune("baseline", "");
    force("pipeline=overlapped:spin_us=0 parallel=1");
    cr_assert_str_eq(planned(), "overlapped depth=4 threads=2 spin_us=0 parallel=1");
}

Test(choices, what_cannot_be_forced_is_refused)
{
    static const char *const texts[] = {"pipeline",
                                        "=overlapped",
                                        "pipeline=",
                                        "pipeline=nosuch",
                                        "nosuch=overlapped",
                                        "pipeline=overlapped:depth",
                                        "pipeline/overlapped:depth=4",
                                        "pipeline=overlapped:depth=5",
                                        "pipeline=overlapped:nosuch=4",
                                        "pipeline=overlapped:depth=4,depth=2",
                                        "pipeline@items=3=overlapped",
                                        "pipeline=overlapped@items=3",
                                        "pipeline=baseline:depth=4"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        vlt_error err = {0};
        cr_expect_eq(vlt_choices_force(&choices, texts[i], &err), VLT_STATUS_USAGE, "%s", texts[i]);
        cr_expect(err.message[0]);
    }
    cr_expect_eq(choices.count, 0);
    force("pipeline=overlapped");
    cr_expect_eq(vlt_choices_force(&choices, "pipeline=baseline", NULL), VLT_STATUS_USAGE,
                 "two variants for one operator");
}

/* Seventy-nine plans, one warning; the same for a tuned variant, and for each variant its own. */
Test(choices, a_variant_that_is_not_applicable_is_said_once)
{
    enum { PLANS = 79 };
    float weight[8] = {0};
    vlt_norm_constants constants = {.weight = weight};
    vlt_plan *plan;
    test.caps.isa = 0;
    force("norm=avx512");
    for (int i = 0; i < PLANS; i++) {
        vlt_problem problem = vlt_norm_problem(1 + i, 8, VLT_NORM_RMS, &constants);
        cr_assert_eq(vlt_plan_create(&test.context, &problem, &plan, NULL), VLT_OK);
        cr_assert_eq(plan->source, VLT_CHOICE_BASELINE);
        vlt_plan_destroy(plan);
    }
    cr_assert_eq(warnings, 1, "%d, %s", warnings, said);
    cr_assert(strstr(said, "norm: forced variant 'avx512'") && strstr(said, "has no AVX512"), "%s",
              said);
    cr_assert_eq(ledger.passed_count, 1);
    cr_assert_eq(ledger.passed[0].plans, PLANS);
    vlt_ledger_warn_unmet(&test.context, NULL);
    cr_assert_eq(warnings, 1, "the operator was met: %s", said);
}

Test(choices, a_forced_operator_that_is_never_met_is_said_at_the_end)
{
    vlt_ledger other = {0};
    force("pipeline=overlapped");
    force("norm=baseline");
    vlt_ledger_warn_unmet(&test.context, NULL);
    cr_assert_eq(warnings, 2);
    warnings = 0;
    planned();
    vlt_ledger_warn_unmet(&test.context, &other);
    cr_assert_eq(warnings, 1);
    cr_assert_str_eq(said, "--force norm=baseline had no effect: operator 'norm' was never met");
    warnings = 0;
    test.context.ledger = &other; /* met in the other context of an engine */
    vlt_ledger_warn_unmet(&test.context, &ledger);
    cr_assert_eq(warnings, 1);
}

/* Where an emulator stands in for the CPU, it is what lacks the instructions. */
Test(choices, the_reason_names_who_lacks_the_instructions)
{
    char reason[VLT_REASON_BYTES];
    const vlt_variant *variant = vlt_registry_find_variant(&vlt_op_norm, "avx512");
    vlt_problem problem = vlt_norm_problem(1, 8, VLT_NORM_RMS, NULL);
    test.caps.isa = 0;
    test.caps.isa_of[0] = '\0';
    cr_assert_not(vlt_registry_applicable(variant, &problem, &test.caps, reason));
    cr_assert_str_eq(reason, "this CPU has no AVX512");
    snprintf(test.caps.isa_of, sizeof test.caps.isa_of, "callgrind (Valgrind)");
    cr_assert_not(vlt_registry_applicable(variant, &problem, &test.caps, reason));
    cr_assert_str_eq(reason, "callgrind (Valgrind) has no AVX512");
}
