/* tokenize_batch.h: many texts -> many id lists, in order; every list equal to bpe_encode's.
 *
 * The baseline encodes one text after the other. Tolerance: none. Work in bytes of text.
 */
#ifndef VLT_TOKENIZE_BATCH_H
#define VLT_TOKENIZE_BATCH_H

#include "optimizations/bpe_encode/bpe_encode.h"

enum { VLT_TOKENIZE_BATCH_DIM_TEXTS, VLT_TOKENIZE_BATCH_DIM_BYTES /* of all texts */ };

/* constants of the problem: vlt_bpe_encode_constants */

typedef struct vlt_tokenize_batch_args {
    const char *const *text;
    const size_t *text_bytes;
    int64_t text_count;
    bool no_special;
    int32_t *ids;     /* all lists one behind the other; room for the sum of the bounds */
    size_t *id_first; /* [text_count + 1]: list t is ids[id_first[t] .. id_first[t+1]) */
} vlt_tokenize_batch_args;

extern const vlt_op vlt_op_tokenize_batch;

#endif
