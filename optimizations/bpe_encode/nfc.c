#include "optimizations/bpe_encode/nfc.h"

#include <string.h>

#include "optimizations/bpe_encode/unicode_tables.h"
#include "optimizations/bpe_encode/utf8.h"

/* Hangul syllables are composed by arithmetic (Unicode 3.12). */
enum {
    S_BASE = 0xAC00,
    L_BASE = 0x1100,
    V_BASE = 0x1161,
    T_BASE = 0x11A7,
    L_COUNT = 19,
    V_COUNT = 21,
    T_COUNT = 28,
    S_COUNT = L_COUNT * V_COUNT * T_COUNT
};

/* No code point below takes part in normalisation without one at or above. */
enum { FIRST_ACTIVE = 0x300 };

bool vlt_nfc_goes_on(const uint8_t **at, size_t bytes, const uint8_t *end, uint8_t *last)
{
    const uint8_t *p = *at, *stop = p + bytes;
    while (p < stop) {
        uint64_t eight;
        while (stop - p >= 8 && (memcpy(&eight, p, 8), (eight & 0x8080808080808080u) == 0)) {
            p += 8;
            *last = 0;
        }
        if (p == stop) {
            break;
        }
        bool complete;
        size_t length = vlt_utf8_span(p, (size_t)(end - p), &complete);
        if (!complete) {
            return false;
        }
        uint32_t code = vlt_utf8_code(p, length);
        p += length;
        uint8_t property = code < FIRST_ACTIVE ? 0 : vlt_unicode_property(code);
        if (!(property & VLT_UNICODE_ACTIVE)) {
            *last = 0;
            continue;
        }
        uint8_t combining = vlt_unicode_combining(code);
        if (property & VLT_UNICODE_UNSTABLE || (combining && combining < *last)) {
            return false;
        }
        *last = combining;
    }
    *at = p;
    return true;
}

bool vlt_nfc_is(const uint8_t *text, size_t bytes)
{
    uint8_t last = 0;
    return vlt_nfc_goes_on(&text, bytes, text + bytes, &last);
}

static uint32_t pack(uint32_t code)
{
    return (uint32_t)vlt_unicode_combining(code) << VLT_NFC_CLASS_SHIFT | code;
}

/* Appends the full decomposition; gives how many code points. */
static size_t decompose(uint32_t code, uint32_t *out)
{
    if (code - S_BASE < S_COUNT) {
        uint32_t s = code - S_BASE, t = s % T_COUNT;
        out[0] = L_BASE + s / (V_COUNT * T_COUNT);
        out[1] = V_BASE + s % (V_COUNT * T_COUNT) / T_COUNT;
        out[2] = T_BASE + t;
        return t ? 3 : 2;
    }
    int low = 0, high = code < 0xC0 ? 0 : vlt_unicode_decomposition_count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        const vlt_unicode_decomposition *entry = &vlt_unicode_decompositions[middle];
        if (entry->code == code) {
            for (int i = 0; i < entry->count; i++) {
                out[i] = pack(vlt_unicode_decomposed[entry->first + i]);
            }
            return entry->count;
        }
        low = entry->code < code ? middle + 1 : low;
        high = entry->code < code ? high : middle;
    }
    out[0] = pack(code);
    return 1;
}

/* The primary composite of two code points, or 0. */
static uint32_t compose(uint32_t first, uint32_t second)
{
    if (first - L_BASE < L_COUNT && second - V_BASE < V_COUNT) {
        return S_BASE + ((first - L_BASE) * V_COUNT + (second - V_BASE)) * T_COUNT;
    }
    if (first - S_BASE < S_COUNT && (first - S_BASE) % T_COUNT == 0 &&
        second - T_BASE - 1 < T_COUNT - 1) {
        return first + (second - T_BASE);
    }
    int low = 0, high = vlt_unicode_composition_count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        const vlt_unicode_composition *entry = &vlt_unicode_compositions[middle];
        if (entry->first == first && entry->second == second) {
            return entry->result;
        }
        bool before = entry->first < first || (entry->first == first && entry->second < second);
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    return 0;
}

