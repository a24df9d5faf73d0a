#include <criterion/criterion.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "optimizations/core/random.h"
#include "optimizations/pipeline/pipeline.h"
#include "tests/support/variants.h"

Test(pipeline, variants_equal_the_baseline)
{
    static const int64_t items[] = {0, 1, 2, 5, 33};
    test_context test;
    test_context_init(&test);
    for (int i = 0; i < 5; i++) {
        for (int stages = 1; stages <= VLT_PIPELINE_STAGE_MAX; stages += stages < 4 ? 1 : 2) {
            int64_t dims[] = {items[i], stages};
            cr_assert_gt(test_variants(&test, &vlt_op_pipeline, dims), 0);
        }
    }
    test_context_release(&test);
}

/* What a scripted run saw. Item i fails in stage fail_in[i] (-1: in none). */
enum { ITEMS = 200 };
struct script {
    int stages;
    int fail_in[ITEMS];
    int64_t end_after;  /* stage 0 says STOPPED at this item; -1: never */
    int64_t stop_after; /* the stop callback says so before this item; -1: never */
    int64_t asked;
    int calls[VLT_PIPELINE_STAGE_MAX]; /* of each stage */
    int64_t last[VLT_PIPELINE_STAGE_MAX];
    int64_t owner[VLT_PIPELINE_SLOT_MAX]; /* item in the slot, + 1 */
    int next[ITEMS];                      /* the stage that the item must meet next */
    int64_t failed[ITEMS];
    int failed_count;
    bool wrong; /* an order or a slot was not kept */
};

static vlt_status step(struct script *script, int stage, int64_t item, int slot, vlt_error *err)
{
    if (stage == 0) {
        if (item == script->end_after) {
            return VLT_STATUS_STOPPED;
        }
        script->owner[slot] = item + 1;
    }
    script->wrong = script->wrong || script->owner[slot] != item + 1 ||
                    script->last[stage] > item || script->next[item] != stage;
    script->last[stage] = item + 1;
    script->next[item]++;
    script->calls[stage]++;
    if (script->fail_in[item] == stage) {
        return vlt_fail(err, VLT_STATUS_INPUT, "item %lld in stage %d", (long long)item, stage);
    }
    return VLT_OK;
}

#define STAGE(n)                                                                    \
    static vlt_status stage_##n(void *user, int64_t item, int slot, vlt_error *err) \
    {                                                                               \
        return step(user, n, item, slot, err);                                      \
    }
STAGE(0)
STAGE(1)
STAGE(2)
STAGE(3)

static void note_failed(void *user, int64_t item, const vlt_error *err)
{
    struct script *script = user;
    char expected[64];
    snprintf(expected, sizeof expected, "item %lld in stage %d", (long long)item,
             script->fail_in[item]);
    script->wrong = script->wrong || strcmp(err->message, expected) != 0 ||
                    err->status != VLT_STATUS_INPUT;
    script->failed[script->failed_count++] = item;
}

static bool note_stop(void *user)
{
    struct script *script = user;
    return script->asked++ == script->stop_after;
}

static void script_init(struct script *script)
{
    *script = (struct script){.stages = 4, .end_after = -1, .stop_after = -1};
    for (int i = 0; i < ITEMS; i++) {
        script->fail_in[i] = -1;
    }
}

static vlt_pipeline_args script_args(struct script *script)
{
    return (vlt_pipeline_args){.stage = {stage_0, stage_1, stage_2, stage_3},
                               .failed = note_failed,
                               .stop = note_stop,
                               .user = script,
                               .items = ITEMS};
}

/* Calls check(plan) for every variant with every value of every knob. */
static void for_each_plan(void (*check)(vlt_plan *plan))
{
    test_context test;
    test_context_init(&test);
    vlt_problem problem = vlt_pipeline_problem(ITEMS, 4);
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_pipeline); v++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_pipeline, v);
        for (int k = -1; k < variant->knob_count; k++) {
            for (int i = 0; i < (k < 0 ? 1 : variant->knobs[k].value_count); i++) {
                vlt_binding binding;
                vlt_plan *plan = NULL;
                vlt_error err = {0};
                vlt_binding_defaults(variant, &binding);
                if (k >= 0) {
                    binding.value[k] = variant->knobs[k].values[i];
                }
                cr_assert_eq(
                    vlt_plan_create_with(&test.context, &problem, variant, &binding, &plan, &err),
                    VLT_OK, "%s", err.message);
                cr_assert_leq(vlt_pipeline_slots(plan), VLT_PIPELINE_SLOT_MAX);
                check(plan);
                vlt_plan_destroy(plan);
            }
        }
    }
    test_context_release(&test);
}

