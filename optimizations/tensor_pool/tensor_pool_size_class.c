/* Bottleneck: large blocks come fresh from the kernel each time, and every page faults again.
 * Idea: released blocks are kept by size class and handed out again, newest first.
 * Loses: when sizes hardly repeat, and in memory: up to a quarter of each block, and what is kept.
 */
#include "optimizations/tensor_pool/tensor_pool_internal.h"

enum { KNOB_REACH };

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    vlt_tensor_pool_classes_options options = {.reach = (int)vlt_plan_knob(plan, KNOB_REACH),
                                               .colours = 1};
    return vlt_tensor_pool_classes_prepare(plan, &options, err);
}

static const int64_t reaches[] = {0, 1, 2, 4};

static const vlt_knob knobs[] = {
    {"reach", "a kept block up to so many classes larger may serve, 4 classes an octave", reaches,
     4, 4, NULL},
};

VLT_VARIANT(tensor_pool, size_class, .summary = "kept blocks in size classes, evicted oldest first",
            .knobs = knobs, .knob_count = sizeof knobs / sizeof *knobs, .prepare = prepare,
            .run = vlt_tensor_pool_run, .release = vlt_tensor_pool_classes_release);
