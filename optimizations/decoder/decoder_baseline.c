/* The decoder as its formula reads: child plans one after the other, each over all rows. */
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/children.h"
#include "optimizations/decoder/decoder.h"

struct state {
    const vlt_decoder_constants *constants;
    int64_t rows, sequences, width, slots, layers, vocab, taps; /* slots: angles of a head */
    vlt_plan **layer;                                           /* [layers] */
    vlt_context head_context; /* the plan's with what the head may lose */
    vlt_plan *norm, *head;
};

/* One run. */
struct job {
    const struct state *state;
    const vlt_decoder_args *args;
    vlt_frame frame;  /* for children */
    vlt_kv_slot *kv;  /* [sequences] */
    float *hidden;    /* [rows, width] */
    float *normed;    /* [rows, width] */
    float *cos, *sin; /* [rows, slots] */
    float *logits;    /* [sequences, vocab], for more than one */
    int64_t rows;
};

static vlt_status create_children(vlt_plan *plan, struct state *s, vlt_error *err)
{
    const vlt_decoder_constants *c = s->constants;
    const int64_t *dim = plan->problem.dim;
    const vlt_problem norm = vlt_norm_problem(s->rows, s->width, VLT_NORM_RMS, &c->final_norm);
    const vlt_problem head = vlt_linear_problem(s->sequences, &c->head);
    vlt_status status = vlt_plan_create(plan->context, &norm, &s->norm, err);
    s->head_context = *plan->context;
    if (s->head_context.head_quality > s->head_context.quality) {
        s->head_context.quality = s->head_context.head_quality;
    }
    if (status == VLT_OK) {
        status = vlt_plan_create(&s->head_context, &head, &s->head, err);
    }
    for (int64_t i = 0; i < s->layers && status == VLT_OK; i++) {
        const vlt_problem layer = {
            .op = &vlt_op_decoder_block,
            .dim = {[VLT_DECODER_BLOCK_DIM_ROWS] = s->rows,
                    [VLT_DECODER_BLOCK_DIM_CONTEXT] = dim[VLT_DECODER_DIM_CONTEXT],
                    [VLT_DECODER_BLOCK_DIM_WIDTH] = s->width,
                    [VLT_DECODER_BLOCK_DIM_HEADS] = dim[VLT_DECODER_DIM_HEADS],
                    [VLT_DECODER_BLOCK_DIM_KV_HEADS] = dim[VLT_DECODER_DIM_KV_HEADS],
                    [VLT_DECODER_BLOCK_DIM_HEAD] = dim[VLT_DECODER_DIM_HEAD],
                    [VLT_DECODER_BLOCK_DIM_INNER] = dim[VLT_DECODER_DIM_INNER],
                    [VLT_DECODER_BLOCK_DIM_WEIGHTS] = c->layer[i].gate_weight.format,
                    [VLT_DECODER_BLOCK_DIM_CACHE] = dim[VLT_DECODER_DIM_CACHE]},
            .constants = &c->layer[i]};
        status = vlt_plan_create(plan->context, &layer, &s->layer[i], err);
    }
    return status;
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const int64_t *dim = plan->problem.dim;
    struct state *s = plan->state = calloc(1, sizeof *s);
    if (s) {
        s->layer = calloc((size_t)dim[VLT_DECODER_DIM_LAYERS], sizeof *s->layer);
    }
    if (!s || !s->layer) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "decoder: no memory for a plan");
    }
    s->constants = plan->problem.constants;
    s->rows = dim[VLT_DECODER_DIM_ROWS];
    s->sequences = dim[VLT_DECODER_DIM_SEQUENCES];
    s->width = dim[VLT_DECODER_DIM_WIDTH];
    s->slots = dim[VLT_DECODER_DIM_HEAD] / 2;
    s->layers = dim[VLT_DECODER_DIM_LAYERS];
    s->vocab = dim[VLT_DECODER_DIM_VOCAB];
    s->taps = dim[VLT_DECODER_DIM_TAPS];
    vlt_status status = create_children(plan, s, err);
    if (status == VLT_OK) {
        vlt_plan_adopt(plan, s->layer, (int)s->layers);
        vlt_plan_adopt(plan, (vlt_plan *[]){s->norm, s->head}, 2);
    }
    return status;
}

