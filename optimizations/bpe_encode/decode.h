/* decode.h: token ids -> text, at once or token by token.
 *
 * The bytes of all tokens are joined; a maximal invalid subpart of UTF-8 becomes one U+FFFD, as
 * Python's errors="replace" has it. An id without a token gives nothing and does not interrupt a
 * sequence. skip_special leaves out the added tokens marked special, the others stay as text.
 * Source: harness/model/README.md#decoding.
 */
#ifndef VLT_DECODE_H
#define VLT_DECODE_H

#include "optimizations/bpe_encode/vocab.h"

/* *out is malloc'ed valid UTF-8 with a NUL behind, *out_bytes its length. Fails for memory only. */
vlt_status vlt_decode(const vlt_vocab *vocab, const int32_t *ids, size_t id_count,
                      bool skip_special, char **out, size_t *out_bytes, vlt_error *err);

/* The streaming decoder hands out text as early as it is certain: never half a character (at most
 * 3 bytes are held back for that) and never the beginning of a stop string (at most the longest
 * stop less one byte). The pieces joined equal vlt_decode of the ids, cut before the first stop
 * string: the one that is complete first, the longest of those that end there. Where pushes fall
 * makes no difference. No allocation after create. One thread at a time. */
typedef struct vlt_stream_decoder vlt_stream_decoder;

/* stops: [stop_count] NUL-terminated, copied; empty ones are ignored; USAGE for one that is no
 * valid UTF-8. vocab is borrowed. */
vlt_status vlt_stream_decoder_create(const vlt_vocab *vocab, bool skip_special,
                                     const char *const *stops, int stop_count,
                                     vlt_stream_decoder **out, vlt_error *err);
void vlt_stream_decoder_destroy(vlt_stream_decoder *decoder); /* NULL is fine */

/* Back to the state after create, for the next answer. */
void vlt_stream_decoder_reset(vlt_stream_decoder *decoder);

/* Takes one id; *text[*bytes] is what may be shown now (perhaps nothing), with a NUL behind, valid
 * until the next call. True when a stop string is complete: the text ends before it, and every
 * later push gives nothing. */
bool vlt_stream_decoder_push(vlt_stream_decoder *decoder, int32_t id, const char **text,
                             size_t *bytes);

/* The end of the answer: what was held back; an unfinished character becomes U+FFFD. */
void vlt_stream_decoder_finish(vlt_stream_decoder *decoder, const char **text, size_t *bytes);

#endif
