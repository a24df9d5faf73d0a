#include "optimizations/bpe_encode/bpe_scanner.h"

#include <stdlib.h>

#include "optimizations/bpe_encode/cuts.h"

/* Texts from here on fill the word cache, 3.1 MB, at once; of a prompt's words it takes 0.1 MB. */
enum { WHOLE_BYTES = 64 << 10, OWN_BESIDE_SHARED = 4096 };

vlt_status vlt_scanner_prepare(vlt_plan *plan, vlt_error *err)
{
    const vlt_bpe_encode_constants *constants = plan->problem.constants;
    vlt_scanner *s = plan->state = calloc(1, sizeof *s);
    if (!s) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "bpe_encode/%s: out of memory", plan->variant->name);
    }
    s->vocab = constants->vocab;
    s->text_max = (size_t)plan->problem.dim[VLT_BPE_ENCODE_DIM_BYTES];
    s->scan_most = (size_t)vlt_plan_knob(plan, VLT_SCANNER_SCAN);
    size_t entries = (size_t)vlt_plan_knob(plan, VLT_SCANNER_CACHE);
    s->words = &s->own;
    s->expects = true;
    if (constants->shared && entries) {
        s->share.shared = constants->shared;
        s->words = vlt_shared_words_view(constants->shared);
        entries = entries < OWN_BESIDE_SHARED ? entries : OWN_BESIDE_SHARED;
    }
    vlt_status status = vlt_words_init(&s->own, entries, s->text_max >= WHOLE_BYTES,
                                       plan->context->memory, err);
    return status == VLT_OK ? vlt_bpe_scratch_init(&s->scratch, s->text_max, err) : status;
}

void vlt_scanner_release(vlt_plan *plan)
{
    vlt_scanner *s = plan->state;
    if (s) {
        vlt_bpe_scratch_release(&s->scratch);
        vlt_words_release(&s->own);
        free(s);
    }
}

void vlt_scanner_meet_large(vlt_scanner *s, const uint8_t *word, size_t bytes, const uint8_t *end)
{
    enum { STRETCH_BYTES = 1 << 10, SHARE = 4, LEFT_BYTES = 24 << 10 };
    s->large_first = s->large_bytes ? s->large_first : word;
    s->large_bytes += bytes;
    if (s->large_bytes < STRETCH_BYTES) {
        return;
    }
    if ((size_t)(word - s->large_first) <= SHARE * s->large_bytes && end - word >= LEFT_BYTES) {
        vlt_cuts_expect(s->vocab->cuts);
        s->has_cuts = true;
    }
    s->large_bytes = 0;
}

static const int64_t cache_values[] = {0,    256,   512,   1024,  2048,  4096,
                                       8192, 16384, 32768, 65536, 131072};
static const int64_t scan_values[] = {16, 32, 64, 128, VLT_MERGE_SCAN_MAX};

const vlt_knob vlt_scanner_knobs[VLT_SCANNER_KNOBS] = {
    {"cache", "short words remembered, 50 bytes each with their share of long ones", cache_values,
     sizeof cache_values / sizeof *cache_values, 65536, NULL},
    {"scan", "bytes of words that are merged by scanning", scan_values,
     sizeof scan_values / sizeof *scan_values, VLT_MERGE_SCAN_MAX, NULL},
};
