#include "optimizations/bpe_encode/decode.h"

#include <stdlib.h>
#include <string.h>

#include "optimizations/bpe_encode/utf8.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/utf8_text.h"

static const uint8_t replacement[] = {0xEF, 0xBF, 0xBD};

/* Copies text[bytes] to out with a U+FFFD for every maximal invalid subpart. When `more` may
 * follow, an unfinished sequence at the end is left; *taken is what was read. Gives the bytes
 * written, at most 3 a byte. */
static size_t put_clean(const uint8_t *text, size_t bytes, bool more, uint8_t *out, size_t *taken)
{
    size_t used = 0, at = 0;
    while (at < bytes) {
        bool complete;
        size_t length = vlt_utf8_span(text + at, bytes - at, &complete);
        if (!complete && more && at + length == bytes && vlt_utf8_expected(text[at]) > length) {
            break;
        }
        memcpy(out + used, complete ? text + at : replacement, complete ? length : 3);
        used += complete ? length : 3;
        at += length;
    }
    *taken = at;
    return used;
}

static vlt_token_text shown_token(const vlt_vocab *vocab, int32_t id, bool skip_special)
{
    if (skip_special && vlt_vocab_is_special(vocab, id)) {
        return (vlt_token_text){0};
    }
    return vlt_vocab_token(vocab, id);
}

vlt_status vlt_decode(const vlt_vocab *vocab, const int32_t *ids, size_t id_count,
                      bool skip_special, char **out, size_t *out_bytes, vlt_error *err)
{
    size_t raw_bytes = 0, room, taken;
    uint8_t *raw = NULL;
    *out = NULL;
    *out_bytes = 0;
    for (size_t i = 0; i < id_count; i++) {
        if (!vlt_add_size(raw_bytes, shown_token(vocab, ids[i], skip_special).length, &raw_bytes)) {
            return vlt_fail(err, VLT_STATUS_LIMIT, "text of %zu ids: beyond the address space",
                            id_count);
        }
    }
    /* The raw bytes lie behind the room for the worst text. */
    if (!vlt_mul_size(raw_bytes, 4, &room) || !(raw = malloc(room + 1))) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "text of %zu bytes: out of memory", raw_bytes);
    }
    uint8_t *from = raw + 3 * raw_bytes + 1;
    for (size_t i = 0, used = 0; i < id_count; i++) {
        vlt_token_text token = shown_token(vocab, ids[i], skip_special);
        if (token.length) {
            memcpy(from + used, token.bytes, token.length);
            used += token.length;
        }
    }
    *out_bytes = put_clean(from, raw_bytes, false, raw, &taken);
    raw[*out_bytes] = '\0';
    *out = (char *)raw;
    return VLT_OK;
}

enum { PENDING_MAX = 3 }; /* bytes of an unfinished character */

struct vlt_stream_decoder {
    const vlt_vocab *vocab;
    bool skip_special;
    bool stopped;
    char *stops; /* [stop_count] NUL-terminated, one behind the other */
    int stop_count;
    size_t longest_token;
    uint8_t *pending; /* an unfinished character, then the new token's bytes */
    size_t pending_bytes;
    uint8_t *held; /* clean text not handed out: may begin a stop string */
    size_t held_bytes;
    size_t shown_bytes; /* of held[], handed out by the last call */
    uint8_t under;      /* the byte that the last call's NUL lies on */
};

vlt_status vlt_stream_decoder_create(const vlt_vocab *vocab, bool skip_special,
                                     const char *const *stops, int stop_count,
                                     vlt_stream_decoder **out, vlt_error *err)
{
    size_t stop_bytes = 0, longest_stop = 0;
    *out = NULL;
    vlt_stream_decoder *d = calloc(1, sizeof *d);
    if (!d) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "streaming decoder: out of memory");
    }
    d->vocab = vocab;
    d->skip_special = skip_special;
    for (int i = 0; i < stop_count; i++) {
        size_t length = strlen(stops[i]);
        if (!vlt_utf8_valid(stops[i], length)) {
            vlt_stream_decoder_destroy(d);
            return vlt_fail(err, VLT_STATUS_USAGE,
                            "stop string '%s' is no valid UTF-8: text never holds it",
                            vlt_quoted(stops[i], length).text);
        }
        stop_bytes += length + 1;
        longest_stop = length > longest_stop ? length : longest_stop;
    }
    for (int32_t id = 0; id < vlt_vocab_size(vocab); id++) {
        uint32_t length = vlt_vocab_token(vocab, id).length;
        d->longest_token = length > d->longest_token ? length : d->longest_token;
    }
    d->stops = malloc(stop_bytes + 1);
    d->pending = malloc(PENDING_MAX + d->longest_token + 1);
    d->held = malloc(longest_stop + 3 * (PENDING_MAX + d->longest_token) + 1);
    if (!d->stops || !d->pending || !d->held) {
        vlt_stream_decoder_destroy(d);
        return vlt_fail(err, VLT_STATUS_NOMEM, "streaming decoder: out of memory");
    }
    for (int i = 0; i < stop_count; i++) {
        size_t length = strlen(stops[i]);
        if (length > 0) {
            size_t at = 0;
            for (int k = 0; k < d->stop_count; k++) {
                at += strlen(d->stops + at) + 1;
            }
            memcpy(d->stops + at, stops[i], length + 1);
            d->stop_count++;
        }
    }
    *out = d;
    return VLT_OK;
}

