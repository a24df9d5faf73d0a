/* generation_internal.h: an answer under way, between the files that make it. */
#ifndef VLT_HARNESS_GENERATION_INTERNAL_H
#define VLT_HARNESS_GENERATION_INTERNAL_H

#include "harness/infer/generation.h"
#include "harness/infer/prefill.h"
#include "harness/infer/sampler.h"
#include "optimizations/bpe_encode/decode.h"

/* Rows of the cache that become memory before decoding comes to them: as many as may still be asked
 * for, up to so many, or so many bytes of them where that is more. */
enum { VLT_ROWS_AHEAD = 1024, VLT_ROWS_AHEAD_BYTES = 64 << 20 };

struct vlt_generation {
    vlt_session *session;
    const vlt_request *request;
    const vlt_prompt *prompt;
    vlt_response out;
    vlt_sampler sampler;
    vlt_prefill prefill;
    int64_t max_tokens;
    vlt_stream_decoder *decoder;
    size_t text_room;
    int32_t id;       /* chosen last */
    bool stopped;     /* a stop string is complete */
    bool interrupted; /* a callback said so */
    bool done;
    vlt_status status;
    vlt_error error;
};

/* Makes the pages ready that the next steps write: rows of the cache, ids, probabilities, as far
 * ahead as VLT_ROWS_AHEAD says; none ahead while memory is short. Costs nothing where they are. */
void vlt_generation_look_ahead(vlt_generation *generation);

/* Chooses the next token from the session's logits and takes it into the answer; sets done when it
 * is the last, or when none is wanted. */
vlt_status vlt_generation_next(vlt_generation *generation, vlt_error *err);

#endif