static size_t several_logits(const struct state *s)
{
    return s->sequences > 1 ? (size_t)(s->sequences * s->vocab) : 0;
}

static size_t scratch(const vlt_plan *plan)
{
    const struct state *s = plan->state;
    vlt_plan *const ends[] = {s->norm, s->head};
    size_t bytes = 0, layers = vlt_children_scratch(s->layer, (int)s->layers);
    size_t others = vlt_children_scratch(ends, 2);
    vlt_frame_reserve(&bytes, (size_t)s->sequences, sizeof(vlt_kv_slot));
    vlt_frame_reserve(&bytes, (size_t)(s->rows * s->width), sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(s->rows * s->width), sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(s->rows * s->slots), sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(s->rows * s->slots), sizeof(float));
    vlt_frame_reserve(&bytes, several_logits(s), sizeof(float));
    vlt_frame_add(&bytes, layers > others ? layers : others);
    return bytes;
}

/* Embeddings, rows of pictures, angles. */
static void embed(struct job *job)
{
    const struct state *s = job->state;
    job->rows = 0;
    for (int i = 0; i < job->args->slots; i++) {
        const vlt_decoder_slot *slot = &job->args->slot[i];
        float *hidden = job->hidden + job->rows * s->width;
        float *cosines = job->cos + job->rows * s->slots, *sines = job->sin + job->rows * s->slots;
        for (int64_t r = 0; r < slot->rows; r++) {
            int64_t visual = slot->visual_row ? slot->visual_row[r] : -1;
            if (visual >= 0) {
                memcpy(hidden + r * s->width,
                       slot->embedding + (visual - slot->visual_first) * s->width,
                       (size_t)s->width * sizeof *hidden);
            } else {
                vlt_matrix_row(&s->constants->embed, slot->ids[r], hidden + r * s->width);
            }
        }
        if (slot->position) {
            vlt_mrope_rows(s->constants->rope, slot->position, slot->position_stride, slot->rows,
                           cosines, sines);
        }
        for (int64_t r = 0; r < slot->rows && !slot->position; r++) {
            vlt_mrope_row(s->constants->rope, slot->first + r + slot->delta, cosines + r * s->slots,
                          sines + r * s->slots);
        }
        job->kv[i] = (vlt_kv_slot){.cache = slot->cache, .first = slot->first, .rows = slot->rows};
        job->rows += slot->rows;
    }
}

static void add_deepstack(const struct job *job, int64_t layer)
{
    const int64_t width = job->state->width;
    float *hidden = job->hidden;
    for (int i = 0; i < job->args->slots; i++) {
        const vlt_decoder_slot *slot = &job->args->slot[i];
        for (int64_t r = 0; r < slot->rows; r++, hidden += width) {
            if (slot->visual_row && slot->visual_row[r] >= 0) {
                const float *from = slot->deepstack[layer] +
                                    (slot->visual_row[r] - slot->visual_first) * width;
                for (int64_t e = 0; e < width; e++) {
                    hidden[e] += from[e];
                }
            }
        }
    }
}

static vlt_status run_layers(const struct job *job, vlt_error *err)
{
    const struct state *s = job->state;
    vlt_decoder_block_args args = {.hidden = job->hidden,
                                   .cos = job->cos,
                                   .sin = job->sin,
                                   .slot = job->kv,
                                   .slots = job->args->slots,
                                   .rows = job->rows};
    vlt_status status = vlt_tap_see(job->args->tap, "text.inputs_embeds", -1, job->hidden,
                                    job->rows, s->width, err);
    for (args.layer = 0; args.layer < s->layers && status == VLT_OK; args.layer++) {
        status = vlt_tap_see(job->args->tap, "text.layer.%d.in", args.layer, job->hidden, job->rows,
                             s->width, err);
        if (status == VLT_OK) {
            status = vlt_plan_run(s->layer[args.layer], job->frame, &args, err);
        }
        if (status == VLT_OK && args.layer < s->taps) {
            add_deepstack(job, args.layer);
        }
    }
    return status;
}

