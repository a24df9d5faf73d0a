#include "harness/infer/towers.h"

#include <math.h>

static vlt_status decoder_plan(vlt_engine *engine, int64_t rows, int64_t sequences, int64_t context,
                               vlt_plan **out, vlt_error *err)
{
    const vlt_text_config *text = &engine->config.text;
    const vlt_decoder_size size = {
        .rows = rows,
        .sequences = sequences,
        .context = vlt_power_of_two(context > VLT_CONTEXT_CLASS ? context : VLT_CONTEXT_CLASS),
        .heads = text->heads,
        .kv_heads = text->kv_heads,
        .head = text->head,
        .layers = text->layers,
        .taps = engine->config.vision.deepstack_count,
        .cache = engine->kv_format->format};
    const vlt_problem problem = vlt_decoder_problem(&size, &engine->weights.decoder);
    return vlt_plan_table_get(&engine->plans, &engine->context, &problem, out, err);
}

vlt_status vlt_engine_decode_plan(vlt_engine *engine, int sequences, int64_t context,
                                  vlt_plan **out, vlt_error *err)
{
    int64_t rows = vlt_power_of_two(sequences);
    return decoder_plan(engine, rows, rows, context, out, err);
}

vlt_status vlt_engine_prompt_plan(vlt_engine *engine, int64_t context, vlt_plan **out,
                                  vlt_error *err)
{
    return decoder_plan(engine, VLT_PROMPT_BLOCK, 1, context, out, err);
}

/* Small images share plans by powers of two; large ones are not rounded up by as much. */
static int64_t patch_class(int64_t patches)
{
    enum { STEP = 1024 };
    return patches <= STEP ? vlt_power_of_two(patches) : (patches + STEP - 1) / STEP * STEP;
}

vlt_status vlt_engine_vision_plan(vlt_engine *engine, int64_t patches, int64_t segment,
                                  vlt_plan **out, vlt_error *err)
{
    const vlt_vision_config *vision = &engine->config.vision;
    const int64_t cell = vision->merge * vision->merge;
    const int64_t rows = (patch_class(patches) + cell - 1) / cell * cell;
    const int64_t longest = patch_class(segment) < rows ? patch_class(segment) : rows;
    const vlt_problem problem = vlt_vision_tower_problem(
        rows, longest, vision->heads, vision->blocks, vision->merge, vision->deepstack_count,
        &engine->weights.vision);
    return vlt_plan_table_get(&engine->plans, &engine->context, &problem, out, err);
}

double vlt_engine_tolerance(const vlt_engine *engine)
{
    return vlt_plan_table_tolerance(&engine->plans, &vlt_op_vision_tower) +
           vlt_plan_table_tolerance(&engine->plans, &vlt_op_decoder);
}