static void sort_run(uint32_t *run, size_t count, uint32_t *spare)
{
    enum { SHORT = 24 };
    if (count <= SHORT) {
        for (size_t i = 1; i < count; i++) {
            uint32_t moved = run[i];
            size_t at = i;
            for (; at > 0 && run[at - 1] >> VLT_NFC_CLASS_SHIFT > moved >> VLT_NFC_CLASS_SHIFT;
                 at--) {
                run[at] = run[at - 1];
            }
            run[at] = moved;
        }
        return;
    }
    size_t start[256] = {0}, sum = 0;
    for (size_t i = 0; i < count; i++) {
        start[run[i] >> VLT_NFC_CLASS_SHIFT]++;
    }
    for (int c = 0; c < 256; c++) {
        size_t here = start[c];
        start[c] = sum;
        sum += here;
    }
    for (size_t i = 0; i < count; i++) {
        spare[start[run[i] >> VLT_NFC_CLASS_SHIFT]++] = run[i];
    }
    memcpy(run, spare, count * sizeof *run);
}

void vlt_nfc_order(uint32_t *packed, size_t count, uint32_t *spare)
{
    for (size_t i = 0; i < count;) {
        if (packed[i] >> VLT_NFC_CLASS_SHIFT == 0) {
            i++;
            continue;
        }
        size_t first = i;
        while (i < count && packed[i] >> VLT_NFC_CLASS_SHIFT != 0) {
            i++;
        }
        if (i - first > 1) {
            sort_run(packed + first, i - first, spare);
        }
    }
}

/* UAX 15: a mark composes with the last starter unless one of its own or a higher class stands
 * between; packed classes are cleared. Gives the new count. */
static size_t recompose(uint32_t *codes, size_t count)
{
    size_t starter = SIZE_MAX, kept = 0;
    int last = -1;
    for (size_t i = 0; i < count; i++) {
        int class = (int)(codes[i] >> VLT_NFC_CLASS_SHIFT);
        uint32_t code = codes[i] & VLT_NFC_CODE_MASK;
        uint32_t whole = starter != SIZE_MAX && last < class ? compose(codes[starter], code) : 0;
        if (whole) {
            codes[starter] = whole;
            continue;
        }
        if (class == 0) {
            starter = kept;
        }
        last = class == 0 ? -1 : class;
        codes[kept++] = code;
    }
    return kept;
}

/* Writes raw[count], which begins at a boundary and ends before one. */
static size_t put_segment(uint32_t *raw, size_t count, uint32_t *work, uint8_t *out)
{
    size_t codes = 0, used = 0;
    if (count == 1 && !(vlt_unicode_property(raw[0]) & VLT_UNICODE_ACTIVE)) {
        return vlt_utf8_put(out, raw[0]);
    }
    for (size_t i = 0; i < count; i++) {
        codes += decompose(raw[i], work + codes);
    }
    vlt_nfc_order(work, codes, raw);
    codes = recompose(work, codes);
    for (size_t i = 0; i < codes; i++) {
        used += vlt_utf8_put(out + used, work[i]);
    }
    return used;
}

size_t vlt_nfc(const uint8_t *text, size_t bytes, uint8_t *out, uint32_t *raw, uint32_t *work)
{
    const uint8_t *p = text, *end = text + bytes;
    size_t count = 0, used = 0;
    while (p < end) {
        uint32_t code = vlt_utf8_next(&p, end);
        bool active = code >= FIRST_ACTIVE && vlt_unicode_property(code) & VLT_UNICODE_ACTIVE;
        if (!active && count > 0) {
            used += put_segment(raw, count, work, out + used);
            count = 0;
        }
        raw[count++] = code;
    }
    return count ? used + put_segment(raw, count, work, out + used) : used;
}
