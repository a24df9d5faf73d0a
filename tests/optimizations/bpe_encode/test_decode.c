/* Decoding token by token equals decoding at once, wherever the cuts fall. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/bpe_encode/bpe_sample.h"
#include "optimizations/bpe_encode/decode.h"
#include "optimizations/core/random.h"

static vlt_bpe_sample sample;

static void setup(void)
{
    cr_assert_eq(vlt_bpe_sample_init(3, &sample, NULL), VLT_OK);
}

static void teardown(void)
{
    vlt_bpe_sample_release(&sample);
}

TestSuite(decode, .init = setup, .fini = teardown);

/* Streams ids; gives the joined text. */
static char *stream(const int32_t *ids, size_t count, const char *const *stops, int stop_count,
                    size_t *bytes, bool *stopped)
{
    vlt_stream_decoder *decoder;
    const char *piece;
    size_t piece_bytes, room = 64 * (count + 1);
    char *text = malloc(room);
    cr_assert_eq(vlt_stream_decoder_create(sample.vocab, false, stops, stop_count, &decoder, NULL),
                 VLT_OK);
    *bytes = 0;
    *stopped = false;
    for (size_t i = 0; i <= count; i++) {
        if (i < count) {
            *stopped = vlt_stream_decoder_push(decoder, ids[i], &piece, &piece_bytes);
        } else {
            vlt_stream_decoder_finish(decoder, &piece, &piece_bytes);
        }
        cr_assert_leq(*bytes + piece_bytes, room);
        cr_assert_eq(strlen(piece) <= piece_bytes, true);
        memcpy(text + *bytes, piece, piece_bytes);
        *bytes += piece_bytes;
    }
    vlt_stream_decoder_destroy(decoder);
    return text;
}

Test(decode, stream_equals_whole)
{
    vlt_random random = {11};
    for (int round = 0; round < 400; round++) {
        int32_t ids[64];
        size_t count = (size_t)vlt_random_range(&random, 0, 64), whole_bytes, bytes;
        bool stopped;
        char *whole, *streamed;
        for (size_t i = 0; i < count; i++) {
            /* Single bytes of long sequences, whole tokens, ids without a token. */
            int64_t kind = vlt_random_range(&random, 0, 2);
            ids[i] = (int32_t)(kind == 0   ? vlt_random_range(&random, 0x80, 0xFF)
                               : kind == 1 ? vlt_random_range(&random, 0, 400)
                                           : vlt_random_range(&random, -2, 60000));
        }
        cr_assert_eq(vlt_decode(sample.vocab, ids, count, false, &whole, &whole_bytes, NULL),
                     VLT_OK);
        streamed = stream(ids, count, NULL, 0, &bytes, &stopped);
        cr_assert(bytes == whole_bytes && memcmp(whole, streamed, bytes) == 0, "round %d", round);
        free(whole);
        free(streamed);
    }
}

static void check_stop(const char *text, const char *const *stops, int stop_count,
                       const char *expected)
{
    int32_t ids[128];
    size_t count = strlen(text), bytes;
    bool stopped;
    for (size_t i = 0; i < count; i++) {
        ids[i] = (uint8_t)text[i];
    }
    char *got = stream(ids, count, stops, stop_count, &bytes, &stopped);
    cr_assert(bytes == strlen(expected) && memcmp(got, expected, bytes) == 0,
              "'%s' gave %zu bytes, expected '%s'", text, bytes, expected);
    cr_assert_eq(stopped, strlen(expected) < strlen(text), "'%s'", text);
    free(got);
}

Test(decode, stops)
{
    check_stop("hello world", (const char *[]){"wor"}, 1, "hello ");
    check_stop("hello world", (const char *[]){"xyz", ""}, 2, "hello world");
    check_stop("aaab", (const char *[]){"aab"}, 1, "a");
    check_stop("ababac", (const char *[]){"abac"}, 1, "ab");
    /* The stop that is complete first wins, of those that end together the longest. */
    check_stop("abcd", (const char *[]){"abcd", "bc"}, 2, "a");
    check_stop("abcd", (const char *[]){"c", "bc"}, 2, "a");
    check_stop("xyz", (const char *[]){"xyz"}, 1, "");
}

Test(decode, a_begun_stop_is_held_and_then_shown)
{
    vlt_stream_decoder *decoder;
    const char *text;
    size_t bytes;
    const char *stops[] = {"END"};
    cr_assert_eq(vlt_stream_decoder_create(sample.vocab, false, stops, 1, &decoder, NULL), VLT_OK);
    cr_assert_not(vlt_stream_decoder_push(decoder, 'E', &text, &bytes));
    cr_assert_eq(bytes, 0);
    cr_assert_not(vlt_stream_decoder_push(decoder, 'N', &text, &bytes));
    cr_assert_eq(bytes, 0);
    cr_assert_not(vlt_stream_decoder_push(decoder, 'E', &text, &bytes));
    cr_assert_str_eq(text, "EN");
    vlt_stream_decoder_finish(decoder, &text, &bytes);
    cr_assert_str_eq(text, "E");
    vlt_stream_decoder_reset(decoder);
    cr_assert_not(vlt_stream_decoder_push(decoder, 0xE2, &text, &bytes));
    cr_assert_eq(bytes, 0);
    cr_assert_not(vlt_stream_decoder_push(decoder, 0x82, &text, &bytes));
    cr_assert_eq(bytes, 0);
    cr_assert_not(vlt_stream_decoder_push(decoder, 0xAC, &text, &bytes));
    cr_assert_str_eq(text, "\u20AC");
    cr_assert_not(vlt_stream_decoder_push(decoder, 0xF0, &text, &bytes));
    cr_assert_eq(bytes, 0);
    cr_assert_not(vlt_stream_decoder_push(decoder, 'a', &text, &bytes));
    cr_assert_str_eq(text, "\uFFFDa");
    vlt_stream_decoder_destroy(decoder);
}
