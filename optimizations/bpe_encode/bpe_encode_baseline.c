/* The plain composition of good libraries: utf8proc normalises, PCRE2 with JIT cuts the text by the
 * published pattern, and every word is merged as the textbook says: find the pair of lowest rank,
 * merge it, again. utf8proc and PCRE2 know another Unicode than the reference, so the text is split
 * at code points newer than 9.0 and the pattern's classes name what differs from 16.0. The textbook
 * loop costs the square of the word's length, so words beyond VLT_MERGE_SCAN_MAX bytes are left to
 * the merges that all variants share: no input may hang.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "optimizations/bpe_encode/bpe_text.h"
#include "optimizations/bpe_encode/nfc.h"
#include "optimizations/bpe_encode/unicode_tables.h"
#include "optimizations/bpe_encode/utf8.h"

struct state {
    const vlt_vocab *vocab;
    size_t text_max;
    vlt_bpe_scratch scratch;
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *match_context;
    pcre2_jit_stack *stack;
};

/* Canonical composition of codes[count], all of Unicode 9.0, at the end of `out`. The ordering is
 * our own because utf8proc's takes the square of a run of marks. */
static size_t compose_old(struct state *s, const uint32_t *codes, size_t count, uint8_t *out)
{
    uint32_t *work = s->scratch.work;
    size_t used = 0, bytes = 0;
    for (size_t i = 0; i < count; i++) {
        int boundary = UTF8PROC_BOUNDCLASS_START;
        utf8proc_int32_t parts[8];
        utf8proc_ssize_t made = utf8proc_decompose_char(
            (utf8proc_int32_t)codes[i], parts, 8, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &boundary);
        for (utf8proc_ssize_t k = 0; k < made; k++) {
            uint32_t class = (uint32_t)utf8proc_get_property(parts[k])->combining_class;
            work[used++] = class << VLT_NFC_CLASS_SHIFT | (uint32_t)parts[k];
        }
    }
    /* codes[] has been read, its place serves the sort. */
    vlt_nfc_order(work, used, s->scratch.raw);
    for (size_t i = 0; i < used; i++) {
        work[i] &= VLT_NFC_CODE_MASK;
    }
    utf8proc_ssize_t left = utf8proc_normalize_utf32(
        (utf8proc_int32_t *)work, (utf8proc_ssize_t)used, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    for (utf8proc_ssize_t i = 0; i < left; i++) {
        bytes += vlt_utf8_put(out + bytes, work[i]);
    }
    return bytes;
}

/* The place before the trailing jamo; utf8proc (2.8) composes it away as if it were one. */
enum { NO_TRAILING_JAMO = 0x11A7 };

static size_t normalise(void *state, const uint8_t *text, size_t bytes, const uint8_t **clean)
{
    struct state *s = state;
    const uint8_t *p = text, *end = text + bytes;
    size_t used = 0, count = 0;
    *clean = s->scratch.clean;
    bool low = true;
    while (p < end && low) {
        low = vlt_utf8_next(&p, end) < 0x300;
    }
    if (low) {
        *clean = text;
        return bytes;
    }
    for (p = text; p < end;) {
        uint32_t code = vlt_utf8_next(&p, end);
        if (!(vlt_unicode_property(code) & VLT_UNICODE_NEWER) && code != NO_TRAILING_JAMO) {
            s->scratch.raw[count++] = code;
            continue;
        }
        used += compose_old(s, s->scratch.raw, count, s->scratch.clean + used);
        used += vlt_utf8_put(s->scratch.clean + used, code);
        count = 0;
    }
    return used + compose_old(s, s->scratch.raw, count, s->scratch.clean + used);
}

static int32_t rank_of(const vlt_vocab *vocab, int32_t left, int32_t right)
{
    const vlt_pair_slot *slot = vlt_pair_find(vocab, left, right);
    return slot ? slot->rank : INT32_MAX;
}

/* The textbook: find the pair of lowest rank, the leftmost of equals; merge it; again. */
static size_t merge_word(const vlt_vocab *vocab, const uint8_t *word, size_t bytes, int32_t *ids)
{
    int32_t symbol[VLT_MERGE_SCAN_MAX], rank[VLT_MERGE_SCAN_MAX];
    size_t count = bytes;
    for (size_t i = 0; i < bytes; i++) {
        symbol[i] = vocab->byte_id[word[i]];
    }
    for (size_t i = 0; i + 1 < count; i++) {
        rank[i] = rank_of(vocab, symbol[i], symbol[i + 1]);
    }
    while (count > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < count; i++) {
            best = rank[i] < rank[best] ? i : best;
        }
        if (rank[best] == INT32_MAX) {
            break;
        }
        symbol[best] = vlt_pair_find(vocab, symbol[best], symbol[best + 1])->result;
        count--;
        for (size_t i = best + 1; i < count; i++) {
            symbol[i] = symbol[i + 1];
            rank[i - 1] = rank[i];
        }
        if (best + 1 < count) {
            rank[best] = rank_of(vocab, symbol[best], symbol[best + 1]);
        }
        if (best > 0) {
            rank[best - 1] = rank_of(vocab, symbol[best - 1], symbol[best]);
        }
    }
    memcpy(ids, symbol, count * sizeof *ids);
    return count;
}

