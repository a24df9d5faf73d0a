/* chat_python.h: values as Python writes them, for the chat template. */
#ifndef VLT_CHAT_PYTHON_H
#define VLT_CHAT_PYTHON_H

#include "harness/json/buffer.h"
#include "harness/json/tree.h"

/* json.dumps(value, ensure_ascii=False) */
void vlt_python_dumps(vlt_buffer *buffer, const vlt_tree *value);

/* str(value) of a string, number, true, false or null; false for lists and objects. */
bool vlt_python_str(vlt_buffer *buffer, const vlt_tree *value);

/* bool(value); NULL (undefined) is false. */
bool vlt_python_true(const vlt_tree *value);

#endif
