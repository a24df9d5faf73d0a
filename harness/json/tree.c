#include "harness/json/tree.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/memory.h"

/* Nodes of finished containers and undone strings live in a chain of blocks. */
struct block {
    struct block *next;
    size_t size, used;
    unsigned char data[];
};

struct vlt_tree_document {
    vlt_tree root;
    struct block *blocks;
};

struct parser {
    const unsigned char *start, *at, *end;
    const char *name;
    vlt_error *err;
    vlt_tree_document *document;
    bool merge_keys;
    vlt_tree *stack; /* values of the containers that are still open */
    size_t stack_count, stack_max;
    int depth;
};

static vlt_status bad(struct parser *p, const char *what)
{
    return vlt_fail(p->err, VLT_STATUS_INPUT, "%s: byte %zu: %s", p->name,
                    (size_t)(p->at - p->start), what);
}

static void *take(struct parser *p, size_t bytes)
{
    enum { BLOCK_BYTES = 1 << 16 };
    struct block *block = p->document->blocks;
    bytes = (bytes + 15) & ~(size_t)15;
    if (!block || block->size - block->used < bytes) {
        size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        /* The more there is, the larger the next block. */
        size = block && block->size * 2 > size && block->size < (1 << 24) ? block->size * 2 : size;
        block = malloc(sizeof *block + size);
        if (!block) {
            vlt_fail(p->err, VLT_STATUS_NOMEM, "%s: out of memory", p->name);
            return NULL;
        }
        block->next = p->document->blocks;
        block->size = size;
        block->used = 0;
        p->document->blocks = block;
    }
    void *piece = block->data + block->used;
    block->used += bytes;
    return piece;
}

static vlt_status push(struct parser *p, const vlt_tree *value)
{
    if (p->stack_count == p->stack_max) {
        size_t room = p->stack_max ? p->stack_max * 2 : 256, bytes;
        vlt_tree *stack = vlt_mul_size(room, sizeof *stack, &bytes) ? realloc(p->stack, bytes)
                                                                    : NULL;
        if (!stack) {
            return vlt_fail(p->err, VLT_STATUS_NOMEM, "%s: out of memory", p->name);
        }
        p->stack = stack;
        p->stack_max = room;
    }
    p->stack[p->stack_count++] = *value;
    return VLT_OK;
}

