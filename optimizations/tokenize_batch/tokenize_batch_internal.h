/* tokenize_batch_internal.h: what the variants share. */
#ifndef VLT_TOKENIZE_BATCH_INTERNAL_H
#define VLT_TOKENIZE_BATCH_INTERNAL_H

#include "optimizations/tokenize_batch/tokenize_batch.h"

/* Child plans of bpe_encode, one per thread that encodes. */
typedef struct vlt_batch_encoders {
    vlt_plan **plan; /* [count] */
    int count;
} vlt_batch_encoders;

/* Each child takes texts of at most text_max bytes. On failure the caller releases. */
vlt_status vlt_batch_encoders_init(vlt_batch_encoders *encoders, vlt_plan *plan, int count,
                                   size_t text_max, vlt_error *err);
void vlt_batch_encoders_release(vlt_batch_encoders *encoders); /* may be called on {0} */

/* What bpe_encode is asked for text number `index` of the batch. */
vlt_bpe_encode_args vlt_batch_text(const vlt_tokenize_batch_args *args, int64_t index, int32_t *ids,
                                   size_t *count);

/* Text number `index` of the batch into ids; *count ids. */
vlt_status vlt_batch_encode(vlt_plan *encoder, const vlt_tokenize_batch_args *args, int64_t index,
                            int32_t *ids, size_t *count, vlt_error *err);

/* LIMIT when the batch is larger than the plan; *bytes is the sum of its texts. */
vlt_status vlt_batch_check(const vlt_plan *plan, const vlt_tokenize_batch_args *args, size_t *bytes,
                           vlt_error *err);

/* Room for ids of the whole batch beside the output, touched only as far as it is used. */
vlt_status vlt_batch_scratch(const vlt_plan *plan, int32_t **out, vlt_error *err);

#endif