static size_t encode(void *state, const uint8_t *text, size_t bytes, int32_t *ids, vlt_error *err)
{
    struct state *s = state;
    size_t count = 0;
    for (size_t at = 0; at < bytes;) {
        int groups = pcre2_match(s->code, text, bytes, at, PCRE2_NO_UTF_CHECK, s->match,
                                 s->match_context);
        const PCRE2_SIZE *range = pcre2_get_ovector_pointer(s->match);
        if (groups < 1 || range[0] != at || range[1] <= at) {
            vlt_fail(err, VLT_STATUS_INTERNAL,
                     "bpe_encode/baseline: pcre2_match gave %d at byte %zu", groups, at);
            return SIZE_MAX;
        }
        size_t stop = range[1];
        count += stop - at <= VLT_MERGE_SCAN_MAX
                     ? merge_word(s->vocab, text + at, stop - at, ids + count)
                     : vlt_bpe_word(s->vocab, &s->scratch.queue, VLT_MERGE_SCAN_MAX, text + at,
                                    stop - at, ids + count);
        at = stop;
    }
    return count;
}

static vlt_status fail_pcre2(int code, const char *what, vlt_error *err)
{
    PCRE2_UCHAR message[128] = "out of memory";
    if (code) {
        pcre2_get_error_message(code, message, sizeof message);
    }
    const bool no_memory = code == 0 || code == PCRE2_ERROR_NOMEMORY;
    return vlt_fail(err, no_memory ? VLT_STATUS_NOMEM : VLT_STATUS_INTERNAL,
                    "bpe_encode/baseline: %s: %s", what, (const char *)message);
}

static vlt_status compile(const char *pattern, pcre2_code **out, vlt_error *err)
{
    int error;
    PCRE2_SIZE offset;
    *out = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &error,
                         &offset, NULL);
    if (!*out) {
        return fail_pcre2(error, "pattern", err);
    }
    /* Without JIT (a machine that forbids writable code) the interpreter does the same. */
    pcre2_jit_compile(*out, PCRE2_JIT_COMPLETE);
    return VLT_OK;
}

/* Every code point but the surrogates as UTF-8; gives the bytes. Planes above hold no letters. */
enum { CODES_END = 0x32400, RANGES_TEXT_BYTES = 1 << 16 };

struct classes {
    uint8_t *all; /* text of all code points below CODES_END */
    size_t all_bytes;
    uint8_t *is;                     /* [CODES_END] does PCRE2's own class hold it? */
    char letters[RANGES_TEXT_BYTES]; /* content of a [...] for \p{L} */
    char numbers[RANGES_TEXT_BYTES];
    char spaces[RANGES_TEXT_BYTES];
};

/* Appends "\x{first}-\x{last}" for every range of code points for which the flag is set. */
static void put_ranges(char *text, const uint8_t *flag, size_t count)
{
    size_t used = strlen(text);
    for (size_t first = 0; first < count;) {
        size_t last = first;
        if (!flag[first]) {
            first++;
            continue;
        }
        while (last + 1 < count && flag[last + 1]) {
            last++;
        }
        used += (size_t)snprintf(text + used, RANGES_TEXT_BYTES - used, "\\x{%zX}-\\x{%zX}", first,
                                 last);
        first = last + 1;
    }
}

/* What PCRE2 takes for the class: runs of it in the text of all code points. */
static vlt_status ask_pcre2(struct classes *classes, const char *pattern, vlt_error *err)
{
    pcre2_code *code = NULL;
    pcre2_match_data *match = NULL;
    vlt_status status = compile(pattern, &code, err);
    if (status == VLT_OK && !(match = pcre2_match_data_create(1, NULL))) {
        status = fail_pcre2(0, "match data", err);
    }
    memset(classes->is, 0, CODES_END);
    size_t at = 0;
    while (status == VLT_OK && pcre2_match(code, classes->all, classes->all_bytes, at,
                                           PCRE2_NO_UTF_CHECK, match, NULL) > 0) {
        const PCRE2_SIZE *range = pcre2_get_ovector_pointer(match);
        const uint8_t *p = classes->all + range[0];
        while (p < classes->all + range[1]) {
            classes->is[vlt_utf8_next_valid(&p)] = 1;
        }
        at = range[1];
    }
    pcre2_match_data_free(match);
    pcre2_code_free(code);
    return status;
}

/* A class of PCRE2 ("" : it has none), and the pattern for a run of it. */
struct pcre2_class {
    const char *class, *run;
};