static void skip_space(struct parser *p)
{
    while (p->at < p->end &&
           (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t')) {
        p->at++;
    }
}

static int hex_digit(unsigned char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Four hex digits behind \u at p->at; -1 when they are none. */
static int32_t hex_code(struct parser *p)
{
    int32_t code = 0;
    if (p->end - p->at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p->at[i]);
        if (digit < 0) {
            return -1;
        }
        code = code << 4 | digit;
    }
    p->at += 4;
    return code;
}

/* The code point behind "\u". */
static vlt_status parse_code(struct parser *p, uint32_t *out)
{
    int32_t code = hex_code(p);
    if (code < 0) {
        return bad(p, "\\u without four hex digits");
    }
    if (code >= 0xDC00 && code <= 0xDFFF) {
        return bad(p, "lone low surrogate");
    }
    if (code >= 0xD800 && code <= 0xDBFF) {
        if (p->end - p->at < 2 || p->at[0] != '\\' || p->at[1] != 'u') {
            return bad(p, "lone high surrogate");
        }
        p->at += 2;
        int32_t low = hex_code(p);
        if (low < 0xDC00 || low > 0xDFFF) {
            return bad(p, "lone high surrogate");
        }
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    *out = (uint32_t)code;
    return VLT_OK;
}

static size_t put_code(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t extra = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(lead[extra] | code >> 6 * extra);
    for (size_t i = 1; i <= extra; i++) {
        out[i] = (char)(0x80 | (code >> 6 * (extra - i) & 0x3F));
    }
    return extra + 1;
}

/* Checks the multi-byte sequence at p->at and steps over it. */
static vlt_status skip_sequence(struct parser *p)
{
    const unsigned char *c = p->at;
    size_t left = (size_t)(p->end - c);
    size_t length = c[0] < 0xC2 ? 0 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : c[0] < 0xF5 ? 4 : 0;
    unsigned char low = c[0] == 0xE0 ? 0xA0 : c[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = c[0] == 0xED ? 0x9F : c[0] == 0xF4 ? 0x8F : 0xBF;
    if (length == 0 || length > left || c[1] < low || c[1] > high) {
        return bad(p, "invalid UTF-8");
    }
    for (size_t i = 2; i < length; i++) {
        if ((c[i] & 0xC0) != 0x80) {
            return bad(p, "invalid UTF-8");
        }
    }
    p->at += length;
    return VLT_OK;
}

/* Steps to the closing quote; says whether there are escapes. */
static vlt_status find_quote(struct parser *p, bool *escaped)
{
    vlt_status status = VLT_OK;
    *escaped = false;
    while (p->at < p->end && *p->at != '"' && status == VLT_OK) {
        if (*p->at < 0x20) {
            return bad(p, "control character in a string");
        }
        if (*p->at == '\\') {
            *escaped = true;
            p->at++;
            if (p->at == p->end) {
                break;
            }
        }
        if (*p->at < 0x80) {
            p->at++;
        } else {
            status = skip_sequence(p);
        }
    }
    if (status == VLT_OK && p->at == p->end) {
        return bad(p, "string without its end");
    }
    return status;
}

/* One escape; p->at is behind the backslash. */
static vlt_status undo_escape(struct parser *p, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    unsigned char c = *p->at++;
    if (c == 'u') {
        uint32_t code = 0;
        vlt_status status = parse_code(p, &code);
        if (status == VLT_OK) {
            *out += put_code(*out, code);
        }
        return status;
    }
    const char *found = c ? strchr(from, c) : NULL;
    if (!found) {
        p->at--;
        return bad(p, "unknown escape");
    }
    *(*out)++ = to[found - from];
    return VLT_OK;
}

static vlt_status parse_string(struct parser *p, vlt_tree *value)
{
    const unsigned char *first = ++p->at;
    bool escaped;
    vlt_status status = find_quote(p, &escaped);
    *value = (vlt_tree){.type = VLT_TREE_STRING, .text = (const char *)first};
    if (status != VLT_OK) {
        return status;
    }
    const unsigned char *last = p->at;
    value->length = (size_t)(last - first);
    if (escaped) {
        char *text = take(p, value->length), *used = text;
        if (!text) {
            return VLT_STATUS_NOMEM;
        }
        for (p->at = first; p->at < last && status == VLT_OK;) {
            if (*p->at == '\\') {
                p->at++;
                status = undo_escape(p, &used);
            } else {
                *used++ = (char)*p->at++;
            }
        }
        value->text = text;
        value->length = (size_t)(used - text);
    }
    p->at = status == VLT_OK ? last + 1 : p->at;
    return status;
}

static void skip_digits(struct parser *p)
{
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9') {
        p->at++;
    }
}

static vlt_status parse_number(struct parser *p, vlt_tree *value)
{
    const unsigned char *first = p->at, *digits;
    *value = (vlt_tree){.type = VLT_TREE_INTEGER, .text = (const char *)first};
    p->at += *p->at == '-';
    digits = p->at;
    skip_digits(p);
    if (p->at == digits || (*digits == '0' && p->at - digits > 1)) {
        p->at = first;
        return bad(p, "no value");
    }
    if (p->at < p->end && *p->at == '.') {
        value->type = VLT_TREE_REAL;
        digits = ++p->at;
        skip_digits(p);
        if (p->at == digits) {
            return bad(p, "number without digits behind its point");
        }
    }
    if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
        value->type = VLT_TREE_REAL;
        p->at++;
        p->at += p->at < p->end && (*p->at == '+' || *p->at == '-');
        digits = p->at;
        skip_digits(p);
        if (p->at == digits) {
            return bad(p, "number without digits in its exponent");
        }
    }
    value->length = (size_t)(p->at - first);
    return VLT_OK;
}

static vlt_status parse_word(struct parser *p, vlt_tree *value)
{
    static const struct {
        const char *word;
        vlt_tree_type type;
    } words[] = {{"null", VLT_TREE_NULL},     {"true", VLT_TREE_TRUE},
                 {"false", VLT_TREE_FALSE},   {"NaN", VLT_TREE_REAL},
                 {"Infinity", VLT_TREE_REAL}, {"-Infinity", VLT_TREE_REAL}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i].word);
        if ((size_t)(p->end - p->at) >= length && memcmp(p->at, words[i].word, length) == 0) {
            *value = (vlt_tree){
                .type = words[i].type, .text = (const char *)p->at, .length = length};
            p->at += length;
            return VLT_OK;
        }
    }
    return parse_number(p, value);
}

