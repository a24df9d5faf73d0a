/* Ids and decoded text of the reference on the real vocabulary, for every variant of bpe_encode. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "optimizations/bpe_encode/decode.h"
#include "tests/support/data.h"
#include "tests/support/tokens.h"
#include "tests/support/variants.h"

struct run {
    vlt_tokenizer *tokenizer;
    const vlt_vocab *vocab;
    test_context test;
    vlt_plan *plan[8];
    int plans;
    int32_t *ids;
    int cases;
};

enum { TEXT_MAX = 4 << 20 };

static bool start(struct run *run)
{
    static vlt_bpe_encode_constants constants;
    *run = (struct run){.tokenizer = test_real_tokenizer()};
    if (!run->tokenizer) {
        return false;
    }
    run->vocab = vlt_tokenizer_vocab(run->tokenizer);
    constants.vocab = run->vocab;
    test_context_init(&run->test);
    vlt_problem problem = vlt_bpe_encode_problem(TEXT_MAX, &constants);
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_bpe_encode); v++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_bpe_encode, v);
        if (vlt_registry_applicable(variant, &problem, &run->test.caps, NULL)) {
            cr_assert_eq(vlt_plan_create_with(&run->test.context, &problem, variant, NULL,
                                              &run->plan[run->plans++], NULL),
                         VLT_OK);
        }
    }
    run->ids = malloc(vlt_bpe_encode_bound(TEXT_MAX) * sizeof *run->ids);
    return true;
}

static void stop(struct run *run)
{
    for (int v = 0; v < run->plans; v++) {
        vlt_plan_destroy(run->plan[v]);
    }
    free(run->ids);
    test_context_release(&run->test);
    vlt_tokenizer_destroy(run->tokenizer);
}

static size_t encode(struct run *run, int v, const char *text, size_t bytes)
{
    size_t count;
    vlt_error err = {0};
    vlt_bpe_encode_args args = {
        .text = text, .text_bytes = bytes, .ids = run->ids, .id_count = &count};
    cr_assert_leq(bytes, TEXT_MAX);
    cr_assert_eq(test_run(run->plan[v], &args, &err), VLT_OK, "%s", err.message);
    return count;
}

static void check_ids(struct run *run, int v, size_t count, const int32_t *ids, size_t expected,
                      const char *what, int line)
{
    size_t same = 0;
    while (same < count && same < expected && run->ids[same] == ids[same]) {
        same++;
    }
    cr_assert(count == expected && same == count,
              "%s line %d, %s: %zu ids, expected %zu, the first difference at %zu", what, line,
              run->plan[v]->variant->name, count, expected, same);
}

static void check_decoded(struct run *run, const int32_t *ids, size_t count, bool skip,
                          const char *text, size_t bytes, int line)
{
    char *out;
    size_t out_bytes;
    cr_assert_eq(vlt_decode(run->vocab, ids, count, skip, &out, &out_bytes, NULL), VLT_OK);
    cr_assert(out_bytes == bytes && memcmp(out, text, bytes) == 0, "line %d: decoded '%s'", line,
              out);
    free(out);
}

static void one_case(void *user, int line, const vlt_tree *root)
{
    struct run *run = user;
    const vlt_tree *text = vlt_tree_get(root, "text"), *decoded = vlt_tree_get(root, "decoded");
    size_t expected;
    int32_t *ids = test_ids(vlt_tree_get(root, "ids"), &expected);
    for (int v = 0; v < run->plans; v++) {
        size_t count = encode(run, v, text->text, text->length);
        check_ids(run, v, count, ids, expected, "cases.jsonl", line);
    }
    decoded = decoded ? decoded : text;
    check_decoded(run, ids, expected, false, decoded->text, decoded->length, line);
    free(ids);
    run->cases++;
}

Test(tokenizer_golden, cases)
{
    struct run run;
    if (!start(&run)) {
        return;
    }
    test_each_line("golden/tokenizer/cases.jsonl", one_case, &run);
    cr_assert_eq(run.cases, 2400);
    stop(&run);
}

/* The streaming decoder's pieces joined must be the same text. */
static void check_stream(struct run *run, const int32_t *ids, size_t count, bool skip,
                         const vlt_tree *decoded, int line)
{
    vlt_stream_decoder *decoder;
    const char *piece;
    size_t bytes, used = 0;
    cr_assert_eq(vlt_stream_decoder_create(run->vocab, skip, NULL, 0, &decoder, NULL), VLT_OK);
    for (size_t i = 0; i <= count; i++) {
        if (i < count) {
            cr_assert_not(vlt_stream_decoder_push(decoder, ids[i], &piece, &bytes));
        } else {
            vlt_stream_decoder_finish(decoder, &piece, &bytes);
        }
        cr_assert(used + bytes <= decoded->length &&
                      memcmp(decoded->text + used, piece, bytes) == 0,
                  "line %d, id %zu: streamed '%s'", line, i, piece);
        cr_assert_eq(piece[bytes], '\0');
        used += bytes;
    }
    cr_assert_eq(used, decoded->length);
    vlt_stream_decoder_destroy(decoder);
}

