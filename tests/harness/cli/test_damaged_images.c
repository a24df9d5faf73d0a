/* Damage that is accepted, and files that are no images: every way in names the file. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/vltune.h"
#include "optimizations/core/memory.h"
#include "optimizations/jpeg_decode/jpeg_encode.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"
#include "tests/support/folder.h"
#include "tests/support/run_program.h"

static const char warning[] = "half a picture.jpg: JPEG data is missing from row ";

static void write_file(const char *name, const void *data, size_t bytes)
{
    FILE *file = fopen(test_folder_path(name), "wb");
    cr_assert(file && fwrite(data, 1, bytes, file) == bytes && fclose(file) == 0);
}

enum damage { ROWS_MISSING, BITS_SET, BYTES_ADDED, BYTES_BEHIND_INTERVALS };

/* Rows are missing before the end mark; or a stretch in the middle is all ones, which is no Huffman
 * code; or something stands between the picture and its end mark, with and without intervals that
 * threads decode beside each other. */
static void make_damaged(const char *name, enum damage damage)
{
    enum { SIDE = 96, ONES = 16 };
    static uint8_t rgb[SIDE][SIDE][3];
    const vlt_jpeg_encode_options options = {.restart_rows = damage == BYTES_BEHIND_INTERVALS};
    uint8_t *jpeg;
    size_t bytes;
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            memset(rgb[y][x], (x * y * 7) & 0xFF, 3);
        }
    }
    cr_assert_eq(vlt_jpeg_encode(rgb[0][0], SIDE, SIDE, &options, &jpeg, &bytes, NULL), VLT_OK);
    if (damage == ROWS_MISSING) {
        memcpy(jpeg + bytes / 2, "\xFF\xD9", 2);
        bytes = bytes / 2 + 2;
    }
    for (size_t i = 0; damage == BITS_SET && i < ONES; i++) {
        jpeg[bytes / 2 + i] = i % 2 ? 0x00 : 0xFF;
    }
    uint8_t *more = malloc(bytes + ONES);
    const size_t before = bytes - 2, added = damage >= BYTES_ADDED ? ONES : 0;
    cr_assert_not_null(more);
    memcpy(more, jpeg, before);
    memset(more + before, 0x55, added);
    memcpy(more + before + added, jpeg + before, 2);
    write_file(name, more, bytes + added);
    free(more);
    vlt_free(jpeg);
}

static void make_half(const char *name)
{
    make_damaged(name, ROWS_MISSING);
}

static void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

static void expect(const char *command, const char *rest, int exit_code, const char *said)
{
    char line[4096];
    snprintf(line, sizeof line, "cd '%s' && \"$VLTUNE\" %s '%s' %s", test_folder_path(""), command,
             test_source("harness/model/demo/checkpoint"), rest);
    char program[5000];
    snprintf(program, sizeof program, "--version >/dev/null; %s", line);
    test_output output = test_program(program);
    cr_assert_eq(output.exit_code, exit_code, "%s %s: %d %s", command, rest, output.exit_code,
                 output.err);
    cr_assert_not_null(strstr(output.err, said), "%s %s: '%s' is not in '%s'", command, rest, said,
                       output.err);
    test_output_release(&output);
}

Test(damaged_images, every_command_names_the_file, .init = test_folder_make,
     .fini = test_folder_remove, .timeout = 120)
{
    make_half("half a picture.jpg");
    write_text("lines.jsonl",
               "{\"id\": 1, \"prompt\": \"x\", \"images\": [\"half a picture.jpg\"]}\n");
    write_text(
        "video.jsonl",
        "{\"id\": 1, \"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"video\", "
        "\"video\": [\"half a picture.jpg\", \"half a picture.jpg\"]}]}]}\n");
    write_text("scenes.jsonl", "{\"image\": \"half a picture.jpg\", \"question\": \"Describe the "
                               "image.\", \"answer\": \"x\"}\n");
    expect("preprocess", "'half a picture.jpg'", 0, warning);
    expect("run", "--image 'half a picture.jpg' --prompt x --max-tokens 1", 0, warning);
    expect("batch", "lines.jsonl --max-tokens 1", 0, warning);
    expect("batch", "video.jsonl --max-tokens 1", 0, "frame 2 of 2 half a picture.jpg: JPEG data");
    expect("model eval", "scenes.jsonl", 0, warning);
    expect("preprocess",
           "\"$(d=$(printf %0200d/%0200d/%0200d/%0200d/%0200d/%0200d 1 2 3 4 5 6); mkdir -p $d; "
           "cp 'half a picture.jpg' $d; echo \"$d/half a picture.jpg\")\"",
           0, "006/half a picture.jpg: JPEG data is missing from row ");
    expect("preprocess", "'half a picture.jpg' --strict-images", 2, "half a picture.jpg: JPEG: ");
}