static void check_failures(vlt_plan *plan)
{
    vlt_random random = {5};
    for (int round = 0; round < 3; round++) { /* a plan runs more than once */
        struct script script;
        script_init(&script);
        int failures = 0;
        for (int i = 0; i < ITEMS; i++) {
            script.fail_in[i] = (int)vlt_random_range(&random, -6, 3);
            failures += script.fail_in[i] >= 0;
        }
        vlt_pipeline_args args = script_args(&script);
        cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
        cr_assert(!script.wrong);
        cr_assert_eq(script.failed_count, failures);
        for (int i = 0; i < ITEMS; i++) {
            int stages = script.fail_in[i] < 0 ? 4 : script.fail_in[i] + 1;
            cr_assert_eq(script.next[i], stages, "item %d passed %d stages", i, script.next[i]);
        }
        for (int i = 1; i < failures; i++) {
            cr_assert_lt(script.failed[i - 1], script.failed[i]);
        }
    }
}

Test(pipeline, failing_items_are_skipped_and_reported_in_order)
{
    for_each_plan(check_failures);
}

static void check_first_failure(vlt_plan *plan)
{
    struct script script;
    script_init(&script);
    script.fail_in[50] = 3; /* the first in order fails late, the second one early */
    script.fail_in[51] = 0;
    vlt_pipeline_args args = script_args(&script);
    args.failed = NULL;
    vlt_error err = {0};
    cr_assert_eq(test_run(plan, &args, &err), VLT_STATUS_INPUT);
    cr_assert_str_eq(err.message, "item 50 in stage 3");
    cr_assert(!script.wrong);
    cr_assert_eq(script.calls[3], 51);
    cr_assert_leq(script.calls[0], 50 + vlt_pipeline_slots(plan));
}

Test(pipeline, first_failure_in_order_ends_the_run)
{
    for_each_plan(check_first_failure);
}

static void check_ends(vlt_plan *plan)
{
    struct script script;
    script_init(&script);
    script.end_after = 17;
    vlt_pipeline_args args = script_args(&script);
    args.items = INT64_MAX;
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    cr_assert(!script.wrong && script.calls[0] == 17 && script.calls[3] == 17);

    script_init(&script);
    script.stop_after = 23;
    args = script_args(&script);
    cr_assert_eq(test_run(plan, &args, NULL), VLT_STATUS_STOPPED);
    cr_assert(!script.wrong && script.calls[0] == 23 && script.calls[3] == 23);

    script_init(&script);
    args = script_args(&script);
    args.items = 0;
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    cr_assert_eq(script.asked, 0);
}

Test(pipeline, input_ends_and_stop_finishes_what_is_begun)
{
    for_each_plan(check_ends);
}

/* Stage 1 of item 0 waits for stage 0 of item 1: only possible when the two overlap. */
struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t met;
    bool second_began;
    bool overlapped;
};

static vlt_status arrive(void *user, int64_t item, int slot, vlt_error *err)
{
    (void)slot;
    (void)err;
    struct meeting *meeting = user;
    pthread_mutex_lock(&meeting->lock);
    meeting->second_began = meeting->second_began || item == 1;
    pthread_cond_broadcast(&meeting->met);
    pthread_mutex_unlock(&meeting->lock);
    return VLT_OK;
}

static vlt_status await(void *user, int64_t item, int slot, vlt_error *err)
{
    (void)slot;
    (void)err;
    struct meeting *meeting = user;
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 10; /* for a broken variant; a good one takes microseconds */
    pthread_mutex_lock(&meeting->lock);
    while (item == 0 && !meeting->second_began &&
           pthread_cond_timedwait(&meeting->met, &meeting->lock, &deadline) == 0) {
    }
    meeting->overlapped = meeting->overlapped || (item == 0 && meeting->second_began);
    pthread_mutex_unlock(&meeting->lock);
    return VLT_OK;
}

Test(pipeline, overlapped_stages_really_overlap)
{
    test_context test;
    test_context_init(&test);
    struct meeting meeting = {.lock = PTHREAD_MUTEX_INITIALIZER, .met = PTHREAD_COND_INITIALIZER};
    vlt_problem problem = vlt_pipeline_problem(2, 2);
    vlt_pipeline_args args = {.stage = {arrive, await}, .user = &meeting, .items = 2};
    vlt_plan *plan = NULL;
    const vlt_variant *variant = vlt_registry_find_variant(&vlt_op_pipeline, "overlapped");
    cr_assert_eq(vlt_plan_create_with(&test.context, &problem, variant, NULL, &plan, NULL), VLT_OK);
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    cr_assert(meeting.overlapped);
    vlt_plan_destroy(plan);
    test_context_release(&test);
}

static vlt_status stop_late(void *user, int64_t item, int slot, vlt_error *err)
{
    (void)user;
    (void)slot;
    (void)err;
    return item == 3 ? VLT_STATUS_STOPPED : VLT_OK;
}

static vlt_status pass(void *user, int64_t item, int slot, vlt_error *err)
{
    (void)user;
    (void)item;
    (void)slot;
    (void)err;
    return VLT_OK;
}

static void check_stopped_elsewhere(vlt_plan *plan)
{
    vlt_pipeline_args args = {.stage = {pass, pass, stop_late, pass}, .items = 9};
    cr_assert_eq(test_run(plan, &args, NULL), VLT_STATUS_INTERNAL);
}

Test(pipeline, only_stage_0_may_end_the_input)
{
    for_each_plan(check_stopped_elsewhere);
}