static void one_decode(void *user, int line, const vlt_tree *root)
{
    struct run *run = user;
    const vlt_tree *decoded = vlt_tree_get(root, "decoded");
    const vlt_tree *skipped = vlt_tree_get(root, "decoded_skip_special");
    size_t count;
    int32_t *ids = test_ids(vlt_tree_get(root, "ids"), &count);
    check_decoded(run, ids, count, false, decoded->text, decoded->length, line);
    check_stream(run, ids, count, false, decoded, line);
    skipped = skipped ? skipped : decoded;
    check_decoded(run, ids, count, true, skipped->text, skipped->length, line);
    check_stream(run, ids, count, true, skipped, line);
    free(ids);
    run->cases++;
}

Test(tokenizer_golden, decode)
{
    struct run run;
    if (!start(&run)) {
        return;
    }
    test_each_line("golden/tokenizer/decode.jsonl", one_decode, &run);
    cr_assert_eq(run.cases, 800);
    stop(&run);
}

/* sha256 of data[bytes] in hex by the program sha256sum; false when there is none. */
static bool sha256(const void *data, size_t bytes, char hex[65])
{
    char path[] = "/tmp/vlt-ids-XXXXXX", command[64];
    int file = mkstemp(path);
    cr_assert(file >= 0 && write(file, data, bytes) == (ssize_t)bytes);
    close(file);
    snprintf(command, sizeof command, "sha256sum %s", path);
    FILE *pipe = popen(command, "r");
    bool found = pipe && fread(hex, 1, 64, pipe) == 64;
    if (pipe) {
        found = pclose(pipe) == 0 && found;
    }
    hex[64] = '\0';
    unlink(path);
    return found;
}

static void one_text(struct run *run, const char *name, size_t tokens, const char *expected)
{
    char relative[256], hex[65];
    size_t bytes;
    snprintf(relative, sizeof relative, "data/text/%s", name);
    char *text = test_read_data(relative, &bytes);
    cr_assert(text, "%s", relative);
    for (int v = 0; v < run->plans; v++) {
        size_t count = encode(run, v, text, bytes);
        cr_assert_eq(count, tokens, "%s, %s: %zu ids, expected %zu", name,
                     run->plan[v]->variant->name, count, tokens);
        cr_assert(sha256(run->ids, count * sizeof *run->ids, hex));
        cr_assert_str_eq(hex, expected, "%s, %s: the ids differ", name,
                         run->plan[v]->variant->name);
    }
    free(text);
    run->cases++;
}

Test(tokenizer_golden, texts)
{
    struct run run;
    size_t bytes;
    if (!start(&run)) {
        return;
    }
    char *table = test_read_data("golden/tokenizer/texts.tsv", &bytes), *rest = NULL;
    char *line = table ? strtok_r(table, "\n", &rest) : NULL;
    while (line && (line = strtok_r(NULL, "\n", &rest))) {
        char name[128], hash[65];
        size_t file_bytes, tokens;
        cr_assert_eq(sscanf(line, "%127s %zu %zu %64s", name, &file_bytes, &tokens, hash), 4);
        one_text(&run, name, tokens, hash);
    }
    cr_assert_gt(run.cases, 60);
    free(table);
    stop(&run);
}
