/* tokenizer.h: the tokenizer of a checkpoint, read from its files.
 *
 * tokenizer.json is read when it is there, else vocab.json + merges.txt with the added tokens of
 * tokenizer_config.json (added_tokens_decoder) or added_tokens.json. What is implemented is the
 * pipeline of Qwen (harness/model/README.md#pipeline): NFC, the published Split pattern, byte-level
 * BPE. A file that asks for anything else (another pattern, ignore_merges, an unknown token,
 * stripping added tokens) is refused and the message names what. Immutable after load: any number
 * of threads.
 */
#ifndef VLT_TOKENIZER_H
#define VLT_TOKENIZER_H

#include "optimizations/bpe_encode/bpe_encode.h"

typedef struct vlt_tokenizer vlt_tokenizer;

/* Reads the folder. IO, INPUT or LIMIT with the file's name; *out is NULL then. */
vlt_status vlt_tokenizer_load(const char *folder, vlt_tokenizer **out, vlt_error *err);
void vlt_tokenizer_destroy(vlt_tokenizer *tokenizer); /* NULL is fine */

/* As vlt_vocab_follow, before anybody else uses it. */
vlt_status vlt_tokenizer_follow(vlt_tokenizer *tokenizer, const vlt_memory_policy *policy,
                                vlt_error *err);

/* The same from texts in memory; `name` is how messages call it. added may be NULL: text of
 * tokenizer_config.json or added_tokens.json. Nothing is kept of the texts. */
vlt_status vlt_tokenizer_from_json(const char *text, size_t bytes, const char *name,
                                   vlt_tokenizer **out, vlt_error *err);
vlt_status vlt_tokenizer_from_merges(const char *vocab, size_t vocab_bytes, const char *merges,
                                     size_t merges_bytes, const char *added, size_t added_bytes,
                                     const char *name, vlt_tokenizer **out, vlt_error *err);

/* Borrowed; lives as long as the tokenizer. Its size (highest id + 1) must fit the embedding: that
 * is for the caller to check. */
const vlt_vocab *vlt_tokenizer_vocab(const vlt_tokenizer *tokenizer);

/* One text through a bpe_encode plan made for it; plain: stretches in which no added token counts,
 * or NULL. *ids is malloc'ed. For many texts keep a plan. */
vlt_status vlt_tokenizer_encode(const vlt_tokenizer *tokenizer, vlt_context *context,
                                const char *text, size_t bytes, const vlt_text_ranges *plain,
                                int32_t **ids, size_t *id_count, vlt_error *err);

#endif
