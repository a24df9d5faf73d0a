/* The plans of an engine: prepared when a shape is first met, kept afterwards. */
#include <math.h>
#include <stdlib.h>

#include "harness/infer/engine.h"
#include "optimizations/activation/activation.h"

static int64_t power_of_two(int64_t value)
{
    int64_t power = 1;
    while (power < value) {
        power *= 2;
    }
    return power;
}

/* With room for its scratch in the engine's. */
static vlt_status create_plan(vlt_engine *engine, const vlt_problem *problem, vlt_plan **out,
                              vlt_error *err)
{
    vlt_status status = vlt_plan_create(&engine->context, problem, out, err);
    return status == VLT_OK ? vlt_plan_reserve(&engine->scratch, *out, err) : status;
}

static void release_list(vlt_plan **plan, int64_t count)
{
    for (int64_t i = 0; plan && i < count; i++) {
        vlt_plan_destroy(plan[i]);
    }
    free(plan);
}

static void release_text(vlt_text_plans *plans, int64_t layers)
{
    release_list(plans->layer, layers);
    vlt_plan_destroy(plans->norm);
    *plans = (vlt_text_plans){0};
}

static void release_merger(vlt_merger_plans *plans)
{
    vlt_plan_destroy(plans->norm);
    vlt_plan_destroy(plans->fc1);
    vlt_plan_destroy(plans->gelu);
    vlt_plan_destroy(plans->fc2);
    *plans = (vlt_merger_plans){0};
}

static void release_vision(vlt_vision_plans *plans, int64_t blocks)
{
    vlt_plan_destroy(plans->patch);
    release_list(plans->block, blocks);
    release_merger(&plans->merger);
    for (int i = 0; i < VLT_DEEPSTACK_MAX; i++) {
        release_merger(&plans->deepstack[i]);
    }
    *plans = (vlt_vision_plans){0};
}

void vlt_engine_release_plans(vlt_engine *engine)
{
    release_text(&engine->decode, engine->config.text.layers);
    release_text(&engine->prompt, engine->config.text.layers);
    release_vision(&engine->vision, engine->config.vision.blocks);
    vlt_plan_destroy(engine->head);
    engine->head = NULL;
}

static vlt_status create_linear(vlt_engine *engine, const vlt_linear_constants *weights,
                                int64_t rows, vlt_plan **out, vlt_error *err)
{
    vlt_problem problem = vlt_linear_problem(rows, weights);
    return create_plan(engine, &problem, out, err);
}

static vlt_status create_layer(vlt_engine *engine, int64_t index, int64_t rows, int64_t context,
                               vlt_plan **out, vlt_error *err)
{
    const vlt_text_config *text = &engine->config.text;
    const vlt_decoder_block_constants *layer = &engine->weights.layer[index];
    vlt_problem problem = {.op = &vlt_op_decoder_block,
                           .dim = {[VLT_DECODER_BLOCK_DIM_ROWS] = rows,
                                   [VLT_DECODER_BLOCK_DIM_CONTEXT] = context,
                                   [VLT_DECODER_BLOCK_DIM_WIDTH] = text->width,
                                   [VLT_DECODER_BLOCK_DIM_HEADS] = text->heads,
                                   [VLT_DECODER_BLOCK_DIM_KV_HEADS] = text->kv_heads,
                                   [VLT_DECODER_BLOCK_DIM_HEAD] = text->head,
                                   [VLT_DECODER_BLOCK_DIM_INNER] = text->inner,
                                   [VLT_DECODER_BLOCK_DIM_WEIGHTS] = layer->gate_weight.format},
                           .constants = layer};
    return create_plan(engine, &problem, out, err);
}

vlt_status vlt_engine_text_plans(vlt_engine *engine, vlt_text_plans *plans, int64_t rows,
                                 int64_t context, vlt_error *err)
{
    const vlt_text_config *text = &engine->config.text;
    vlt_text_plans made = {
        .rows = power_of_two(rows),
        .context = power_of_two(context > VLT_CONTEXT_CLASS ? context : VLT_CONTEXT_CLASS)};
    if (plans->layer && plans->rows >= rows && plans->context >= context) {
        return VLT_OK;
    }
    made.rows = made.rows > plans->rows ? made.rows : plans->rows;
    made.context = made.context > plans->context ? made.context : plans->context;
    vlt_problem norm = vlt_norm_problem(made.rows, text->width, VLT_NORM_RMS,
                                        &engine->weights.final_norm);
    vlt_status status = create_plan(engine, &norm, &made.norm, err);
    made.layer = calloc((size_t)text->layers, sizeof *made.layer);
    if (status == VLT_OK && !made.layer) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %lld plans",
                          (long long)text->layers);
    }
    for (int64_t i = 0; i < text->layers && status == VLT_OK; i++) {
        status = create_layer(engine, i, made.rows, made.context, &made.layer[i], err);
    }
    if (status != VLT_OK) {
        release_text(&made, text->layers);
        return status;
    }
    release_text(plans, text->layers);
    *plans = made;
    return VLT_OK;
}

vlt_status vlt_engine_head_plan(vlt_engine *engine, vlt_error *err)
{
    return engine->head ? VLT_OK
                        : create_linear(engine, &engine->weights.head, 1, &engine->head, err);
}