void vlt_stream_decoder_destroy(vlt_stream_decoder *decoder)
{
    if (decoder) {
        free(decoder->stops);
        free(decoder->pending);
        free(decoder->held);
        free(decoder);
    }
}

void vlt_stream_decoder_reset(vlt_stream_decoder *decoder)
{
    decoder->stopped = false;
    decoder->pending_bytes = decoder->held_bytes = decoder->shown_bytes = 0;
}

/* Takes back the NUL of the last call and drops what it handed out. */
static void drop_shown(vlt_stream_decoder *d)
{
    if (d->shown_bytes) {
        d->held[d->shown_bytes] = d->under;
        d->held_bytes -= d->shown_bytes;
        memmove(d->held, d->held + d->shown_bytes, d->held_bytes);
        d->shown_bytes = 0;
    }
}

static void show(vlt_stream_decoder *d, size_t bytes, const char **text, size_t *text_bytes)
{
    d->shown_bytes = bytes;
    *text = "";
    *text_bytes = bytes;
    if (bytes) {
        d->under = d->held[bytes];
        d->held[bytes] = '\0';
        *text = (const char *)d->held;
    }
}

/* Length of the longest stop string that ends at held[end], or 0. */
static size_t stop_ending_at(const vlt_stream_decoder *d, size_t end)
{
    size_t longest = 0, at = 0;
    for (int i = 0; i < d->stop_count; i++) {
        size_t length = strlen(d->stops + at);
        if (length <= end && length > longest &&
            memcmp(d->held + end - length, d->stops + at, length) == 0) {
            longest = length;
        }
        at += length + 1;
    }
    return longest;
}

/* Length of the longest end of held[] that begins a stop string. */
static size_t begun_stop(const vlt_stream_decoder *d)
{
    size_t longest = 0, at = 0;
    for (int i = 0; i < d->stop_count; i++) {
        size_t length = strlen(d->stops + at);
        for (size_t n = length - 1; n > longest; n--) {
            if (n <= d->held_bytes && memcmp(d->held + d->held_bytes - n, d->stops + at, n) == 0) {
                longest = n;
            }
        }
        at += length + 1;
    }
    return longest;
}

/* Moves pending bytes to held[]; true when a stop string is complete, then held[] ends before it.
 */
static bool take_pending(vlt_stream_decoder *d, bool more)
{
    size_t taken, before = d->held_bytes;
    d->held_bytes += put_clean(d->pending, d->pending_bytes, more, d->held + before, &taken);
    d->pending_bytes -= taken;
    memmove(d->pending, d->pending + taken, d->pending_bytes);
    for (size_t end = before + 1; d->stop_count && end <= d->held_bytes; end++) {
        size_t length = stop_ending_at(d, end);
        if (length) {
            d->held_bytes = end - length;
            d->stopped = true;
            return true;
        }
    }
    return false;
}

bool vlt_stream_decoder_push(vlt_stream_decoder *decoder, int32_t id, const char **text,
                             size_t *bytes)
{
    drop_shown(decoder);
    if (decoder->stopped) {
        show(decoder, 0, text, bytes);
        return true;
    }
    vlt_token_text token = shown_token(decoder->vocab, id, decoder->skip_special);
    if (token.length) {
        memcpy(decoder->pending + decoder->pending_bytes, token.bytes, token.length);
        decoder->pending_bytes += token.length;
    }
    bool stopped = take_pending(decoder, true);
    show(decoder, decoder->held_bytes - (stopped ? 0 : begun_stop(decoder)), text, bytes);
    return stopped;
}

void vlt_stream_decoder_finish(vlt_stream_decoder *decoder, const char **text, size_t *bytes)
{
    drop_shown(decoder);
    if (!decoder->stopped) {
        take_pending(decoder, false);
    }
    decoder->pending_bytes = 0;
    decoder->stopped = true;
    show(decoder, decoder->held_bytes, text, bytes);
}
