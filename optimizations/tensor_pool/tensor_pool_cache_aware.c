/* Bottleneck: mapped blocks all begin at the same place of a page, so the heads of the tensors of
 *   one operator compete for the same cache sets, and a block of megabytes costs hundreds of TLB
 *   entries.
 * Idea: the size classes, but blocks take turns in the cache line of the page at which they begin,
 *   and large ones ask for huge pages.
 * Loses: up to a page a block, and where huge pages must first be compacted or cleared for little
 * use.
 */
#include "optimizations/tensor_pool/tensor_pool_internal.h"

enum { KNOB_REACH, KNOB_COLOURS, KNOB_HUGE };

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const vlt_memory_policy *policy = plan->context->memory;
    const bool small = policy && policy->small_pages;
    vlt_tensor_pool_classes_options options = {.reach = (int)vlt_plan_knob(plan, KNOB_REACH),
                                               .colours = (int)vlt_plan_knob(plan, KNOB_COLOURS),
                                               .huge = !small &&
                                                       vlt_plan_knob(plan, KNOB_HUGE) != 0};
    return vlt_tensor_pool_classes_prepare(plan, &options, err);
}

static const int64_t reaches[] = {0, 1, 2, 4}, colours[] = {4, 16, 64}, huge[] = {0, 1};
static const char *const huge_labels[] = {"off", "on"};

static const vlt_knob knobs[] = {
    {"reach", "a kept block up to so many classes larger may serve, 4 classes an octave", reaches,
     4, 4, NULL},
    {"colours", "different cache lines at which blocks begin", colours, 3, 16, NULL},
    {"huge_pages", "ask for huge pages for blocks of 2 MiB and more", huge, 2, 1, huge_labels},
};

VLT_VARIANT(tensor_pool, cache_aware,
            .summary = "size classes, beginnings spread over cache sets, huge pages",
            .knobs = knobs, .knob_count = sizeof knobs / sizeof *knobs, .prepare = prepare,
            .run = vlt_tensor_pool_run, .release = vlt_tensor_pool_classes_release);