static vlt_status create_merger(vlt_engine *engine, const vlt_merger_weights *weights,
                                int64_t patches, vlt_merger_plans *out, vlt_error *err)
{
    const vlt_vision_config *vision = &engine->config.vision;
    int64_t tokens = patches / (vision->merge * vision->merge);
    int64_t rows = patches * vision->width / weights->norm_width;
    vlt_problem norm = vlt_norm_problem(rows, weights->norm_width, VLT_NORM_LAYER, &weights->norm);
    vlt_status status = create_plan(engine, &norm, &out->norm, err);
    if (status == VLT_OK) {
        status = create_linear(engine, &weights->fc1, tokens, &out->fc1, err);
    }
    if (status == VLT_OK) {
        vlt_problem gelu = vlt_activation_problem(tokens, weights->fc1.weight.rows,
                                                  VLT_ACTIVATION_GELU_ERF);
        status = create_plan(engine, &gelu, &out->gelu, err);
    }
    if (status == VLT_OK) {
        status = create_linear(engine, &weights->fc2, tokens, &out->fc2, err);
    }
    return status;
}

static vlt_status create_block(vlt_engine *engine, int64_t index, const vlt_vision_plans *sizes,
                               vlt_plan **out, vlt_error *err)
{
    const vlt_vision_config *vision = &engine->config.vision;
    const vlt_vision_block_constants *block = &engine->weights.block[index];
    vlt_problem problem = {.op = &vlt_op_vision_block,
                           .dim = {[VLT_VISION_BLOCK_DIM_ROWS] = sizes->rows,
                                   [VLT_VISION_BLOCK_DIM_SEGMENT] = sizes->segment,
                                   [VLT_VISION_BLOCK_DIM_WIDTH] = vision->width,
                                   [VLT_VISION_BLOCK_DIM_HEADS] = vision->heads,
                                   [VLT_VISION_BLOCK_DIM_INNER] = vision->inner,
                                   [VLT_VISION_BLOCK_DIM_WEIGHTS] = block->fc1_weight.format},
                           .constants = block};
    return create_plan(engine, &problem, out, err);
}

/* Small images share plans by powers of two; large ones are not rounded up by as much. */
static int64_t patch_class(int64_t patches)
{
    enum { STEP = 1024 };
    return patches <= STEP ? power_of_two(patches) : (patches + STEP - 1) / STEP * STEP;
}

static vlt_status create_vision(vlt_engine *engine, vlt_vision_plans *plans, vlt_error *err)
{
    const vlt_vision_config *vision = &engine->config.vision;
    const vlt_weights *weights = &engine->weights;
    plans->block = calloc((size_t)vision->blocks, sizeof *plans->block);
    vlt_status status = plans->block ? create_linear(engine, &weights->patch, plans->rows,
                                                     &plans->patch, err)
                                     : vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %lld plans",
                                                (long long)vision->blocks);
    for (int64_t i = 0; i < vision->blocks && status == VLT_OK; i++) {
        status = create_block(engine, i, plans, &plans->block[i], err);
    }
    if (status == VLT_OK) {
        status = create_merger(engine, &weights->merger, plans->rows, &plans->merger, err);
    }
    for (int i = 0; i < vision->deepstack_count && status == VLT_OK; i++) {
        status = create_merger(engine, &weights->deepstack[i], plans->rows, &plans->deepstack[i],
                               err);
    }
    return status;
}

vlt_status vlt_engine_vision_plans(vlt_engine *engine, int64_t rows, int64_t segment,
                                   vlt_error *err)
{
    const vlt_vision_config *vision = &engine->config.vision;
    vlt_vision_plans *plans = &engine->vision, made = {0};
    if (plans->block && plans->rows >= rows && plans->segment >= segment) {
        return VLT_OK;
    }
    int64_t cell = vision->merge * vision->merge;
    rows = (patch_class(rows) + cell - 1) / cell * cell;
    segment = patch_class(segment);
    made.rows = rows > plans->rows ? rows : plans->rows;
    made.segment = segment > plans->segment ? segment : plans->segment;
    made.segment = made.segment < made.rows ? made.segment : made.rows;
    vlt_status status = create_vision(engine, &made, err);
    if (status != VLT_OK) {
        release_vision(&made, vision->blocks);
        return status;
    }
    release_vision(plans, vision->blocks);
    *plans = made;
    return VLT_OK;
}

static double tolerance_of(vlt_plan *const *plan, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; plan && i < count; i++) {
        sum += plan[i] ? plan[i]->tolerance : 0;
    }
    return sum;
}

static double merger_tolerance(const vlt_merger_plans *plans)
{
    vlt_plan *const step[] = {plans->norm, plans->fc1, plans->gelu, plans->fc2};
    return tolerance_of(step, 4);
}

static double text_tolerance(const vlt_text_plans *plans, int64_t layers)
{
    return tolerance_of(plans->layer, layers) + tolerance_of(&plans->norm, 1);
}

double vlt_engine_tolerance(const vlt_engine *engine)
{
    const vlt_vision_plans *vision = &engine->vision;
    int64_t layers = engine->config.text.layers;
    double sum = tolerance_of(&vision->patch, 1) +
                 tolerance_of(vision->block, engine->config.vision.blocks) +
                 merger_tolerance(&vision->merger);
    for (int i = 0; i < engine->config.vision.deepstack_count; i++) {
        sum += merger_tolerance(&vision->deepstack[i]);
    }
    return sum + tolerance_of(&engine->head, 1) +
           fmax(text_tolerance(&engine->decode, layers), text_tolerance(&engine->prompt, layers));
}
