#include "harness/cli/tokenize_lines.h"

#include <stdlib.h>
#include <string.h>

#include "harness/json/tree.h"
#include "harness/model/chat.h"
#include "optimizations/bpe_encode/decode.h"
#include "optimizations/bpe_encode/utf8.h"
#include "optimizations/core/utf8_text.h"
#include "optimizations/tokenize_batch/tokenize_batch.h"

/* One line while its batch is being done. */
struct line {
    vlt_tree_document *document; /* owns the text of an encode line */
    const char *text;            /* to encode */
    size_t text_bytes;
    vlt_chat chat; /* render */
    char *decoded; /* decode */
    size_t decoded_bytes;
    vlt_status status; /* not VLT_OK: error tells why */
    char *error;
};

struct vlt_lines {
    const vlt_tokenizer *tokenizer;
    vlt_context *context;
    vlt_lines_options options;
    vlt_bpe_encode_constants constants;
    vlt_plan *plan; /* for batches of the sizes in its problem */
    struct line *line;
    const char **text;      /* [line_max] */
    size_t *text_bytes;     /* [line_max] */
    vlt_text_ranges *plain; /* [line_max] */
    size_t *id_first;       /* [line_max + 1] */
    size_t line_max;
    int32_t *ids; /* [id_max] */
    size_t id_max;
    vlt_lines_count count;
};

vlt_status vlt_lines_create(const vlt_tokenizer *tokenizer, vlt_context *context,
                            const vlt_lines_options *options, vlt_lines **out, vlt_error *err)
{
    vlt_lines *lines = calloc(1, sizeof *lines);
    *out = lines;
    if (!lines) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "out of memory");
    }
    lines->tokenizer = tokenizer;
    lines->context = context;
    lines->options = *options;
    lines->constants.vocab = vlt_tokenizer_vocab(tokenizer);
    return VLT_OK;
}

void vlt_lines_destroy(vlt_lines *lines)
{
    if (lines) {
        vlt_plan_destroy(lines->plan);
        free(lines->line);
        free(lines->text);
        free(lines->text_bytes);
        free(lines->plain);
        free(lines->id_first);
        free(lines->ids);
        free(lines);
    }
}

static void release_line(struct line *line)
{
    vlt_tree_destroy(line->document);
    vlt_chat_release(&line->chat);
    free(line->decoded);
    free(line->error);
    *line = (struct line){0};
}

static void note_error(struct line *line, vlt_status status, const vlt_error *err)
{
    line->status = status;
    free(line->error);
    line->error = strdup(err->message);
}

static vlt_status read_text(struct line *line, const vlt_tree *root, vlt_error *err)
{
    const vlt_tree *text = vlt_tree_get(root, "text");
    if (!text || text->type != VLT_TREE_STRING) {
        return vlt_fail(err, VLT_STATUS_INPUT, "key 'text' is %s, expected a string",
                        vlt_tree_quoted(text).text);
    }
    line->text = text->text;
    line->text_bytes = text->length;
    return VLT_OK;
}

static vlt_status read_ids(const vlt_lines *lines, struct line *line, const vlt_tree *root,
                           vlt_error *err)
{
    const vlt_tree *list = vlt_tree_get(root, "ids");
    if (!list || list->type != VLT_TREE_ARRAY) {
        return vlt_fail(err, VLT_STATUS_INPUT, "key 'ids' is %s, expected an array",
                        vlt_tree_quoted(list).text);
    }
    int32_t *ids = malloc(((size_t)list->count + 1) * sizeof *ids);
    vlt_status status = ids ? VLT_OK : vlt_fail(err, VLT_STATUS_NOMEM, "out of memory");
    for (uint32_t i = 0; i < list->count && status == VLT_OK; i++) {
        const vlt_tree *element = &list->child[i];
        int64_t id;
        if (!vlt_tree_int(element, 0, UINT32_MAX, &id)) {
            status = vlt_fail(err, VLT_STATUS_INPUT, "ids[%u] is %s, expected 0 to %u", (unsigned)i,
                              vlt_tree_quoted(element).text, UINT32_MAX);
        } else {
            ids[i] = id > INT32_MAX ? -1 : (int32_t)id; /* no token either way */
        }
    }
    if (status == VLT_OK) {
        status = vlt_decode(lines->constants.vocab, ids, list->count, lines->options.skip_special,
                            &line->decoded, &line->decoded_bytes, err);
    }
    free(ids);
    return status;
}

