/* pipeline.h: items through a row of stages; which stages overlap is the variant's choice.
 *
 * The baseline takes one item through all stages before the next one. An overlapped variant works
 * on item k + 1 in an early stage while item k is in a later one. Every stage sees the items in
 * order, one at a time, from one thread at a time. Cost: work in items.
 */
#ifndef VLT_PIPELINE_H
#define VLT_PIPELINE_H

#include "optimizations/core/plan.h"

enum { VLT_PIPELINE_DIM_ITEMS, VLT_PIPELINE_DIM_STAGES };
enum { VLT_PIPELINE_STAGE_MAX = 8 };

/* `slot` is in [0, slots): items in flight at the same time have different slots, so a stage keeps
 * its intermediate data per slot. A failing item does not stop the others: stages that follow are
 * skipped for it, and `failed` is told. */
typedef vlt_status vlt_pipeline_stage(void *user, int64_t item, int slot, vlt_error *err);

typedef struct vlt_pipeline_args {
    vlt_pipeline_stage *stage[VLT_PIPELINE_STAGE_MAX]; /* as many as the problem says */
    void (*failed)(void *user, int64_t item,
                   const vlt_error *err); /* NULL: first failure ends the run */
    bool (*stop)(void *user);             /* asked before a new item is begun; NULL: never */
    void *user;
    int64_t items; /* INT64_MAX: until stage 0 returns VLT_STATUS_STOPPED */
} vlt_pipeline_args;

extern const vlt_op vlt_op_pipeline;

/* Items that may be in flight at once with this plan; stages size their slots by it. */
int vlt_pipeline_slots(const vlt_plan *plan);

#endif