/* What libjpeg decodes over in silence is said, and refused where nothing amiss is to pass. */
Test(damaged_images, damaged_data_is_told_and_strictly_refused, .init = test_folder_make,
     .fini = test_folder_remove, .timeout = 120)
{
    static const char bits[] = "ones.jpg: Corrupt JPEG data: ";
    static const char bytes[] = "more.jpg: Corrupt JPEG data: ";
    make_damaged("ones.jpg", BITS_SET);
    make_damaged("more.jpg", BYTES_ADDED);
    write_text("lines.jsonl", "{\"id\": 1, \"prompt\": \"x\", \"images\": [\"ones.jpg\"]}\n");
    make_damaged("intervals.jpg", BYTES_BEHIND_INTERVALS);
    expect("preprocess", "ones.jpg", 0, bits);
    expect("preprocess", "more.jpg", 0, bytes);
    expect("preprocess", "more.jpg", 0, "extraneous bytes before marker 0xd9");
    expect("preprocess", "ones.jpg --threads 1", 0, ", accepted");
    expect("run", "--image ones.jpg --prompt x --max-tokens 1", 0, bits);
    expect("batch", "lines.jsonl --max-tokens 1", 0, bits);
    expect("preprocess", "ones.jpg --strict-images", 2, "ones.jpg: JPEG: Corrupt JPEG data: ");
    expect("preprocess", "more.jpg --strict-images", 2, "more.jpg: JPEG: Corrupt JPEG data: ");
    expect("preprocess", "intervals.jpg --strict-images --threads 2", 2,
           "bytes before marker 0xd9");
    expect("preprocess", "intervals.jpg --strict-images --threads 1", 2,
           "bytes before marker 0xd9");
    expect("run", "--image ones.jpg --prompt x --strict-images", 2, "JPEG: Corrupt JPEG data: ");
    expect("batch", "lines.jsonl --strict-images -o out.jsonl", 1, "1 of 1 lines have an error");
}

/* What is whole passes, whatever stands behind its end. */
Test(damaged_images, strict_is_no_stricter_than_that, .init = test_folder_make,
     .fini = test_folder_remove, .timeout = 120)
{
    size_t bytes;
    char *scene = test_read_file(test_source("harness/model/demo/checkpoint/scene-000.jpg"),
                                 &bytes);
    char *trailed = malloc(bytes + 5);
    cr_assert_not_null(trailed);
    memcpy(trailed, scene, bytes);
    memcpy(trailed + bytes, "trail", 5);
    write_file("whole.jpg", scene, bytes);
    write_file("trailed.jpg", trailed, bytes + 5);
    expect("preprocess", "whole.jpg trailed.jpg --strict-images 2>err; [ -s err ] && exit 3; :", 0,
           "");
    free(trailed);
    free(scene);
}

Test(damaged_images, every_command_names_the_format, .init = test_folder_make,
     .fini = test_folder_remove, .timeout = 120)
{
    write_text("page.jpg", "<!doctype html><title>not found</title>");
    write_text("empty.png", "");
    write_text("lines.jsonl", "{\"id\": 1, \"prompt\": \"x\", \"images\": [\"page.jpg\"]}\n");
    expect("preprocess", "page.jpg", 2, "page.jpg: an HTML page (39 bytes), expected JPEG");
    expect("preprocess", "empty.png", 2, "empty.png: the file is empty");
    expect("run", "--image page.jpg --prompt x", 2, "page.jpg: an HTML page");
    expect("run", "--image empty.png --prompt x", 2, "empty.png: the file is empty");
}

struct heard {
    int warnings;
    char text[512];
};

static void listen(void *user, int level, const char *message)
{
    struct heard *heard = user;
    if (level == 0 && strstr(message, "missing")) {
        heard->warnings++;
        snprintf(heard->text, sizeof heard->text, "%s", message);
    }
}

Test(damaged_images, the_library_names_the_file, .init = test_folder_make,
     .fini = test_folder_remove, .timeout = 120)
{
    struct heard heard = {0};
    vlt_session *session;
    vlt_response response;
    vlt_error err = {0};
    char messages[4096];
    make_half("half a picture.jpg");
    vlt_engine_options options = {.threads = 1, .message = listen, .message_user = &heard};
    vlt_engine *engine = test_demo_engine(&options);
    cr_assert_eq(vlt_session_open(engine, NULL, &session, &err), VLT_OK, "%s", err.message);
    snprintf(messages, sizeof messages,
             "[{\"role\": \"user\", \"content\": [{\"type\": \"image\", \"image\": \"%s\"}]}]",
             test_folder_path("half a picture.jpg"));
    const vlt_request request = {
        .messages = messages, .messages_bytes = strlen(messages), .max_tokens = 1};
    cr_assert_eq(vlt_session_run(session, &request, &response, &err), VLT_OK, "%s", err.message);
    vlt_response_release(&response);
    cr_assert_eq(heard.warnings, 1);
    cr_assert_not_null(strstr(heard.text, warning), "%s", heard.text);
    vlt_session_close(session);
    vlt_engine_close(engine);
}
