/* tests/reference/exif_cases.tsv: odd EXIF, XMP and texts, and what the references made of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/data.h"
#include "tests/support/image_files.h"
#include "tests/support/variants.h"

enum { NAME, CARRIER, PARTS, FIRST_ANSWER, COLUMNS = FIRST_ANSWER + 3 };

/* One part of a file: where it goes, what it is called, its bytes. */
struct part {
    char place[8], tag[5];
    uint8_t data[4096];
    size_t bytes;
};

/* "PLACE:TAG:HEX" -> part; moves behind the comma. False at the end. */
static bool next_part(const char **text, struct part *part)
{
    int used = 0;
    if (!**text) {
        return false;
    }
    cr_assert_eq(sscanf(*text, "%7[a-z]:%4[^:]:%n", part->place, part->tag, &used), 2, "%s", *text);
    const char *hex = *text + used;
    unsigned byte;
    for (part->bytes = 0; *hex && *hex != ','; hex += 2) {
        cr_assert(part->bytes < sizeof part->data && sscanf(hex, "%2x", &byte) == 1);
        part->data[part->bytes++] = (uint8_t)byte;
    }
    *text = *hex ? hex + 1 : hex;
    return true;
}

static void make_jpeg(const char *parts, test_bytes *file)
{
    struct part part;
    size_t at = 2;
    test_blocks_jpeg(file);
    while (next_part(&parts, &part)) {
        uint8_t head[4] = {0xFF, (uint8_t)(0xE0 + part.tag[3] - '0'),
                           (uint8_t)((part.bytes + 2) >> 8), (uint8_t)(part.bytes + 2)};
        test_bytes_put(file, at, part.data, part.bytes);
        test_bytes_put(file, at, head, sizeof head);
        at += sizeof head + part.bytes;
    }
}

static void make_png(const char *parts, test_bytes *file)
{
    struct part part;
    test_png_begin(file, TEST_BLOCKS_W, TEST_BLOCKS_H, 8, 2, 0);
    for (int behind = 0; behind < 2; behind++) {
        for (const char *rest = parts; next_part(&rest, &part);) {
            if (behind == !strcmp(part.place, "after")) {
                test_png_chunk(file, part.tag, part.data, part.bytes);
            }
        }
        if (!behind) {
            test_blocks_png_pixels(file);
        }
    }
    test_png_chunk(file, "IEND", NULL, 0);
}

static void add_riff(test_bytes *file, const char *tag, const void *data, size_t bytes)
{
    uint8_t size[4] = {(uint8_t)bytes, (uint8_t)(bytes >> 8), (uint8_t)(bytes >> 16), 0};
    test_bytes_add(file, tag, 4);
    test_bytes_add(file, size, sizeof size);
    test_bytes_add(file, data, bytes);
    test_bytes_add(file, "", bytes & 1);
}

static void make_webp(const char *parts, test_bytes *file)
{
    struct part part;
    test_bytes extended = {0};
    test_blocks_webp(file);
    cr_assert(next_part(&parts, &part) && !strcmp(part.tag, "FLAG"));
    uint8_t header[10] = {part.data[0], 0, 0, 0, TEST_BLOCKS_W - 1, 0, 0, TEST_BLOCKS_H - 1, 0, 0};
    add_riff(&extended, "VP8X", header, sizeof header);
    test_bytes_put(file, 12, extended.data, extended.bytes);
    while (next_part(&parts, &part)) {
        add_riff(file, part.tag, part.data, part.bytes);
    }
    uint32_t riff = (uint32_t)file->bytes - 8;
    uint8_t size[4] = {(uint8_t)riff, (uint8_t)(riff >> 8), (uint8_t)(riff >> 16), 0};
    memcpy(file->data + 4, size, sizeof size);
    test_bytes_release(&extended);
}

static void check(test_context *test, char **column, const test_bytes *file)
{
    static const char *const expected[] = {"",       "012345", "210543", "543210", "345012",
                                           "031425", "304152", "524130", "251403"};
    for (int i = 0; i < 3; i++) {
        const vlt_image_options options = {.manner = (vlt_image_manner)i};
        const char *answer = column[FIRST_ANSWER + i];
        char blocks[7];
        vlt_image image;
        vlt_error err = {0};
        vlt_status status = vlt_image_decode(&test->context, file->data, file->bytes, column[NAME],
                                             &options, &image, &err);
        if (!strcmp(answer, "refused")) {
            cr_assert_eq(status, VLT_STATUS_INPUT, "%s %s %d: accepted", column[CARRIER],
                         column[NAME], i);
            cr_assert(strstr(err.message, column[NAME]) == err.message &&
                          strstr(err.message, "Pillow"),
                      "%s", err.message);
            continue;
        }
        cr_assert_eq(status, VLT_OK, "%s: %s", column[CARRIER], err.message);
        cr_assert_str_eq(test_blocks_of(&image, blocks), expected[atoi(answer)],
                         "%s %s, reference %d: expected orientation %s", column[CARRIER],
                         column[NAME], i, answer);
        vlt_image_release(&image);
        if (file->data[0] == 'R' && i == VLT_IMAGE_AS_TORCH) {
            continue;
        }
        const vlt_image_options off = {.manner = (vlt_image_manner)i, .exif = VLT_IMAGE_EXIF_OFF};
        cr_assert_eq(
            vlt_image_decode(&test->context, file->data, file->bytes, NULL, &off, &image, &err),
            VLT_OK, "%s", err.message);
        cr_assert_str_eq(test_blocks_of(&image, blocks), expected[1]);
        vlt_image_release(&image);
    }
}

Test(image_exif, is_read_as_each_reference_reads_it, .timeout = 120)
{
    test_context test;
    test_bytes file = {0};
    int rows = 0;
    char *line = NULL, *column[COLUMNS];
    size_t room = 0;
    test_context_init(&test);
    FILE *table = fopen(test_source("tests/reference/exif_cases.tsv"), "r");
    cr_assert_not_null(table);
    while (getline(&line, &room, table) > 0) {
        char *rest = line;
        for (int i = 0; i < COLUMNS; i++) {
            column[i] = strsep(&rest, "\t\n");
            cr_assert_not_null(column[i], "row %d", rows);
        }
        if (rows++) {
            (!strcmp(column[CARRIER], "jpeg")  ? make_jpeg
             : !strcmp(column[CARRIER], "png") ? make_png
                                               : make_webp)(column[PARTS], &file);
            check(&test, column, &file);
        }
    }
    cr_assert_gt(rows, 500);
    free(line);
    fclose(table);
    test_bytes_release(&file);
    test_context_release(&test);
}
