/* token_pieces.h: one long text on several threads.
 *
 *     text -> pieces, each cut at a seam (bpe_encode/seams.h) when a thread takes it
 *          -> ids in the room of the thread's encoder
 *          -> behind those of the pieces before, as soon as it is known how many these are
 *
 * Pieces become smaller towards the end, so that what the threads begin together they end together.
 * The encoders share the words that they learn (bpe_encode/shared_words.h).
 */
#ifndef VLT_HARNESS_TOKEN_PIECES_H
#define VLT_HARNESS_TOKEN_PIECES_H

#include "harness/services/token_encoders.h"
#include "optimizations/bpe_encode/seams.h"

/* All borrowed. */
typedef struct vlt_token_cutting {
    vlt_token_encoders *encoders;
    const vlt_seams *seams;
    vlt_threads *threads;
    size_t chunk_bytes; /* of a piece at most, but where there is no seam */
} vlt_token_cutting;

/* The ids of the text, malloc'ed. Any number of threads at a time, of which one gets the help of
 * the pool. */
vlt_status vlt_token_pieces_encode(const vlt_token_cutting *cutting, const vlt_prompt_text *text,
                                   int32_t **ids, size_t *count, vlt_error *err);

#endif
