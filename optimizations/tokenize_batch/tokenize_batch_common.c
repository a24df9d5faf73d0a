#include <stdlib.h>

#include "optimizations/bpe_encode/shared_words.h"
#include "optimizations/core/memory.h"
#include "optimizations/tokenize_batch/tokenize_batch_internal.h"

vlt_status vlt_batch_encoders_init(vlt_batch_encoders *encoders, vlt_plan *plan, int count,
                                   size_t text_max, vlt_error *err)
{
    const vlt_bpe_encode_constants *constants = plan->problem.constants;
    const vlt_problem problem = vlt_bpe_encode_problem(text_max, &encoders->constants);
    vlt_status status = VLT_OK;
    encoders->constants.vocab = constants->vocab;
    encoders->plan = calloc((size_t)count, sizeof *encoders->plan);
    if (!encoders->plan) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tokenize_batch: out of memory");
    }
    if (count > 1) {
        status = vlt_shared_words_create(plan->context->memory, &encoders->constants.shared, err);
    }
    for (; encoders->count < count && status == VLT_OK; encoders->count++) {
        status = vlt_plan_create(plan->context, &problem, &encoders->plan[encoders->count], err);
    }
    return status;
}

void vlt_batch_encoders_release(vlt_batch_encoders *encoders)
{
    for (int i = 0; i < encoders->count; i++) {
        vlt_plan_destroy(encoders->plan[i]);
    }
    free(encoders->plan);
    vlt_shared_words_destroy(encoders->constants.shared);
    *encoders = (vlt_batch_encoders){0};
}

void vlt_batch_encoders_renew(const vlt_batch_encoders *encoders)
{
    if (encoders->constants.shared) {
        vlt_shared_words_renew(encoders->constants.shared);
    }
}

vlt_bpe_encode_args vlt_batch_text(const vlt_tokenize_batch_args *args, int64_t index, int32_t *ids,
                                   size_t *count)
{
    return (vlt_bpe_encode_args){.text = args->text[index],
                                 .text_bytes = args->text_bytes[index],
                                 .no_special = args->no_special,
                                 .ids = ids,
                                 .id_count = count,
                                 .plain = args->plain ? args->plain[index] : (vlt_text_ranges){0}};
}

vlt_status vlt_batch_encode(vlt_plan *encoder, const vlt_tokenize_batch_args *args, int64_t index,
                            int32_t *ids, size_t *count, vlt_error *err)
{
    const vlt_bpe_encode_args text = vlt_batch_text(args, index, ids, count);
    return vlt_plan_run(encoder, (vlt_frame){0}, &text, err);
}

vlt_status vlt_batch_in_order(vlt_plan *encoder, const vlt_tokenize_batch_args *args,
                              vlt_error *err)
{
    size_t used = 0;
    for (int64_t t = 0; t < args->text_count; t++) {
        size_t count = 0;
        args->id_first[t] = used;
        vlt_status status = vlt_batch_encode(encoder, args, t, args->ids + used, &count, err);
        if (status != VLT_OK) {
            return status;
        }
        used += count;
    }
    args->id_first[args->text_count] = used;
    return VLT_OK;
}

vlt_status vlt_batch_check(const vlt_plan *plan, const vlt_tokenize_batch_args *args, size_t *bytes,
                           vlt_error *err)
{
    *bytes = 0;
    if (args->text_count < 0 ||
        args->text_count > plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_TEXTS]) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "batch of %lld texts: the plan is for at most %lld",
                        (long long)args->text_count,
                        (long long)plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_TEXTS]);
    }
    for (int64_t t = 0; t < args->text_count; t++) {
        if (!vlt_add_size(*bytes, args->text_bytes[t], bytes)) {
            *bytes = SIZE_MAX;
            break;
        }
    }
    if (*bytes > (size_t)plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_BYTES]) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "batch of %zu bytes: the plan is for at most %lld",
                        *bytes, (long long)plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_BYTES]);
    }
    return VLT_OK;
}

vlt_status vlt_batch_scratch(const vlt_plan *plan, int32_t **out, vlt_error *err)
{
    size_t ids = vlt_tokenize_batch_bound(plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_TEXTS],
                                          (size_t)plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_BYTES]);
    size_t bytes;
    *out = vlt_mul_size(ids, sizeof **out, &bytes) ? malloc(bytes) : NULL;
    return *out ? VLT_OK
                : vlt_fail(err, VLT_STATUS_NOMEM, "tokenize_batch: no memory for %zu ids", ids);
}
