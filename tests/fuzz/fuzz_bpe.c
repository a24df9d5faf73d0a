/* Any bytes as text: every variant gives the baseline's ids, alone and where they all share the
 * words they learn, and the ids decode to the text's normal form as the encoder saw it; and once
 * more with what stands between two bytes 1 plain. Cut at a seam, the halves give the ids of the
 * whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/machine/isa.h"
#include "optimizations/bpe_encode/bpe_sample.h"
#include "optimizations/bpe_encode/decode.h"
#include "optimizations/bpe_encode/seams.h"
#include "optimizations/bpe_encode/shared_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 1 << 16, VARIANTS_MAX = 16, SEAMS_MAX = 4 };

/* Made once: the vocabulary and one plan for each variant. */
static struct {
    vlt_bpe_sample sample;
    vlt_caps caps;
    vlt_context context;
    vlt_bpe_encode_constants constants, sharing;
    vlt_seams *seams;
    vlt_plan *plan[VARIANTS_MAX];
    int plans;
    int32_t *ids[2];
} fuzz;

static void make_plans(const vlt_bpe_encode_constants *constants)
{
    const vlt_problem problem = vlt_bpe_encode_problem(TEXT_MAX, constants);
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_bpe_encode); v++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_bpe_encode, v);
        if (vlt_registry_applicable(variant, &problem, &fuzz.caps, NULL) &&
            vlt_plan_create_with(&fuzz.context, &problem, variant, NULL, &fuzz.plan[fuzz.plans++],
                                 NULL) != VLT_OK) {
            abort();
        }
    }
}

static void start(void)
{
    fuzz.caps = (vlt_caps){.isa = vlt_isa_detect(), .cpu_count = 1, .core_count = 1};
    fuzz.context.caps = &fuzz.caps;
    if (vlt_bpe_sample_init(1, &fuzz.sample, NULL) != VLT_OK) {
        abort();
    }
    fuzz.constants.vocab = fuzz.sample.vocab;
    fuzz.sharing.vocab = fuzz.sample.vocab;
    if (vlt_shared_words_create(NULL, &fuzz.sharing.shared, NULL) != VLT_OK ||
        vlt_seams_create(fuzz.sample.vocab, &fuzz.seams, NULL) != VLT_OK) {
        abort();
    }
    make_plans(&fuzz.constants);
    make_plans(&fuzz.sharing);
    for (int i = 0; i < 2; i++) {
        fuzz.ids[i] = malloc((vlt_bpe_encode_bound(TEXT_MAX) + 8) * sizeof *fuzz.ids[i]);
    }
}

static vlt_text_ranges plain_ranges(const uint8_t *data, size_t size)
{
    static vlt_text_range range[TEXT_MAX];
    size_t marks = 0;
    for (size_t i = 0; i < size; i++) {
        if (data[i] == 1 && marks++ % 2 == 0) {
            range[marks / 2] = (vlt_text_range){i, size};
        } else if (data[i] == 1) {
            range[marks / 2 - 1].end = i;
        }
    }
    return (vlt_text_ranges){range, (marks + 1) / 2};
}

static size_t encode(int v, const uint8_t *data, size_t size, vlt_text_ranges plain, int32_t *ids)
{
    size_t count;
    vlt_bpe_encode_args args = {.text = (const char *)data,
                                .text_bytes = size,
                                .ids = ids,
                                .id_count = &count,
                                .plain = plain};
    if (vlt_plan_run(fuzz.plan[v], (vlt_frame){0}, &args, NULL) != VLT_OK) {
        abort();
    }
    return count;
}

/* Ids of the baseline are left in ids[0]. */
static size_t compare(const uint8_t *data, size_t size, vlt_text_ranges plain)
{
    size_t expected = encode(0, data, size, plain, fuzz.ids[0]);
    for (int v = 1; v < fuzz.plans; v++) {
        size_t count = encode(v, data, size, plain, fuzz.ids[1]);
        if (count != expected || memcmp(fuzz.ids[0], fuzz.ids[1], count * sizeof(int32_t)) != 0) {
            abort();
        }
    }
    return expected;
}

/* Ids of the whole are in ids[0]. */
static void cut(const uint8_t *data, size_t size, size_t expected)
{
    const vlt_text_ranges none = {0};
    size_t from = 1;
    for (int i = 0; i < SEAMS_MAX && from < size; i++) {
        const size_t at = vlt_seams_next(fuzz.seams, (const char *)data, size, from);
        if (at == size) {
            return;
        }
        size_t count = encode(fuzz.plans - 1, data, at, none, fuzz.ids[1]);
        count += encode(fuzz.plans - 1, data + at, size - at, none, fuzz.ids[1] + count);
        if (count != expected || memcmp(fuzz.ids[0], fuzz.ids[1], count * sizeof(int32_t)) != 0) {
            abort();
        }
        from = at + 1 + size / (SEAMS_MAX + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!fuzz.plans) {
        start();
    }
    size = size < TEXT_MAX ? size : TEXT_MAX;
    compare(data, size, plain_ranges(data, size));
    size_t expected = compare(data, size, (vlt_text_ranges){0}), bytes;
    char *text;
    cut(data, size, expected);
    if (vlt_decode(fuzz.sample.vocab, fuzz.ids[0], expected, false, &text, &bytes, NULL) ==
        VLT_OK) {
        free(text);
    }
    return 0;
}
