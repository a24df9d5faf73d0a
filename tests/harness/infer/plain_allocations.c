/* What a further line of a batch takes from the allocator once the first ones have warmed it up:
 * nothing of 64 KiB or more, and few small pieces; reading, the image library and writing JSON
 * included. Counts by standing in for malloc, which sanitizers do, too: then there is nothing to
 * count. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/engine_cli.h"
#include "harness/infer/batch.h"
#include "tests/support/data.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
int main(void)
{
    test_skip("allocations are the sanitizer's");
    return 0;
}
#else

enum { LINES = 12, WARM = 6, SMALL_MAX = 150, LARGE_BYTES = 64 << 10 };

static atomic_long small, large;

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static void note(size_t bytes)
{
    atomic_fetch_add(bytes < LARGE_BYTES ? &small : &large, 1);
}

void *malloc(size_t bytes)
{
    note(bytes);
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    note(count * bytes);
    return __libc_calloc(count, bytes);
}

void *realloc(void *block, size_t bytes)
{
    note(bytes);
    return __libc_realloc(block, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    note(bytes);
    return __libc_memalign(alignment, bytes);
}

struct counts {
    vlt_engine *engine;
    vlt_answer_writer writer;
    FILE *null;
    long small[LINES], large[LINES];
    int lines, failed;
};

static vlt_status take(void *user, const char *id, const vlt_response *response,
                       const vlt_error *error, vlt_error *err)
{
    struct counts *counts = user;
    if (!response) {
        fprintf(stderr, "%s\n", error->message);
        counts->failed++;
        return VLT_OK;
    }
    vlt_status status = vlt_answer_write(&counts->writer, id, counts->engine, response, err);
    fputs(counts->writer.text.data, counts->null);
    counts->small[counts->lines] = atomic_load(&small);
    counts->large[counts->lines++] = atomic_load(&large);
    return status;
}

static FILE *write_lines(const char *image)
{
    FILE *file = tmpfile();
    for (int i = 0; file && i < LINES; i++) {
        fprintf(file, "{\"id\": %d, \"prompt\": \"Describe the image.\", \"images\": [\"%s\"]}\n",
                i, image);
    }
    if (file) {
        rewind(file);
    }
    return file;
}

static int check(const struct counts *counts)
{
    const long pieces = counts->small[LINES - 1] - counts->small[WARM - 1];
    const long blocks = counts->large[LINES - 1] - counts->large[WARM - 1];
    if (counts->failed || counts->lines != LINES || blocks || pieces > SMALL_MAX * (LINES - WARM)) {
        fprintf(stderr, "%d lines, %d failed; of %d: %ld large blocks, %ld small pieces\n",
                counts->lines, counts->failed, LINES - WARM, blocks, pieces);
        return 1;
    }
    return 0;
}

int main(void)
{
    const char *image = test_data("data/images/small-640x480-420.jpg");
    const vlt_engine_options options = {.threads = 2,
                                        .services = {.embedding_cache = -1, .monitor_ms = 100}};
    const vlt_request defaults = {.max_tokens = 4, .greedy = true, .ignore_eos = true};
    static struct counts counts;
    vlt_error err = {0};
    if (!image) {
        test_skip("data/images");
        return 0;
    }
    FILE *file = write_lines(image);
    counts.null = fopen("/dev/null", "w");
    if (!file || !counts.null ||
        vlt_engine_open(test_source("harness/model/demo/checkpoint"), &options, &counts.engine,
                        &err) != VLT_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    vlt_line_reader input = {.file = fileno(file), .name = "in.jsonl"};
    const vlt_batch batch = {
        .input = &input, .defaults = &defaults, .answer = take, .user = &counts};
    int failed = vlt_batch_run(counts.engine, &batch, NULL, &err) != VLT_OK || check(&counts);
    free(input.ahead.data);
    vlt_answer_writer_release(&counts.writer);
    vlt_engine_close(counts.engine);
    fclose(counts.null);
    fclose(file);
    return failed;
}
#endif
