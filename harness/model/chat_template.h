/* chat_template.h: is the checkpoint's chat template the one that chat.c renders?
 *
 * Templates are programs in Jinja and are not run here: chat.c is one of them in C. A checkpoint
 * that brings another one (a thinking model, a fine-tune with a default system message) would be
 * prompted differently by its reference, and that must be said. Known are the texts of the
 * templates that render what chat.c renders, by SHA-256.
 */
#ifndef VLT_CHAT_TEMPLATE_H
#define VLT_CHAT_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "optimizations/core/status.h"

/* Looks where the reference looks: chat_template.jinja, chat_template.json, processor_config.json,
 * tokenizer_config.json; the first that has a template counts. VLT_OK when it is known or there is
 * none. UNSUPPORTED, for a warning and not for giving up: it is foreign, cannot be read or, without
 * libcrypto, judged; the message names the file. */
vlt_status vlt_chat_template_check(const char *folder, vlt_error *err);

/* Of a text, white space at its end apart. */
bool vlt_chat_template_known(const char *text, size_t bytes);

#endif
