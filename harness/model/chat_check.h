/* chat_check.h: what of a conversation the template would leave out.
 *
 * The published template drops without a word what it has no place for: pictures of system and
 * assistant turns, items of a type that it does not know, a text beside a picture in one item. An
 * answer given without them looks like one that was given with them, so who answers asks here
 * first; who only renders (vltune tokenize --render) renders as the template does.
 */
#ifndef VLT_CHAT_CHECK_H
#define VLT_CHAT_CHECK_H

#include "harness/model/chat.h"

/* INPUT names the message, the item and the key. Turns of unknown roles are passed over: all of
 * such a turn is left out, which vlt_chat_render says. Keys of pictures that do nothing
 * (max_pixels) give a warning. */
vlt_status vlt_chat_check(const vlt_tree *messages, const vlt_chat_options *options,
                          vlt_error *err);

#endif