/* PCRE2's class plus what it lacks; where it holds too much, the ranges one by one. */
static vlt_status name_class(struct classes *classes, const struct pcre2_class *own, int class,
                             char *text, vlt_error *err)
{
    bool excess = own->class[0] == '\0';
    vlt_status status = excess ? VLT_OK : ask_pcre2(classes, own->run, err);
    for (uint32_t code = 0; code < CODES_END; code++) {
        bool wanted = (vlt_unicode_property(code) & VLT_UNICODE_CLASS) == class;
        excess |= classes->is[code] && !wanted;
    }
    for (uint32_t code = 0; code < CODES_END; code++) {
        bool wanted = (vlt_unicode_property(code) & VLT_UNICODE_CLASS) == class;
        classes->is[code] = wanted && (excess || !classes->is[code]);
    }
    text[0] = '\0';
    if (!excess) {
        memcpy(text, own->class, strlen(own->class) + 1);
    }
    put_ranges(text, classes->is, CODES_END);
    return status;
}

/* The published pattern (harness/model/README.md#pre-tokenisation), its classes written out. */
static vlt_status compile_pattern(pcre2_code **out, vlt_error *err)
{
    static const char format[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n%s%s]?[%s]+|[%s]"
                                 "| ?[^%s%s%s]+[\\r\\n]*|[%s]*[\\r\\n]+|[%s]+(?![^%s])|[%s]+";
    vlt_status status = VLT_OK;
    struct classes *c = calloc(1, sizeof *c);
    char *pattern = malloc(12 * (size_t)RANGES_TEXT_BYTES);
    *out = NULL;
    if (!c || !pattern || !(c->all = malloc(4 * (size_t)CODES_END)) ||
        !(c->is = calloc(CODES_END, 1))) {
        status = fail_pcre2(0, "tables", err);
        goto done;
    }
    for (uint32_t code = 0; code < CODES_END; code++) {
        if (code < 0xD800 || code > 0xDFFF) {
            c->all_bytes += vlt_utf8_put(c->all + c->all_bytes, code);
        }
    }
    static const struct pcre2_class none = {"", ""}, letter = {"\\p{L}", "\\p{L}+"},
                                    number = {"\\p{N}", "\\p{N}+"};
    if ((status = name_class(c, &none, VLT_CLASS_SPACE, c->spaces, err)) != VLT_OK ||
        (status = name_class(c, &letter, VLT_CLASS_LETTER, c->letters, err)) != VLT_OK ||
        (status = name_class(c, &number, VLT_CLASS_NUMBER, c->numbers, err)) != VLT_OK) {
        goto done;
    }
    snprintf(pattern, 12 * (size_t)RANGES_TEXT_BYTES, format, c->letters, c->numbers, c->letters,
             c->numbers, c->spaces, c->letters, c->numbers, c->spaces, c->spaces, c->spaces,
             c->spaces);
    status = compile(pattern, out, err);
done:
    if (c) {
        free(c->all);
        free(c->is);
    }
    free(c);
    free(pattern);
    return status;
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    enum { STACK_START = 32 << 10, STACK_MAX = 64 << 20 };
    const vlt_bpe_encode_constants *constants = plan->problem.constants;
    struct state *s = plan->state = calloc(1, sizeof *s);
    if (!s) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "bpe_encode/baseline: out of memory");
    }
    s->vocab = constants->vocab;
    s->text_max = (size_t)plan->problem.dim[VLT_BPE_ENCODE_DIM_BYTES];
    vlt_status status = vlt_bpe_scratch_init(&s->scratch, s->text_max, err);
    if (status == VLT_OK) {
        status = compile_pattern(&s->code, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    s->match = pcre2_match_data_create(1, NULL);
    s->match_context = pcre2_match_context_create(NULL);
    s->stack = pcre2_jit_stack_create(STACK_START, STACK_MAX, NULL);
    if (!s->match || !s->match_context || !s->stack) {
        return fail_pcre2(0, "match data", err);
    }
    /* A run of a million blanks is legal input, so no limit but the stack's. */
    pcre2_set_match_limit(s->match_context, UINT32_MAX);
    pcre2_set_depth_limit(s->match_context, UINT32_MAX);
    pcre2_set_heap_limit(s->match_context, UINT32_MAX);
    pcre2_jit_stack_assign(s->match_context, NULL, s->stack);
    return VLT_OK;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    static const vlt_bpe_steps steps = {normalise, encode};
    struct state *s = plan->state;
    return vlt_bpe_text(s->vocab, &steps, s, s->text_max, args, err);
}

static void release(vlt_plan *plan)
{
    struct state *s = plan->state;
    if (s) {
        pcre2_jit_stack_free(s->stack);
        pcre2_match_context_free(s->match_context);
        pcre2_match_data_free(s->match);
        pcre2_code_free(s->code);
        vlt_bpe_scratch_release(&s->scratch);
        free(s);
    }
}

VLT_VARIANT(bpe_encode, baseline, .summary = "PCRE2 with JIT, utf8proc, textbook merges",
            .prepare = prepare, .run = run, .release = release);
