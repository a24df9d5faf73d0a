/* Any bytes as a conversation: refused or rendered; what is rendered is valid UTF-8 without gaps in
 * its media, its stretches from outside lie in order; what strict accepts is rendered as ever, with
 * media that have no problem. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/chat.h"
#include "optimizations/bpe_encode/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const vlt_chat *chat)
{
    const uint8_t *p = (const uint8_t *)chat->text, *end = p + chat->text_bytes;
    while (p < end) {
        bool complete;
        p += vlt_utf8_span(p, (size_t)(end - p), &complete);
        if (!complete) {
            abort();
        }
    }
    for (size_t i = 0, at = 0; i < chat->outside_count; i++) {
        const vlt_text_range *range = &chat->outside[i];
        if (range->first < at + (i > 0) || range->end <= range->first ||
            range->end > chat->text_bytes) {
            abort();
        }
        at = range->end;
    }
    for (int i = 0; i < chat->media_count; i++) {
        const vlt_media *media = &chat->media[i];
        if (media->kind == VLT_MEDIA_IMAGE && !media->source && !media->problem) {
            abort();
        }
        for (int f = 0; f < media->frame_count; f++) {
            if (!media->frames[f] || !media->frame_indices) {
                abort();
            }
        }
    }
}

static void check_strict(const vlt_tree *messages, vlt_chat_options options,
                         const vlt_chat *lenient)
{
    vlt_chat chat;
    vlt_error err = {0};
    options.strict = true;
    if (vlt_chat_render(messages, &options, &chat, &err) != VLT_OK) {
        if (!err.message[0]) {
            abort();
        }
        return;
    }
    if (chat.text_bytes != lenient->text_bytes || chat.media_count != lenient->media_count ||
        (chat.text_bytes && memcmp(chat.text, lenient->text, chat.text_bytes) != 0)) {
        abort();
    }
    for (int i = 0; i < chat.media_count; i++) {
        const vlt_media *media = &chat.media[i];
        if (media->problem || (media->kind == VLT_MEDIA_IMAGE && !media->source) ||
            (media->kind == VLT_MEDIA_VIDEO && media->frame_count < 1)) {
            abort();
        }
    }
    vlt_chat_release(&chat);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vlt_tree_document *document;
    vlt_chat_options options = {0};
    vlt_chat chat;
    vlt_error err = {0};
    if (vlt_tree_parse((const char *)data, size, "input", true, &document, &err) != VLT_OK) {
        return 0;
    }
    const vlt_tree *root = vlt_tree_root(document), *messages = vlt_tree_get(root, "messages");
    if (vlt_chat_options_read(vlt_tree_get(root, "options"), &options, &err) == VLT_OK &&
        vlt_chat_render(messages ? messages : root, &options, &chat, &err) == VLT_OK) {
        check(&chat);
        check_strict(messages ? messages : root, options, &chat);
        vlt_chat_release(&chat);
    }
    vlt_tree_destroy(document);
    return 0;
}