/* Moves the values above `base` from the stack into the document. */
static vlt_status close_container(struct parser *p, size_t base, vlt_tree *value)
{
    size_t count = p->stack_count - base, per = value->type == VLT_TREE_OBJECT ? 2 : 1;
    if (count / per > UINT32_MAX) {
        return bad(p, "too many elements");
    }
    value->count = (uint32_t)(count / per);
    if (count) {
        vlt_tree *child = take(p, count * sizeof *child);
        if (!child) {
            return VLT_STATUS_NOMEM;
        }
        memcpy(child, p->stack + base, count * sizeof *child);
        value->child = child;
    }
    p->stack_count = base;
    return VLT_OK;
}

static int compare_keys(const vlt_tree *a, const vlt_tree *b)
{
    int order = memcmp(a->text, b->text, a->length < b->length ? a->length : b->length);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static int compare_members(const void *a, const void *b)
{
    const vlt_tree *x = *(const vlt_tree *const *)a, *y = *(const vlt_tree *const *)b;
    int order = compare_keys(x, y);
    return order ? order : (x > y) - (x < y);
}

/* Duplicate keys among the members on the stack: the last value goes to the first one's place, as
 * in a Python dictionary. */
static vlt_status merge_members(struct parser *p, size_t base)
{
    size_t count = (p->stack_count - base) / 2, kept = 0;
    vlt_tree *member = p->stack + base;
    const vlt_tree **sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted) {
        return vlt_fail(p->err, VLT_STATUS_NOMEM, "%s: out of memory", p->name);
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &member[2 * i];
    }
    qsort(sorted, count, sizeof *sorted, compare_members);
    for (size_t first = 0, next; first < count; first = next) {
        for (next = first + 1; next < count && compare_keys(sorted[first], sorted[next]) == 0;) {
            next++;
        }
        member[sorted[first] - member + 1] = sorted[next - 1][1];
        for (size_t i = first + 1; i < next; i++) {
            member[sorted[i] - member].type = VLT_TREE_NULL; /* no key is null: a mark */
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (member[2 * i].type == VLT_TREE_STRING) {
            member[2 * kept] = member[2 * i];
            member[2 * kept + 1] = member[2 * i + 1];
            kept++;
        }
    }
    p->stack_count = base + 2 * kept;
    free(sorted);
    return VLT_OK;
}

static vlt_status parse_value(struct parser *p, vlt_tree *value);

/* A key and its colon. */
static vlt_status parse_key(struct parser *p)
{
    vlt_tree key;
    skip_space(p);
    if (p->at == p->end || *p->at != '"') {
        return bad(p, "expected a key");
    }
    vlt_status status = parse_string(p, &key);
    if (status == VLT_OK) {
        skip_space(p);
        if (p->at == p->end || *p->at != ':') {
            return bad(p, "expected ':'");
        }
        p->at++;
        status = push(p, &key);
    }
    return status;
}

static vlt_status parse_container(struct parser *p, vlt_tree *value)
{
    bool object = *p->at == '{';
    unsigned char close = object ? '}' : ']';
    size_t base = p->stack_count;
    vlt_status status = VLT_OK;
    *value = (vlt_tree){.type = object ? VLT_TREE_OBJECT : VLT_TREE_ARRAY};
    if (++p->depth > VLT_TREE_DEPTH_MAX) {
        return bad(p, "nested too deep");
    }
    p->at++;
    skip_space(p);
    if (p->at < p->end && *p->at == close) {
        p->at++;
        p->depth--;
        return VLT_OK;
    }
    for (;;) {
        vlt_tree element;
        if ((object && (status = parse_key(p)) != VLT_OK) ||
            (status = parse_value(p, &element)) != VLT_OK ||
            (status = push(p, &element)) != VLT_OK) {
            return status;
        }
        skip_space(p);
        if (p->at == p->end || (*p->at != ',' && *p->at != close)) {
            return bad(p, object ? "expected ',' or '}'" : "expected ',' or ']'");
        }
        if (*p->at++ == close) {
            break;
        }
    }
    p->depth--;
    if (object && p->merge_keys) {
        status = merge_members(p, base);
    }
    return status == VLT_OK ? close_container(p, base, value) : status;
}

static vlt_status parse_value(struct parser *p, vlt_tree *value)
{
    skip_space(p);
    if (p->at == p->end) {
        return bad(p, "ends where a value is expected");
    }
    switch (*p->at) {
    case '{':
    case '[':
        return parse_container(p, value);
    case '"':
        return parse_string(p, value);
    default:
        return parse_word(p, value);
    }
}

vlt_status vlt_tree_parse(const char *text, size_t bytes, const char *name, bool merge_keys,
                          vlt_tree_document **out, vlt_error *err)
{
    struct parser p = {.start = (const unsigned char *)text,
                       .at = (const unsigned char *)text,
                       .end = (const unsigned char *)text + bytes,
                       .name = name,
                       .err = err,
                       .merge_keys = merge_keys};
    *out = NULL;
    p.document = calloc(1, sizeof *p.document);
    if (!p.document) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", name);
    }
    vlt_status status = parse_value(&p, &p.document->root);
    if (status == VLT_OK) {
        skip_space(&p);
        status = p.at == p.end ? VLT_OK : bad(&p, "more behind the value");
    }
    free(p.stack);
    if (status != VLT_OK) {
        vlt_tree_destroy(p.document);
        return status;
    }
    *out = p.document;
    return VLT_OK;
}

