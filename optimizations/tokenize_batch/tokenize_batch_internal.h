/* tokenize_batch_internal.h: what the variants share. */
#ifndef VLT_TOKENIZE_BATCH_INTERNAL_H
#define VLT_TOKENIZE_BATCH_INTERNAL_H

#include "optimizations/tokenize_batch/tokenize_batch.h"

/* Child plans of bpe_encode, one per thread that encodes; several share the words they learn. Stays
 * where it is. */
typedef struct vlt_batch_encoders {
    vlt_plan **plan; /* [count] */
    int count;
    vlt_bpe_encode_constants constants; /* of the plans */
} vlt_batch_encoders;

/* Each child takes texts of at most text_max bytes. On failure the caller releases. */
vlt_status vlt_batch_encoders_init(vlt_batch_encoders *encoders, vlt_plan *plan, int count,
                                   size_t text_max, vlt_error *err);
void vlt_batch_encoders_release(vlt_batch_encoders *encoders); /* may be called on {0} */

/* Makes room for new words where little is left; no encoder may be at work. */
void vlt_batch_encoders_renew(const vlt_batch_encoders *encoders);

/* What bpe_encode is asked for text number `index` of the batch. */
vlt_bpe_encode_args vlt_batch_text(const vlt_tokenize_batch_args *args, int64_t index, int32_t *ids,
                                   size_t *count);

/* Text number `index` of the batch into ids; *count ids. */
vlt_status vlt_batch_encode(vlt_plan *encoder, const vlt_tokenize_batch_args *args, int64_t index,
                            int32_t *ids, size_t *count, vlt_error *err);

/* All texts of the batch by one encoder, one after the other, each straight to its place. */
vlt_status vlt_batch_in_order(vlt_plan *encoder, const vlt_tokenize_batch_args *args,
                              vlt_error *err);

/* LIMIT when the batch is larger than the plan; *bytes is the sum of its texts. */
vlt_status vlt_batch_check(const vlt_plan *plan, const vlt_tokenize_batch_args *args, size_t *bytes,
                           vlt_error *err);

/* Room for ids of the whole batch beside the output, touched only as far as it is used. */
vlt_status vlt_batch_scratch(const vlt_plan *plan, int32_t **out, vlt_error *err);

/* Texts spread over the threads of the context, by way of scratch of their own. */
typedef struct vlt_batch_spread {
    vlt_batch_encoders encoders; /* one per thread */
    int32_t *scratch;
    size_t *place;                 /* [texts + 1] where a text's list lies in scratch */
    struct vlt_batch_share *share; /* [texts] what a thread takes at once */
} vlt_batch_spread;

/* Which texts of a batch are encoded: each one's first appearance. */
typedef struct vlt_batch_distinct {
    int64_t *index;   /* [count] in order */
    int64_t *same_as; /* [text_count] the first text that is equal; itself where there is none */
    int64_t count;
} vlt_batch_distinct;

enum { VLT_BATCH_SPREAD_CHUNK, VLT_BATCH_SPREAD_KNOBS };
extern const vlt_knob vlt_batch_spread_knobs[VLT_BATCH_SPREAD_KNOBS];

/* On failure the caller releases. */
vlt_status vlt_batch_spread_init(vlt_batch_spread *spread, vlt_plan *plan, vlt_error *err);
void vlt_batch_spread_release(vlt_batch_spread *spread); /* may be called on {0} */

/* Encodes a batch that was checked; distinct NULL: every text. The plan has the knobs above. */
vlt_status vlt_batch_spread_run(const vlt_batch_spread *spread, const vlt_plan *plan,
                                const vlt_tokenize_batch_args *args,
                                const vlt_batch_distinct *distinct, vlt_error *err);

#endif