static vlt_status render(const vlt_lines *lines, struct line *line, const vlt_tree *root,
                         vlt_error *err)
{
    vlt_chat_options options = {.warn = lines->options.warn, .warn_user = lines->options.warn_user};
    vlt_status status = vlt_chat_options_read(vlt_tree_get(root, "options"), &options, err);
    if (status == VLT_OK) {
        status = vlt_chat_render(vlt_tree_get(root, "messages"), &options, &line->chat, err);
    }
    line->text = line->chat.text;
    line->text_bytes = line->chat.text_bytes;
    return status;
}

static void read_line(const vlt_lines *lines, struct line *line, const char *text, size_t bytes)
{
    vlt_error err = {0};
    vlt_status status = vlt_tree_parse(text, bytes, "line", true, &line->document, &err);
    if (status == VLT_OK && vlt_tree_root(line->document)->type != VLT_TREE_OBJECT) {
        status = vlt_fail(&err, VLT_STATUS_INPUT, "line: %s, expected an object",
                          vlt_tree_quoted(vlt_tree_root(line->document)).text);
    }
    if (status == VLT_OK) {
        const vlt_tree *root = vlt_tree_root(line->document);
        switch (lines->options.mode) {
        case VLT_LINES_ENCODE:
            status = read_text(line, root, &err);
            break;
        case VLT_LINES_DECODE:
            status = read_ids(lines, line, root, &err);
            break;
        case VLT_LINES_RENDER:
            status = render(lines, line, root, &err);
            break;
        }
    }
    if (status != VLT_OK) {
        note_error(line, status, &err);
    }
    if (lines->options.mode != VLT_LINES_ENCODE) {
        vlt_tree_destroy(line->document);
        line->document = NULL;
    }
}

/* Sizes by powers of two, so that plans and room are made anew now and then alone. */
static size_t room_for(size_t least)
{
    enum { SMALLEST = 64 };
    return (size_t)vlt_power_of_two(least > SMALLEST ? (int64_t)least : SMALLEST);
}

/* A plan for at least so much, and room for its ids. */
static vlt_status fit_plan(vlt_lines *lines, size_t texts, size_t bytes, vlt_error *err)
{
    if (lines->plan && (size_t)lines->plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_TEXTS] >= texts &&
        (size_t)lines->plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_BYTES] >= bytes) {
        return VLT_OK;
    }
    vlt_problem problem = vlt_tokenize_batch_problem((int64_t)room_for(texts), room_for(bytes),
                                                     &lines->constants);
    size_t bound = vlt_tokenize_batch_bound(problem.dim[VLT_TOKENIZE_BATCH_DIM_TEXTS],
                                            room_for(bytes));
    vlt_plan_destroy(lines->plan);
    lines->plan = NULL;
    if (bound > lines->id_max) {
        free(lines->ids);
        lines->id_max = 0;
        lines->ids = malloc(bound * sizeof *lines->ids);
        if (!lines->ids) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "texts of %zu bytes: out of memory", bytes);
        }
        lines->id_max = bound;
    }
    return vlt_plan_create(lines->context, &problem, &lines->plan, err);
}

