/* Any bytes as the input and the output of a batch, parted by a byte 0: every line is read or
 * refused with a message, its id is JSON again, and an output made of the ids of the input is
 * continued where it ends. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/infer/batch_asked.h"
#include "harness/infer/batch_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An engine that only has nobody to tell. */
static vlt_engine engine;

static int file_of(const uint8_t *data, size_t size)
{
    int file = memfd_create("lines", MFD_CLOEXEC);
    if (file < 0 || write(file, data, size) != (ssize_t)size || lseek(file, 0, SEEK_SET) != 0) {
        abort();
    }
    return file;
}

static const vlt_request defaults;

/* Reads all lines; writes an answer with the id of each. Gives how many there were. */
static int64_t read_lines(int file, FILE *answers)
{
    const vlt_batch batch = {.defaults = &defaults};
    vlt_line_reader reader = {.file = file, .name = "in"};
    vlt_buffer text = {0};
    bool found = true;
    int64_t count = 0;
    while (vlt_line_reader_next(&reader, &text, &found, NULL) == VLT_OK && found) {
        vlt_batch_line line;
        vlt_error err = {0};
        vlt_status status = vlt_batch_line_read(text.data, text.bytes, "line", &defaults, &engine,
                                                &line, &err);
        if ((status != VLT_OK) != (err.message[0] != '\0') || (status == VLT_OK && !line.id)) {
            abort();
        }
        vlt_buffer asked = {0};
        vlt_batch_asked_put(&asked, text.data, text.bytes, status == VLT_OK ? &line.request : NULL,
                            &batch, 7);
        fprintf(answers, "{\"id\": %s, \"text\": \"\", \"request\": {%s}}\n",
                line.id ? line.id : "null", asked.data);
        free(asked.data);
        vlt_batch_line_release(&line);
        count++;
    }
    free(text.data);
    free(reader.ahead.data);
    return count;
}

static void resume(int file, const char *output, size_t bytes, int64_t expected)
{
    vlt_line_reader reader = {.file = file, .name = "in"};
    vlt_batch_progress progress;
    vlt_error err = {0};
    FILE *stream = bytes ? fmemopen((void *)output, bytes, "r") : NULL;
    if (!stream || lseek(file, 0, SEEK_SET) != 0) {
        return;
    }
    const vlt_batch batch = {.input = &reader, .defaults = &defaults};
    vlt_status status = vlt_batch_resume(&batch, stream, "out", &progress, &err);
    if ((status != VLT_OK) != (err.message[0] != '\0') ||
        (expected >= 0 && (status != VLT_OK || progress.lines != expected || progress.failed ||
                           progress.bytes != (int64_t)bytes))) {
        abort();
    }
    vlt_batch_progress_release(&progress);
    fclose(stream);
    free(reader.ahead.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *parting = size ? memchr(data, 0, size) : NULL;
    size_t input = parting ? (size_t)(parting - data) : size;
    int file = file_of(data, input);
    char *output = NULL;
    size_t bytes = 0;
    FILE *answers = open_memstream(&output, &bytes);
    int64_t lines = read_lines(file, answers);
    fclose(answers);
    resume(file, output, bytes, lines);
    if (parting) {
        resume(file, (const char *)parting + 1, size - input - 1, -1);
    }
    free(output);
    close(file);
    return 0;
}
