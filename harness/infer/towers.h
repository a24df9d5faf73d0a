/* towers.h: which plan of the two towers serves which step.
 *
 * Plans are made for classes of sizes. Decoding takes those of few rows (1, 2, 4 or 8 sequences),
 * prompts that of a whole block, however many rows are left, so that what runs depends on the
 * purpose of a step and on how far its sequence may come, never on what ran before.
 */
#ifndef VLT_HARNESS_TOWERS_H
#define VLT_HARNESS_TOWERS_H

#include "harness/infer/engine.h"

enum {
    VLT_PROMPT_BLOCK = 256,      /* rows of a prompt that go through the decoder together */
    VLT_PROMPT_BLOCK_SMALL = 64, /* while memory is short: the same plan, less of its scratch */
    VLT_SEQUENCES_MAX = 8,       /* that decode in one run */
    VLT_CONTEXT_CLASS = 1024,    /* the smallest; longer ones by powers of two */
    VLT_VISION_GROUP = 4096      /* patches: images are computed together up to so many */
};

/* Under the engine's turn; the plan is good until the turn ends. */
vlt_status vlt_engine_decode_plan(vlt_engine *engine, int sequences, int64_t context,
                                  vlt_plan **out, vlt_error *err);
vlt_status vlt_engine_prompt_plan(vlt_engine *engine, int64_t context, vlt_plan **out,
                                  vlt_error *err);
vlt_status vlt_engine_vision_plan(vlt_engine *engine, int64_t patches, int64_t segment,
                                  vlt_plan **out, vlt_error *err);

#endif
