#include "harness/services/token_encoders.h"

#include <stdlib.h>

#include "optimizations/core/memory.h"

enum { SMALLEST_BITS = 12, RANGES_FEW = 16 };

void vlt_token_encoders_init(vlt_token_encoders *encoders,
                             const vlt_bpe_encode_constants *constants, const vlt_context *context)
{
    *encoders = (vlt_token_encoders){.constants = *constants, .context = *context};
    encoders->context.threads = NULL; /* texts are spread over threads by who cuts them */
    pthread_mutex_init(&encoders->lock, NULL);
}

static void destroy(vlt_token_encoder *encoder)
{
    vlt_plan_destroy(encoder->plan);
    vlt_free(encoder->ids);
    free(encoder);
}

void vlt_token_encoders_forget(vlt_token_encoders *encoders)
{
    pthread_mutex_lock(&encoders->lock);
    for (int c = 0; c < VLT_ENCODER_CLASSES; c++) {
        for (vlt_token_encoder *e = encoders->idle[c], *next; e; e = next) {
            next = e->next;
            destroy(e);
        }
        encoders->idle[c] = NULL;
    }
    pthread_mutex_unlock(&encoders->lock);
}

void vlt_token_encoders_release(vlt_token_encoders *encoders)
{
    vlt_token_encoders_forget(encoders);
    pthread_mutex_destroy(&encoders->lock);
}

static int class_of(size_t bytes)
{
    int size_class = 0;
    while (size_class < VLT_ENCODER_CLASSES && bytes > (size_t)1 << (size_class + SMALLEST_BITS)) {
        size_class++;
    }
    return size_class;
}

static vlt_status create(vlt_token_encoders *encoders, int size_class, vlt_token_encoder **out,
                         vlt_error *err)
{
    const size_t bytes = (size_t)1 << (size_class + SMALLEST_BITS);
    const vlt_problem problem = vlt_bpe_encode_problem(bytes, &encoders->constants);
    vlt_token_encoder *encoder = calloc(1, sizeof *encoder);
    void *ids = NULL;
    if (!encoder) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for an encoder");
    }
    encoder->size_class = size_class;
    vlt_status status = vlt_alloc_raw(vlt_bpe_encode_bound(bytes) * sizeof *encoder->ids, &ids,
                                      err);
    encoder->ids = ids;
    if (status == VLT_OK) {
        status = vlt_plan_create(&encoders->context, &problem, &encoder->plan, err);
    }
    if (status != VLT_OK) {
        destroy(encoder);
        return status;
    }
    *out = encoder;
    return VLT_OK;
}

vlt_status vlt_token_encoders_take(vlt_token_encoders *encoders, size_t bytes,
                                   vlt_token_encoder **out, vlt_error *err)
{
    const int size_class = class_of(bytes);
    *out = NULL;
    if (size_class == VLT_ENCODER_CLASSES) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "text of %zu bytes, expected at most %zu", bytes,
                        (size_t)1 << (VLT_ENCODER_CLASSES - 1 + SMALLEST_BITS));
    }
    pthread_mutex_lock(&encoders->lock);
    vlt_token_encoder *encoder = encoders->idle[size_class];
    if (encoder) {
        encoders->idle[size_class] = encoder->next;
    }
    pthread_mutex_unlock(&encoders->lock);
    *out = encoder;
    return encoder ? VLT_OK : create(encoders, size_class, out, err);
}

void vlt_token_encoders_give(vlt_token_encoders *encoders, vlt_token_encoder *encoder)
{
    enum { KEPT_BITS = 20 }; /* an encoder of larger texts is not kept: it has touched too much */
    if (encoder && encoder->size_class + SMALLEST_BITS > KEPT_BITS) {
        destroy(encoder);
    } else if (encoder) {
        pthread_mutex_lock(&encoders->lock);
        encoder->next = encoders->idle[encoder->size_class];
        encoders->idle[encoder->size_class] = encoder;
        pthread_mutex_unlock(&encoders->lock);
    }
}

/* The stretches of the text that reach into [first, end), from there on; *owned when malloc'ed. */
static bool clip(const vlt_text_ranges *plain, size_t first, size_t end, vlt_text_range *few,
                 vlt_text_ranges *out, vlt_text_range **owned)
{
    size_t from = 0, to;
    while (from < plain->count && plain->range[from].end <= first) {
        from++;
    }
    for (to = from; to < plain->count && plain->range[to].first < end;) {
        to++;
    }
    *owned = to - from > RANGES_FEW ? malloc((to - from) * sizeof **owned) : NULL;
    if (to - from > RANGES_FEW && !*owned) {
        return false;
    }
    vlt_text_range *range = *owned ? *owned : few;
    for (size_t i = from; i < to; i++) {
        const vlt_text_range *r = &plain->range[i];
        range[i - from] = (vlt_text_range){(r->first > first ? r->first : first) - first,
                                           (r->end < end ? r->end : end) - first};
    }
    *out = (vlt_text_ranges){range, to - from};
    return true;
}

size_t vlt_token_encoder_room(const vlt_token_encoder *encoder)
{
    return vlt_bpe_encode_bound((size_t)1 << (encoder->size_class + SMALLEST_BITS));
}

vlt_status vlt_token_encoder_run(vlt_token_encoder *encoder, const vlt_prompt_text *text,
                                 size_t first, size_t end, int32_t *ids, size_t *count,
                                 vlt_error *err)
{
    vlt_text_range few[RANGES_FEW], *owned = NULL;
    vlt_bpe_encode_args args = {.text = text->text + first,
                                .text_bytes = end - first,
                                .ids = ids,
                                .id_count = count,
                                .plain = text->plain};
    if (text->plain.count && end - first < text->bytes &&
        !clip(&text->plain, first, end, few, &args.plain, &owned)) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "text of %zu bytes: out of memory", end - first);
    }
    vlt_status status = vlt_plan_run(encoder->plan, (vlt_frame){0}, &args, err);
    free(owned);
    return status;
}
