/* pipeline.h: items through a row of stages; which stages overlap is the variant's choice.
 *
 * The baseline takes one item through all stages before the next one. An overlapped variant works
 * on item k + 1 in an early stage while item k is in a later one. Every stage sees the items in
 * order, one at a time, from one thread at a time; different stages may be called from different
 * threads at once. The last stage is always called from the thread that called run.
 *
 * Ends of a run:
 *   - all items are done, or stage 0 returned VLT_STATUS_STOPPED (no more input): VLT_OK;
 *   - `stop` said so: the items already begun are finished, then VLT_STATUS_STOPPED;
 *   - an item failed and `failed` is NULL: its status and error. It is the first failing item in
 *     order: all items before it are finished; of later ones some stages may have been called.
 * Cost: work in items. Tolerance: none, the outputs are bit-equal.
 */
#ifndef VLT_PIPELINE_H
#define VLT_PIPELINE_H

#include "optimizations/core/plan.h"

/* items: how many the bench runs; a run takes args->items, whatever the problem says. */
enum { VLT_PIPELINE_DIM_ITEMS, VLT_PIPELINE_DIM_STAGES };
enum { VLT_PIPELINE_STAGE_MAX = 8, VLT_PIPELINE_SLOT_MAX = 16 };

/* `slot` is in [0, slots): items in flight at the same time have different slots, so a stage keeps
 * its intermediate data per slot. A failing item does not stop the others: stages that follow are
 * skipped for it, and `failed` is told. Never called with err == NULL. */
typedef vlt_status vlt_pipeline_stage(void *user, int64_t item, int slot, vlt_error *err);

typedef struct vlt_pipeline_args {
    vlt_pipeline_stage *stage[VLT_PIPELINE_STAGE_MAX]; /* as many as the problem says */
    /* In the order of the items, from the thread that called run, where a good item would have left
     * its last stage. NULL: the first failure ends the run. */
    void (*failed)(void *user, int64_t item, const vlt_error *err);
    bool (*stop)(
        void *user); /* asked before a new item is begun, by stage 0's thread; NULL: never */
    /* Called from the thread of the last stage while it has no item; false: nothing (more) to do,
     * it may sleep. What an item leaves behind may be worked on here. NULL: it sleeps. Variants
     * without overlap never wait, and never call it. */
    bool (*idle)(void *user);
    void *user;
    int64_t items; /* INT64_MAX: until stage 0 returns VLT_STATUS_STOPPED */
} vlt_pipeline_args;

extern const vlt_op vlt_op_pipeline;

/* Items that may be in flight at once with this plan, at most VLT_PIPELINE_SLOT_MAX; stages size
 * their slots by it. */
int vlt_pipeline_slots(const vlt_plan *plan);

/* Requests that a batch should compute side by side, at least 1. */
int vlt_pipeline_parallel(const vlt_plan *plan);

enum {
    VLT_PIPELINE_PREFETCH_DEFAULT = 2,
    VLT_PIPELINE_TOKENIZE_CHUNK_DEFAULT = 64 << 10,
    VLT_PIPELINE_TOKENIZE_CACHE_DEFAULT = 8 << 20
};

/* Where the memory of weights lies: the values of a knob, in this order. */
typedef enum vlt_weights_where {
    VLT_WEIGHTS_SYSTEM,     /* where the kernel puts it: the node of the thread that touches it */
    VLT_WEIGHTS_INTERLEAVE, /* page by page over all nodes */
    VLT_WEIGHTS_LOCAL       /* on the node of the threads while there is room, else elsewhere */
} vlt_weights_where;

const char *vlt_weights_where_name(vlt_weights_where where); /* "system" ... */

/* What knobs about memory need of a machine. False: reason (VLT_REASON_BYTES) says what is missing.
 */
bool vlt_pipeline_has_nodes(const vlt_caps *caps, char *reason);
bool vlt_pipeline_has_large_pages(const vlt_caps *caps, char *reason);

/* Can this choice hold on the machine? False: reason names the knob's value and what is missing. */
bool vlt_pipeline_is_possible(const vlt_variant *variant, const vlt_binding *binding,
                              const vlt_caps *caps, char *reason);

/* How whoever feeds the stages should be set up, before there are any: texts, pictures, threads. It
 * changes no output, and nothing of a run of this operator. */
typedef struct vlt_pipeline_services {
    int parallel;              /* requests that compute side by side */
    int prefetch;              /* items prepared ahead of the one in stage 1; 0: none */
    int preprocess_threads;    /* that prepare them; 0: as many as compute */
    int tokenize_threads;      /* for one long text; 0: as many as compute */
    int64_t tokenize_chunk;    /* bytes of its pieces */
    int64_t tokenize_cache;    /* bytes of results kept; 0: none */
    bool pin;                  /* threads stay on cores of their own */
    vlt_weights_where weights; /* where their memory lies */
    bool huge_pages;           /* large blocks are in large pages */
    bool first_touch;          /* large blocks are touched by the threads, each a part of it */
} vlt_pipeline_services;

/* Of a plan, settled or made; where its variant has no such knob, the defaults. */
vlt_pipeline_services vlt_pipeline_services_of(const vlt_plan *plan);

/* What whoever feeds the stages decided on: plans made from now on have it as their knobs. */
void vlt_pipeline_settle(vlt_choices *choices, const vlt_pipeline_services *services);

static inline vlt_problem vlt_pipeline_problem(int64_t items, int stages)
{
    return (vlt_problem){.op = &vlt_op_pipeline, .dim = {items, stages}};
}

#endif