vlt_status vlt_tree_parse_file(const char *text, size_t bytes, const char *name, bool merge_keys,
                               vlt_tree_document **out, vlt_error *err)
{
    *out = NULL;
    return bytes ? vlt_tree_parse(text, bytes, name, merge_keys, out, err)
                 : vlt_fail(err, VLT_STATUS_INPUT, "%s: empty (0 bytes), expected JSON", name);
}

void vlt_tree_destroy(vlt_tree_document *document)
{
    if (document) {
        for (struct block *block = document->blocks, *next; block; block = next) {
            next = block->next;
            free(block);
        }
        free(document);
    }
}

const vlt_tree *vlt_tree_root(const vlt_tree_document *document)
{
    return &document->root;
}

const vlt_tree *vlt_tree_get(const vlt_tree *object, const char *key)
{
    if (!object || object->type != VLT_TREE_OBJECT) {
        return NULL;
    }
    for (uint32_t i = object->count; i-- > 0;) {
        if (vlt_tree_is(vlt_tree_key(object, i), key)) {
            return vlt_tree_value(object, i);
        }
    }
    return NULL;
}

bool vlt_tree_is(const vlt_tree *value, const char *text)
{
    return value && value->type == VLT_TREE_STRING && strlen(text) == value->length &&
           memcmp(value->text, text, value->length) == 0;
}

/* Numbers are short enough for a buffer, or else beyond every range that is asked for. */
static bool number_text(const vlt_tree *value, char *text, size_t room)
{
    if (value->length >= room) {
        return false;
    }
    memcpy(text, value->text, value->length);
    text[value->length] = '\0';
    return true;
}

bool vlt_tree_int(const vlt_tree *value, int64_t low, int64_t high, int64_t *out)
{
    char text[32];
    if (!value || value->type != VLT_TREE_INTEGER || !number_text(value, text, sizeof text)) {
        return false;
    }
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    if (errno || number < low || number > high) {
        return false;
    }
    *out = number;
    return true;
}

bool vlt_tree_double(const vlt_tree *value, double *out)
{
    char text[512];
    if (!value || (value->type != VLT_TREE_INTEGER && value->type != VLT_TREE_REAL) ||
        !number_text(value, text, sizeof text)) {
        return false;
    }
    *out = strtod(text, NULL);
    return isfinite(*out);
}

vlt_quoted_text vlt_tree_quoted(const vlt_tree *value)
{
    static const char *const names[] = {
        [VLT_TREE_ARRAY] = "an array", [VLT_TREE_OBJECT] = "an object"};
    vlt_quoted_text quoted;
    if (value && value->type == VLT_TREE_STRING) {
        /* 2 bytes shorter than it might be, so that both quotes stay */
        vlt_quoted_text inner = vlt_quoted(value->text, value->length);
        inner.text[vlt_utf8_cut(inner.text, strlen(inner.text), sizeof inner.text - 3)] = '\0';
        vlt_utf8_format(quoted.text, sizeof quoted.text, "'%s'", inner.text);
        return quoted;
    }
    if (value && value->type <= VLT_TREE_REAL) {
        return vlt_quoted(value->text, value->length);
    }
    return vlt_quoted_word(value ? names[value->type] : "missing");
}
