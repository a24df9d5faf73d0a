/* The overlapped pipeline under ThreadSanitizer: plain, unguarded data passes from stage to stage
 * through the slots, with failures, stops and many runs of one plan. Exit 0: all as expected. */
#include <stdio.h>
#include <string.h>

#include "optimizations/pipeline/pipeline.h"

enum { ITEMS = 500, STAGES = 3, RUNS = 20 };

struct traffic {
    int64_t value[VLT_PIPELINE_SLOT_MAX];
    int64_t sum;
    int64_t failed;
    int64_t stop_at; /* -1: never */
    int64_t begun;
};

static vlt_status produce(void *user, int64_t item, int slot, vlt_error *err)
{
    (void)err;
    struct traffic *traffic = user;
    traffic->value[slot] = item;
    return VLT_OK;
}

static vlt_status change(void *user, int64_t item, int slot, vlt_error *err)
{
    struct traffic *traffic = user;
    traffic->value[slot] = traffic->value[slot] * 2 + 1;
    return item % 7 == 3 ? vlt_fail(err, VLT_STATUS_INPUT, "item %lld", (long long)item) : VLT_OK;
}

static vlt_status consume(void *user, int64_t item, int slot, vlt_error *err)
{
    struct traffic *traffic = user;
    if (traffic->value[slot] != item * 2 + 1) {
        return vlt_fail(err, VLT_STATUS_INTERNAL, "item %lld met another one's data",
                        (long long)item);
    }
    traffic->sum += item;
    return VLT_OK;
}

static void note_failed(void *user, int64_t item, const vlt_error *err)
{
    struct traffic *traffic = user;
    traffic->failed += err->status == VLT_STATUS_INPUT ? 1 : 1000 * (item + 1);
}

static bool stop(void *user)
{
    struct traffic *traffic = user;
    return traffic->begun++ == traffic->stop_at;
}

static int check_run(vlt_plan *plan, int64_t stop_at)
{
    struct traffic traffic = {.stop_at = stop_at};
    vlt_pipeline_args args = {.stage = {produce, change, consume},
                              .failed = note_failed,
                              .stop = stop,
                              .user = &traffic,
                              .items = ITEMS};
    int64_t items = stop_at < 0 ? ITEMS : stop_at, sum = 0, failed = 0;
    for (int64_t i = 0; i < items; i++) {
        failed += i % 7 == 3;
        sum += i % 7 == 3 ? 0 : i;
    }
    vlt_status expected = stop_at < 0 ? VLT_OK : VLT_STATUS_STOPPED;
    vlt_status status = vlt_plan_run(plan, (vlt_frame){0}, &args, NULL);
    if (status != expected || traffic.sum != sum || traffic.failed != failed) {
        fprintf(stderr, "%s: status %d sum %lld failed %lld, expected %d %lld %lld\n",
                plan->variant->name, (int)status, (long long)traffic.sum, (long long)traffic.failed,
                (int)expected, (long long)sum, (long long)failed);
        return 1;
    }
    return 0;
}

int main(void)
{
    vlt_caps caps = {.cpu_count = 2, .core_count = 2};
    vlt_context context = {.caps = &caps};
    vlt_problem problem = vlt_pipeline_problem(ITEMS, STAGES);
    const vlt_variant *variant = vlt_registry_find_variant(&vlt_op_pipeline, "overlapped");
    static const char *const knobs[] = {"", "depth=2 threads=3 spin_us=0", "depth=16 threads=3"};
    int wrong = 0;
    for (size_t k = 0; k < sizeof knobs / sizeof *knobs; k++) {
        vlt_binding binding;
        vlt_plan *plan = NULL;
        if (vlt_binding_parse(variant, knobs[k], &binding, NULL) != VLT_OK ||
            vlt_plan_create_with(&context, &problem, variant, &binding, &plan, NULL) != VLT_OK) {
            return 1;
        }
        for (int i = 0; i < RUNS; i++) {
            wrong += check_run(plan, i % 2 ? -1 : i * 13);
        }
        vlt_plan_destroy(plan);
    }
    return wrong != 0;
}
