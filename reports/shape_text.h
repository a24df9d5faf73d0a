/* shape_text.h: problems as people write them: "640x480 -> 576x416" for a resize. */
#ifndef VLT_REPORTS_SHAPE_TEXT_H
#define VLT_REPORTS_SHAPE_TEXT_H

#include <stddef.h>

/* dims is a text of vlt_problem_format ("src_h=480,src_w=640,..."). Operators without a
 * label (op.h), and other texts, are copied as they are. */
void vlt_shape_text(const char *op, const char *dims, char *text, size_t text_bytes);

#endif
