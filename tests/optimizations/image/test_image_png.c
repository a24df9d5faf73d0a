/* PNGs that claim more than they hold, and texts and profiles that expand. What the references do
 * with each was seen with torchvision 0.29.2, Pillow 13.0.0 and 12.3.0. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/image_files.h"
#include "tests/support/variants.h"

enum { MIB = 1 << 20, REFERENCES = 3 };

static vlt_status decode_as(test_context *test, const test_bytes *png, int manner, vlt_error *err)
{
    const vlt_image_options options = {.manner = (vlt_image_manner)manner};
    vlt_image image;
    vlt_status status = vlt_image_decode(&test->context, png->data, png->bytes, "a.png", &options,
                                         &image, err);
    cr_assert(status == VLT_OK ? image.rgb != NULL : image.rgb == NULL);
    vlt_image_release(&image);
    return status;
}

/* A header, `runs` of one value as pixel data, an end. */
static void make_claim(test_bytes *png, uint32_t w, uint32_t h, int depth, int colour,
                       int interlace, size_t run)
{
    test_bytes packed = {0};
    test_png_begin(png, w, h, depth, colour, interlace);
    if (colour == 3) {
        test_png_chunk(png, "PLTE", "abc", 3);
    }
    test_zlib_run(&packed, 0, run);
    test_png_chunk(png, "IDAT", packed.data, packed.bytes);
    test_png_chunk(png, "IEND", NULL, 0);
    test_bytes_release(&packed);
}

/* Data of a few hundred bytes for pixels of many megabytes: both sizes named, nothing allocated. */
Test(image_png, claims_beyond_the_data_cost_nothing)
{
    static const struct {
        uint32_t w, h;
        int depth, colour;
    } claims[] = {{100000, 1700, 8, 2}, {13000, 13000, 8, 6}, {13000, 13000, 16, 6},
                  {13000, 13000, 8, 3}, {13000, 13000, 1, 0}, {13000, 13000, 16, 4},
                  {1, 1000000, 8, 2},   {1000000, 1, 8, 2}};
    test_context test;
    test_bytes png = {0};
    test_context_init(&test);
    make_claim(&png, 8, 8, 8, 2, 0, 8 * 25);
    for (int manner = 0; manner < REFERENCES; manner++) {
        cr_assert_eq(decode_as(&test, &png, manner, NULL), VLT_OK);
    }
    long before = test_peak_kib();
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        for (int interlace = 0; interlace < 2; interlace++) {
            vlt_error err = {0};
            char size[32];
            snprintf(size, sizeof size, "%ux%u", claims[i].w, claims[i].h);
            make_claim(&png, claims[i].w, claims[i].h, claims[i].depth, claims[i].colour, interlace,
                       3000);
            cr_assert_eq(decode_as(&test, &png, (int)i % REFERENCES, &err), VLT_STATUS_INPUT);
            cr_assert(strstr(err.message, "a.png: ") == err.message && strstr(err.message, size) &&
                          strstr(err.message, "hold at most"),
                      "%s", err.message);
        }
    }
    cr_assert(test_grew_below(before, 8));
    test_bytes_release(&png);
    test_context_release(&test);
}

/* Nearly nothing but runs: as far as deflate goes, and accepted; a row less is missing data. */
Test(image_png, what_deflate_can_hold_is_accepted)
{
    static const struct {
        uint32_t w, h;
        int depth, colour, interlace;
        size_t bytes;
    } images[] = {
        {40000, 400, 1, 0, 0, 5001 * 400},
        {3000, 500, 8, 2, 0, 9001 * 500},
        {1024, 1024, 8, 6, 0, 4097 * 1024},
        /* the seven passes of 1024 x 1024: rows of 128, 128, 256, 256, 512, 512, 1024 */
        {1024, 1024, 8, 0, 1,
         129 * 128 + 129 * 128 + 257 * 128 + 257 * 256 + 513 * 256 + 513 * 512 + 1025 * 512}};
    test_context test;
    test_bytes png = {0};
    test_context_init(&test);
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        vlt_error err = {0};
        make_claim(&png, images[i].w, images[i].h, images[i].depth, images[i].colour,
                   images[i].interlace, images[i].bytes);
        cr_assert_lt(png.bytes, images[i].bytes / 500);
        for (int manner = 0; manner < REFERENCES; manner++) {
            cr_assert_eq(decode_as(&test, &png, manner, &err), VLT_OK, "%s", err.message);
        }
        make_claim(&png, images[i].w, images[i].h, images[i].depth, images[i].colour,
                   images[i].interlace, images[i].bytes - 600);
        cr_assert_eq(decode_as(&test, &png, 0, &err), VLT_STATUS_INPUT, "%zu", i);
    }
    test_bytes_release(&png);
    test_context_release(&test);
}

/* A small picture with a chunk before or behind its pixels. */
static void make_with(test_bytes *png, const char *type, const test_bytes *chunk, bool behind,
                      int times)
{
    test_png_begin(png, TEST_BLOCKS_W, TEST_BLOCKS_H, 8, 2, 0);
    for (int i = 0; i < times && !behind; i++) {
        test_png_chunk(png, type, chunk->data, chunk->bytes);
    }
    test_blocks_png_pixels(png);
    for (int i = 0; i < times && behind; i++) {
        test_png_chunk(png, type, chunk->data, chunk->bytes);
    }
    test_png_chunk(png, "IEND", NULL, 0);
}

static const struct {
    const char *type, *head;
    size_t head_bytes;
} packed_kinds[] = {
    {"zTXt", "Comment\0\0", 9}, {"iTXt", "Comment\0\1\0en\0k\0", 15}, {"iCCP", "profile\0\0", 9}};

enum { PACKED_KINDS = sizeof packed_kinds / sizeof *packed_kinds };