/* Final norm: of all rows where somebody looks on, else of the last rows whose logits are wanted.
 * They end up together, in the order of their slots, at the front of normed. */
static vlt_status normalise(const struct job *job, int64_t *wanted, vlt_error *err)
{
    const struct state *s = job->state;
    const vlt_tap *tap = job->args->tap;
    const bool seen = tap && tap->see;
    vlt_status status = VLT_OK;
    if (seen) {
        status = vlt_norm_rows(s->norm, job->frame, job->hidden, job->normed, job->rows, err);
        if (status == VLT_OK) {
            status = vlt_tap_see(tap, "text.final_norm", -1, job->normed, job->rows, s->width, err);
        }
    }
    *wanted = 0;
    int64_t end = 0;
    for (int i = 0; i < job->args->slots && status == VLT_OK; i++) {
        end += job->args->slot[i].rows;
        if (job->args->slot[i].logits) {
            float *to = job->normed + *wanted * s->width;
            const float *last = (seen ? job->normed : job->hidden) + (end - 1) * s->width;
            if (seen) {
                memmove(to, last, (size_t)s->width * sizeof *to);
            } else {
                status = vlt_norm_rows(s->norm, job->frame, last, to, 1, err);
            }
            ++*wanted;
        }
    }
    return status;
}

/* One sequence gets its logits where it wants them, several by way of the scratch: every weight of
 * the head is read once. */
static vlt_status run_head(const struct job *job, int64_t wanted, vlt_error *err)
{
    const struct state *s = job->state;
    float *direct = NULL;
    for (int i = 0; i < job->args->slots; i++) {
        direct = job->args->slot[i].logits ? job->args->slot[i].logits : direct;
    }
    float *y = wanted > 1 ? job->logits : direct;
    vlt_status status = vlt_linear_rows(s->head, job->frame, job->normed, y, wanted, false, err);
    for (int i = 0; i < job->args->slots && status == VLT_OK && wanted > 1; i++) {
        if (job->args->slot[i].logits) {
            memcpy(job->args->slot[i].logits, y, (size_t)s->vocab * sizeof *y);
            y += s->vocab;
        }
    }
    return status;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    const struct state *s = plan->state;
    struct job job = {.state = s, .args = args};
    int64_t wanted = 0;
    job.kv = vlt_frame_take(&frame, (size_t)s->sequences, sizeof *job.kv);
    job.hidden = vlt_frame_take(&frame, (size_t)(s->rows * s->width), sizeof(float));
    job.normed = vlt_frame_take(&frame, (size_t)(s->rows * s->width), sizeof(float));
    job.cos = vlt_frame_take(&frame, (size_t)(s->rows * s->slots), sizeof(float));
    job.sin = vlt_frame_take(&frame, (size_t)(s->rows * s->slots), sizeof(float));
    job.logits = vlt_frame_take(&frame, several_logits(s), sizeof(float));
    job.frame = frame;
    embed(&job);
    vlt_status status = run_layers(&job, err);
    if (status == VLT_OK) {
        status = normalise(&job, &wanted, err);
    }
    return status == VLT_OK && wanted ? run_head(&job, wanted, err) : status;
}

static void release(vlt_plan *plan)
{
    struct state *s = plan->state;
    if (s) {
        vlt_children_destroy(s->layer, s->layer ? (int)s->layers : 0);
        vlt_plan_destroy(s->norm);
        vlt_plan_destroy(s->head);
        free(s->layer);
        free(s);
    }
}

VLT_VARIANT(decoder, baseline, .summary = "child plans one after the other", .prepare = prepare,
            .scratch = scratch, .run = run, .release = release);
