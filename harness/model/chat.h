/* chat.h: conversations as chat clients write them -> the prompt text and its media items.
 *
 * The semantics are those of the published chat template (harness/model/README.md#chat-template),
 * natively in C: system, user, assistant and tool turns, contents that
 * are strings or lists of text, image and video items, tools, tool calls. JSON that reaches the
 * prompt (tools, arguments) is written as Python's json.dumps(x, ensure_ascii=False) writes it.
 * What the template cannot render (content null, a call without arguments) is refused, the message
 * naming the place; a role that it does not know renders nothing, with a warning. Who answers asks
 * to be strict: then what the template would leave out (chat_check.h) and what nobody could load is
 * refused, too.
 */
#ifndef VLT_CHAT_H
#define VLT_CHAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/json/tree.h"
#include "optimizations/bpe_encode/bpe_encode.h"
#include "optimizations/core/status.h"

typedef struct vlt_chat_options {
    bool add_generation_prompt;
    bool add_vision_id;    /* "Picture 1: " and "Video 1: " before the items */
    bool strict;           /* everything in the messages must reach the answer */
    const vlt_tree *tools; /* list of objects, or NULL */
    bool own_names;        /* the messages are our own: image_hex is a name that is no UTF-8 */
    /* NULL: silent. Called for unknown roles and unknown options. */
    void (*warn)(void *user, const char *message);
    void *warn_user;
} vlt_chat_options;

typedef enum vlt_media_kind { VLT_MEDIA_IMAGE, VLT_MEDIA_VIDEO } vlt_media_kind;

/* One image or video item, in the order of the placeholders. Strings and lists belong to the chat.
 */
typedef struct vlt_media {
    vlt_media_kind kind;
    const char *source;        /* image: path, URL or data URI; NULL where the item names none */
    const char *const *frames; /* video: [frame_count] paths; a lone path is a list of one */
    int frame_count;
    double fps;                   /* of the source; 24 where absent */
    const int64_t *frame_indices; /* [frame_count] source frame numbers; 0, 1, 2 ... where absent */
    const char *problem; /* why it cannot be loaded ("key 'fps' is -1, expected ..."), or NULL; not
                            strict: it renders all the same */
} vlt_media;

typedef struct vlt_chat {
    char *text; /* rendered, placeholders not expanded; NUL behind, NULs inside are possible */
    size_t text_bytes;
    vlt_text_range *outside; /* [outside_count] what is from the messages and the tools; all else is
                                the template's own */
    size_t outside_count;
    vlt_media *media; /* [media_count] */
    int media_count;
    bool own_names; /* of the options */
    void *memory;   /* of the media's strings and lists */
} vlt_chat;

/* Calls options->warn, if there is one. */
void vlt_chat_warn(const vlt_chat_options *options, const char *format, ...) VLT_PRINTF(2, 3);

/* Renders the list `messages`. INPUT names the message and what is wrong with it. On success the
 * caller releases *out; nothing in it points into the trees. */
vlt_status vlt_chat_render(const vlt_tree *messages, const vlt_chat_options *options, vlt_chat *out,
                           vlt_error *err);
void vlt_chat_release(vlt_chat *chat); /* may be called twice, or on {0} */

/* Reads add_generation_prompt, add_vision_id and tools from the object `options` (NULL: all
 * absent); absent ones are false. An unknown one gives a warning. */
vlt_status vlt_chat_options_read(const vlt_tree *object, vlt_chat_options *options, vlt_error *err);

/* The tools as a request brings them: a list of objects, or NULL or null for none. */
vlt_status vlt_chat_tools_read(const vlt_tree *tools, vlt_chat_options *options, vlt_error *err);

/* Python's json.dumps(value, ensure_ascii=False): malloc'ed, NUL behind. */
vlt_status vlt_chat_dumps(const vlt_tree *value, char **out, size_t *bytes, vlt_error *err);

#endif
