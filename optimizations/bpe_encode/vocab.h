/* vocab.h: the vocabulary of a byte-level BPE as the encoders need it.
 *
 * harness/model reads tokenizer.json (or vocab.json + merges.txt) and builds one; it is immutable
 * afterwards and may be shared by any number of threads. Strings are raw bytes: the byte alphabet
 * of the files is undone at load. Source: harness/model/README.md#byte-alphabet and #merges.
 */
#ifndef VLT_VOCAB_H
#define VLT_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/memory_policy.h"

typedef struct vlt_token_text {
    const uint8_t *bytes; /* NULL where an id has no token */
    uint32_t length;
} vlt_token_text;

typedef struct vlt_added_token {
    const char *text;
    uint32_t length;
    int32_t id;
    bool special; /* left out by skip-special decoding */
} vlt_added_token;

typedef struct vlt_merge {
    int32_t left, right, result; /* ids; rank is the index */
} vlt_merge;

typedef struct vlt_vocab vlt_vocab;

/* What a reader hands over; everything is copied. */
typedef struct vlt_vocab_source {
    const vlt_token_text *token; /* [token_count], base tokens by id */
    int32_t token_count;
    const vlt_merge *merge;
    int32_t merge_count;
    const vlt_added_token *added;
    int32_t added_count;
} vlt_vocab_source;

/* INPUT names a merge whose parts or result are no tokens, a byte without a token, ids that clash.
 */
vlt_status vlt_vocab_create(const vlt_vocab_source *source, vlt_vocab **out, vlt_error *err);
void vlt_vocab_destroy(vlt_vocab *vocab);

/* Its large tables as the policy wants them, where that is without large pages; before anybody else
 * reads it. NOMEM: then they are as they were. */
vlt_status vlt_vocab_follow(vlt_vocab *vocab, const vlt_memory_policy *policy, vlt_error *err);

int32_t vlt_vocab_size(const vlt_vocab *vocab); /* highest id + 1, added tokens included */
vlt_token_text vlt_vocab_token(const vlt_vocab *vocab, int32_t id); /* added tokens too */
bool vlt_vocab_is_special(const vlt_vocab *vocab, int32_t id);
bool vlt_vocab_is_added(const vlt_vocab *vocab, int32_t id);
int32_t vlt_vocab_find_added(const vlt_vocab *vocab, const char *text, size_t length); /* or -1 */

#endif
