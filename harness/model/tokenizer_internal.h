/* tokenizer_internal.h: what the two kinds of tokenizer files have in common. */
#ifndef VLT_TOKENIZER_INTERNAL_H
#define VLT_TOKENIZER_INTERNAL_H

#include "harness/json/tree.h"
#include "optimizations/bpe_encode/vocab.h"

/* Collects tokens, merges and added tokens, then becomes a vocabulary. */
typedef struct vlt_tokenizer_build {
    const char *name;      /* of the file, for messages */
    vlt_token_text *token; /* [token_max] by id */
    int32_t token_count;   /* highest id + 1 */
    uint8_t *bytes;        /* raw bytes of all tokens */
    size_t bytes_used;
    int32_t *slot; /* [slot_mask + 1] id + 1 by hash of the token's bytes */
    uint32_t slot_mask;
    vlt_merge *merge;
    int32_t merge_count, merge_max;
    vlt_added_token *added;
    int32_t added_count, added_max;
} vlt_tokenizer_build;

void vlt_tokenizer_build_release(vlt_tokenizer_build *build);

/* The object of byte-alphabet strings to ids. */
vlt_status vlt_tokenizer_build_vocab(vlt_tokenizer_build *build, const vlt_tree *vocab,
                                     vlt_error *err);

/* Room for this many merges. */
vlt_status vlt_tokenizer_build_merges(vlt_tokenizer_build *build, size_t count, vlt_error *err);

/* One merge of two byte-alphabet strings. */
vlt_status vlt_tokenizer_build_merge(vlt_tokenizer_build *build, const char *left,
                                     size_t left_bytes, const char *right, size_t right_bytes,
                                     vlt_error *err);

/* One added token as tokenizer.json and added_tokens_decoder describe it; text is borrowed. */
vlt_status vlt_tokenizer_build_added(vlt_tokenizer_build *build, const vlt_tree *token, int64_t id,
                                     vlt_error *err);

/* One by text and id alone: special as the published checkpoints have it. */
vlt_status vlt_tokenizer_build_named(vlt_tokenizer_build *build, const char *text, size_t bytes,
                                     int64_t id, vlt_error *err);

/* The 26 of the published checkpoints, behind the vocabulary. */
vlt_status vlt_tokenizer_build_published(vlt_tokenizer_build *build, vlt_error *err);

vlt_status vlt_tokenizer_build_finish(vlt_tokenizer_build *build, vlt_vocab **out, vlt_error *err);

#endif
