/* chat_media.h: what an image or video item of a message names. */
#ifndef VLT_CHAT_MEDIA_H
#define VLT_CHAT_MEDIA_H

#include "harness/model/chat.h"

/* Appends the item's media to the chat, strings copied. */
vlt_status vlt_chat_media_add(vlt_chat *chat, vlt_media_kind kind, const vlt_tree *item,
                              vlt_error *err);
void vlt_chat_media_release(vlt_chat *chat);

#endif
