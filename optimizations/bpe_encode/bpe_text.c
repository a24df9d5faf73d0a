#include "optimizations/bpe_encode/bpe_text.h"

#include <stdlib.h>
#include <string.h>

#include "optimizations/bpe_encode/nfc.h"
#include "optimizations/core/memory.h"

/* The next place where an added token begins, at or behind p, with its length and id; or end. */
static const uint8_t *find_in(const vlt_vocab *vocab, const uint8_t *p, const uint8_t *end,
                              size_t *length, int32_t *id)
{
    for (; p < end; p++) {
        if (vocab->lone_start >= 0) {
            p = memchr(p, vocab->lone_start, (size_t)(end - p));
            if (!p) {
                return end;
            }
        } else if (!vocab->added_start[*p]) {
            continue;
        }
        if (end - p > 1 && !vlt_vocab_may_start(vocab, p)) {
            continue;
        }
        *length = vlt_vocab_match_added(vocab, p, (size_t)(end - p), id);
        if (*length) {
            return p;
        }
    }
    return end;
}

/* The same, outside the plain stretches; *passed of them end before p. */
static const uint8_t *find_added(const vlt_vocab *vocab, const vlt_bpe_encode_args *args,
                                 size_t *passed, const uint8_t *p, size_t *length, int32_t *id)
{
    const uint8_t *text = (const uint8_t *)args->text, *end = text + args->text_bytes;
    const vlt_text_ranges *plain = &args->plain;
    for (;;) {
        while (*passed < plain->count &&
               (text + plain->range[*passed].end <= p ||
                plain->range[*passed].first == plain->range[*passed].end)) {
            ++*passed;
        }
        bool last = *passed == plain->count;
        const uint8_t *stop = last ? end : text + plain->range[*passed].first;
        const uint8_t *found = p < stop ? find_in(vocab, p, stop, length, id) : stop;
        if (found < stop || last) {
            return found;
        }
        p = text + plain->range[*passed].end;
    }
}

vlt_status vlt_bpe_text(const vlt_vocab *vocab, const vlt_bpe_steps *steps, void *state,
                        size_t text_max, const vlt_bpe_encode_args *args, vlt_error *err)
{
    const uint8_t *p = (const uint8_t *)args->text, *end = p + args->text_bytes;
    size_t count = 0, passed = 0;
    *args->id_count = 0;
    if (args->text_bytes > text_max) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "text of %zu bytes: the plan is for at most %zu",
                        args->text_bytes, text_max);
    }
    while (p < end) {
        int32_t id = -1;
        size_t length = 0;
        bool added = !args->no_special && vocab->added_count > 0;
        const uint8_t *stop = added ? find_added(vocab, args, &passed, p, &length, &id) : end;
        if (stop > p) {
            const uint8_t *clean;
            size_t bytes = steps->normalise(state, p, (size_t)(stop - p), &clean);
            size_t made = steps->encode(state, clean, bytes, args->ids + count, err);
            if (made == SIZE_MAX) {
                return VLT_STATUS_INTERNAL;
            }
            count += made;
        }
        if (stop < end) {
            args->ids[count++] = id;
            stop += length;
        }
        p = stop;
    }
    *args->id_count = count;
    return VLT_OK;
}

vlt_status vlt_bpe_scratch_init(vlt_bpe_scratch *scratch, size_t text_max, vlt_error *err)
{
    enum { PADDING = 16 };
    size_t clean, codes, queue, shared, total;
    if (!vlt_mul_size(text_max, 3, &clean) || !vlt_add_size(clean, 2 * PADDING, &clean) ||
        !vlt_mul_size(vlt_nfc_codes(text_max), 2 * sizeof(uint32_t), &codes) ||
        !vlt_merge_queue_bytes(clean, &queue)) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "text of %zu bytes: the scratch does not fit",
                        text_max);
    }
    clean &= ~(size_t)(PADDING - 1);
    shared = codes > queue ? codes : queue;
    if (!vlt_add_size(clean, shared, &total)) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "text of %zu bytes: the scratch does not fit",
                        text_max);
    }
    /* Not vlt_alloc, which clears: most of this is for the worst text and never touched. */
    scratch->block = malloc(total);
    if (!scratch->block) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "text of %zu bytes: no memory for %zu", text_max,
                        total);
    }
    scratch->clean = scratch->block;
    scratch->raw = (uint32_t *)(scratch->clean + clean);
    scratch->work = scratch->raw + vlt_nfc_codes(text_max);
    vlt_merge_queue_init(&scratch->queue, clean, scratch->raw);
    return VLT_OK;
}

void vlt_bpe_scratch_release(vlt_bpe_scratch *scratch)
{
    free(scratch->block);
    *scratch = (vlt_bpe_scratch){0};
}

size_t vlt_bpe_word(const vlt_vocab *vocab, const vlt_merge_queue *queue, size_t scan_most,
                    const uint8_t *word, size_t bytes, int32_t *ids)
{
    int32_t few[VLT_MERGE_SCAN_MAX];
    const int32_t *made = few;
    size_t count;
    if (bytes <= scan_most) {
        count = vlt_merge_scan(vocab, word, bytes, few);
    } else {
        count = vlt_merge_joined(vocab, queue, word, bytes);
        made = queue->ids;
    }
    memcpy(ids, made, count * sizeof *ids);
    return count;
}