/* Encodes lines [first, last) that have a text; puts nothing out yet. */
static vlt_status encode(vlt_lines *lines, size_t first, size_t last, vlt_error *err)
{
    /* Of a conversation the template's marks stay marks. */
    bool plain = lines->options.no_special && lines->options.mode == VLT_LINES_RENDER;
    size_t texts = 0, bytes = 0;
    for (size_t i = first; i < last; i++) {
        if (lines->line[i].status == VLT_OK) {
            const vlt_chat *chat = &lines->line[i].chat;
            lines->text[texts] = lines->line[i].text;
            lines->plain[texts] = (vlt_text_ranges){chat->outside, plain ? chat->outside_count : 0};
            lines->text_bytes[texts++] = lines->line[i].text_bytes;
            bytes += lines->line[i].text_bytes;
        }
    }
    vlt_status status = fit_plan(lines, texts, bytes, err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_tokenize_batch_args args = {.text = lines->text,
                                    .text_bytes = lines->text_bytes,
                                    .text_count = (int64_t)texts,
                                    .no_special = lines->options.no_special && !plain,
                                    .ids = lines->ids,
                                    .id_first = lines->id_first,
                                    .plain = lines->plain};
    return vlt_plan_run(lines->plan, (vlt_frame){0}, &args, err);
}

/* Messages may quote a name that was cut inside a character. */
static void put_error(vlt_buffer *out, const char *message)
{
    const uint8_t *p = (const uint8_t *)message, *end = p + strlen(message);
    vlt_buffer clean = {0};
    while (p < end) {
        uint8_t code[4];
        vlt_buffer_put(&clean, code, vlt_utf8_put(code, vlt_utf8_next(&p, end)));
    }
    vlt_buffer_text(out, "{\"error\":");
    vlt_buffer_json_string(out, clean.data ? clean.data : "", clean.bytes);
    vlt_buffer_text(out, "}\n");
    free(clean.data);
}

static void put_line(const vlt_lines *lines, const struct line *line, size_t *text_index,
                     vlt_buffer *out)
{
    if (line->status != VLT_OK) {
        put_error(out, line->error ? line->error : vlt_status_text(line->status));
        return;
    }
    if (lines->options.mode == VLT_LINES_DECODE) {
        vlt_buffer_text(out, "{\"text\":");
        vlt_buffer_json_string(out, line->decoded, line->decoded_bytes);
        vlt_buffer_text(out, "}\n");
        return;
    }
    vlt_buffer_text(out, "{");
    if (lines->options.mode == VLT_LINES_RENDER) {
        vlt_buffer_text(out, "\"rendered\":");
        vlt_buffer_json_string(out, line->text, line->text_bytes);
        vlt_buffer_text(out, ",");
    }
    size_t first = lines->id_first[*text_index], last = lines->id_first[*text_index + 1];
    vlt_buffer_text(out, "\"ids\":");
    vlt_buffer_json_ids(out, lines->ids + first, last - first);
    vlt_buffer_text(out, "}\n");
    (*text_index)++;
}

/* Encodes and puts out lines [first, last). When the whole does not go, each line is tried alone,
 * so that one that is too much costs its own answer only. */
static void finish(vlt_lines *lines, size_t first, size_t last, vlt_buffer *out)
{
    vlt_error err = {0};
    size_t text_index = 0;
    vlt_status status = lines->options.mode == VLT_LINES_DECODE ? VLT_OK
                                                                : encode(lines, first, last, &err);
    if (status != VLT_OK && last - first > 1) {
        for (size_t i = first; i < last; i++) {
            finish(lines, i, i + 1, out);
        }
        return;
    }
    if (status != VLT_OK && lines->line[first].status == VLT_OK) {
        note_error(&lines->line[first], status, &err);
    }
    for (size_t i = first; i < last; i++) {
        lines->count.done++;
        lines->count.failed += lines->line[i].status != VLT_OK;
        put_line(lines, &lines->line[i], &text_index, out);
    }
}

static vlt_status fit_lines(vlt_lines *lines, size_t count, vlt_error *err)
{
    if (count <= lines->line_max) {
        return VLT_OK;
    }
    size_t room = room_for(count);
    struct line *line = realloc(lines->line, room * sizeof *line);
    lines->line = line ? line : lines->line;
    const char **text = realloc(lines->text, room * sizeof *text);
    lines->text = text ? text : lines->text;
    size_t *text_bytes = realloc(lines->text_bytes, room * sizeof *text_bytes);
    lines->text_bytes = text_bytes ? text_bytes : lines->text_bytes;
    vlt_text_ranges *plain = realloc(lines->plain, room * sizeof *plain);
    lines->plain = plain ? plain : lines->plain;
    size_t *id_first = realloc(lines->id_first, (room + 1) * sizeof *id_first);
    lines->id_first = id_first ? id_first : lines->id_first;
    if (!line || !text || !text_bytes || !plain || !id_first) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%zu lines: out of memory", count);
    }
    memset(line, 0, room * sizeof *line);
    lines->line_max = room;
    return VLT_OK;
}

vlt_status vlt_lines_run(vlt_lines *lines, const char *text, size_t bytes, vlt_buffer *out,
                         vlt_error *err)
{
    const char *end = text + bytes;
    size_t count = 0;
    for (const char *p = text; p < end; count++) {
        const char *feed = memchr(p, '\n', (size_t)(end - p));
        p = feed ? feed + 1 : end;
    }
    vlt_status status = fit_lines(lines, count, err);
    if (status != VLT_OK) {
        return status;
    }
    size_t index = 0;
    for (const char *p = text; p < end; index++) {
        const char *feed = memchr(p, '\n', (size_t)(end - p));
        read_line(lines, &lines->line[index], p, (size_t)((feed ? feed : end) - p));
        p = feed ? feed + 1 : end;
    }
    finish(lines, 0, count, out);
    for (size_t i = 0; i < count; i++) {
        release_line(&lines->line[i]);
    }
    return out->failed
               ? vlt_fail(err, VLT_STATUS_NOMEM, "output of %zu lines: out of memory", count)
               : VLT_OK;
}

vlt_lines_count vlt_lines_counted(const vlt_lines *lines)
{
    return lines->count;
}
