/* variant.h: the interface behind which every optimisation sits.
 *
 * Five verbs:
 *   applicable  pure and cheap: may this variant do this problem on this machine?
 *   prepare     binds the knobs, packs constants, plans children; may fail
 *   scratch     how many bytes of scratch a run needs, with the deepest child
 *   run         does the work: no allocation, no input or output, no failure of memory
 *   release     gives back what prepare took
 * A plan does not change after prepare: run reads it, and takes what it writes to from the frame
 * that it is handed (frame.h). Any number of threads may therefore run one plan at the same time,
 * each with its own frame and arguments. Operators whose plans keep state say so (op.h).
 *
 * To add one: write optimizations/<op>/<op>_<how>.c with one VLT_VARIANT, and add one line
 * V(<op>, <how>, <ISA>) to variants.def, with a fourth column where it needs a device or a library.
 * CMake takes source and compiler flags from that line, C takes the table; the file holds no CPU
 * test. Open the file with three sentences: the bottleneck
 * it attacks, the idea, when it should lose. The README has a worked example.
 */
#ifndef VLT_CORE_VARIANT_H
#define VLT_CORE_VARIANT_H

#include "optimizations/core/caps.h"
#include "optimizations/core/frame.h"
#include "optimizations/core/knob.h"
#include "optimizations/core/op.h"
#include "optimizations/core/quality.h"

struct vlt_context;
struct vlt_plan;

enum { VLT_REASON_BYTES = 160 };

typedef struct vlt_variant {
    const char *op;
    const char *name;
    const char *summary; /* one line for `vltune list` */
    const vlt_knob *knobs;
    int knob_count;

    /* What it may lose: it runs only where the context permits that quality. loss is the largest
     * |difference| over the largest |baseline value| beyond the operator's tolerance; 0 where
     * exact. */
    vlt_quality quality;
    double loss;

    /* It keeps a copy of its weights (packs.h) although it is exact: then it is no default, but
     * runs where it was tuned or forced. */
    bool copies_weights;

    /* NULL: never. True: on this machine what stands behind it in the catalogue is usually faster,
     * so that it is no default, but runs where it was tuned or forced. */
    bool (*stands_back)(const vlt_problem *problem, const vlt_caps *caps);

    /* What its arguments may ask for beside the operator's job: bits that the operator's header
     * names; 0: nothing. */
    unsigned takes;

    /* NULL: applicable wherever the ISA is. On false, reason (VLT_REASON_BYTES) says why in words
     * that end up in `vltune list`. ISA and need are checked before, by the catalogue. */
    bool (*applicable)(const vlt_problem *problem, const vlt_caps *caps, char *reason);

    /* NULL: what the operator says holds. Corrects *cost, filled by the operator, for arithmetic or
     * traffic of its own. */
    void (*cost)(const vlt_problem *problem, vlt_cost *cost);

    /* NULL: every value of a knob is worth trying on every machine. False: on this one the knob
     * does nothing but at its default; reason (VLT_REASON_BYTES) says why. A config may
     * hold another value all the same, from where it did something. */
    bool (*offers)(const vlt_knob *knob, const vlt_caps *caps, char *reason);

    /* NULL: every combination of knob values is valid. */
    bool (*valid)(const vlt_problem *problem, const vlt_caps *caps, const vlt_binding *binding);

    /* NULL: nothing to prepare. plan->context, problem and binding are set; sets plan->state. On
     * failure release is called all the same. */
    vlt_status (*prepare)(struct vlt_plan *plan, vlt_error *err);

    /* Bytes of a run, own pieces and the deepest child's (vlt_frame_reserve, vlt_plan_scratch);
     * asked once, after prepare. NULL: none. */
    size_t (*scratch)(const struct vlt_plan *plan);

    /* args as the operator's header says. Fails only for reasons in the data (a broken JPEG). */
    vlt_status (*run)(const struct vlt_plan *plan, vlt_frame frame, const void *args,
                      vlt_error *err);

    void (*release)(struct vlt_plan *plan); /* NULL: nothing to release */
} vlt_variant;

/* stands_back of what lives by dot products of AVX512_BF16. */
static inline bool vlt_slow_bf16_dot(const vlt_problem *problem, const vlt_caps *caps)
{
    (void)problem;
    return !caps->bf16_dot_doubles;
}

/* Defines the variant `how` of operator `id`. */
#define VLT_VARIANT(id, how, ...) \
    const vlt_variant vlt_variant_##id##_##how = {.op = #id, .name = #how, __VA_ARGS__}

#endif