static void make_packed(test_bytes *chunk, int kind, size_t bytes)
{
    chunk->bytes = 0;
    test_bytes_add(chunk, packed_kinds[kind].head, packed_kinds[kind].head_bytes);
    test_zlib_run(chunk, 'a', bytes);
}

static void expect(test_context *test, const test_bytes *png, const char *refused, const char *what)
{
    for (int manner = 0; manner < REFERENCES; manner++) {
        vlt_error err = {0};
        vlt_status status = decode_as(test, png, manner, &err);
        if (manner == VLT_IMAGE_AS_TORCH || !refused) {
            cr_assert_eq(status, VLT_OK, "%s, reference %d: %s", what, manner, err.message);
        } else {
            cr_assert(status == VLT_STATUS_INPUT && strstr(err.message, "a.png: ") == err.message &&
                          strstr(err.message, refused),
                      "%s, reference %d: %s", what, manner, err.message);
        }
    }
}

/* torch skips them; Pillow inflates a mebibyte of each and refuses what is longer, before and
 * behind the pixels. */
Test(image_png, texts_and_profiles_that_expand)
{
    static const size_t sizes[] = {10, MIB - 1, MIB, MIB + 1, 70000000};
    test_context test;
    test_bytes chunk = {0}, png = {0};
    test_context_init(&test);
    long before = test_peak_kib();
    for (int kind = 0; kind < PACKED_KINDS; kind++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            char what[64];
            snprintf(what, sizeof what, "%s of %zu", packed_kinds[kind].type, sizes[i]);
            make_packed(&chunk, kind, sizes[i]);
            for (int behind = 0; behind < 2; behind++) {
                make_with(&png, packed_kinds[kind].type, &chunk, behind, 1);
                expect(&test, &png, sizes[i] > MIB ? packed_kinds[kind].type : NULL, what);
            }
        }
    }
    cr_assert(test_grew_below(before, 16));
    test_bytes_release(&chunk);
    test_bytes_release(&png);
    test_context_release(&test);
}

/* An unknown method is refused (of iTXt skipped); a broken stream counts as empty, a cut one as
 * what it has. */
Test(image_png, texts_that_are_broken)
{
    static const char *const refused[] = {"compression method 1", NULL, "compression method 1"};
    test_context test;
    test_bytes chunk = {0}, png = {0};
    test_context_init(&test);
    for (int kind = 0; kind < PACKED_KINDS; kind++) {
        size_t method = packed_kinds[kind].head_bytes - (kind == 1 ? 6 : 1);
        make_packed(&chunk, kind, 5 * MIB);
        chunk.data[method] = 1;
        make_with(&png, packed_kinds[kind].type, &chunk, false, 1);
        expect(&test, &png, refused[kind], "method 1");
        make_packed(&chunk, kind, 5 * MIB);
        memset(chunk.data + packed_kinds[kind].head_bytes + 30, 0xFF, 50);
        make_with(&png, packed_kinds[kind].type, &chunk, true, 1);
        expect(&test, &png, NULL, "broken");
        make_packed(&chunk, kind, 5 * MIB);
        chunk.bytes = packed_kinds[kind].head_bytes + 500;
        make_with(&png, packed_kinds[kind].type, &chunk, false, 1);
        expect(&test, &png, NULL, "cut");
        chunk.bytes = 3;
        make_with(&png, packed_kinds[kind].type, &chunk, false, 1);
        expect(&test, &png, kind == 2 ? "iCCP" : NULL, "without a name");
    }
    test_bytes_release(&chunk);
    test_bytes_release(&png);
    test_context_release(&test);
}

/* 64 MiB of characters in all; profiles are not counted, but not inflated for ever either. */
Test(image_png, texts_that_add_up, .timeout = 60)
{
    test_context test;
    test_bytes chunk = {0}, png = {0};
    test_context_init(&test);
    make_packed(&chunk, 0, MIB);
    make_with(&png, "zTXt", &chunk, false, 64);
    expect(&test, &png, NULL, "64 MiB");
    make_with(&png, "zTXt", &chunk, true, 65);
    expect(&test, &png, "more than 67108864 characters", "65 MiB");
    make_packed(&chunk, 2, MIB);
    make_with(&png, "iCCP", &chunk, false, 70);
    expect(&test, &png, NULL, "70 profiles");
    make_with(&png, "iCCP", &chunk, false, 200);
    cr_assert_eq(decode_as(&test, &png, VLT_IMAGE_AS_TORCH, NULL), VLT_OK);
    cr_assert_eq(decode_as(&test, &png, VLT_IMAGE_AS_PILLOW, NULL), VLT_STATUS_LIMIT);
    test_bytes_release(&chunk);
    test_bytes_release(&png);
    test_context_release(&test);
}

/* Pillow wants right checksums before the pixels and whole chunks behind them, torch neither. */
Test(image_png, chunks_that_are_damaged)
{
    test_context test;
    test_bytes chunk = {0}, png = {0};
    test_context_init(&test);
    test_bytes_add(&chunk, "key\0some text", 13);
    for (int behind = 0; behind < 2; behind++) {
        make_with(&png, "tEXt", &chunk, behind, 1);
        uint8_t *text = memmem(png.data, png.bytes, "some text", 9);
        text[0] ^= 1;
        expect(&test, &png, behind ? NULL : "tEXt: wrong checksum", "checksum");
    }
    make_with(&png, "tEXt", &chunk, true, 1);
    png.bytes -= 12 + 4 + 2;
    expect(&test, &png, "tEXt of 13 bytes ends after 11", "cut");
    png.bytes -= 11 + 4;
    expect(&test, &png, NULL, "cut between chunks");
    test_bytes_release(&chunk);
    test_bytes_release(&png);
    test_context_release(&test);
}
