/* kv_view.h: keys or values of one sequence in one layer, as attention reads them.
 *
 * Element (row, head, i) lies in the format's encoding at data + row * row_bytes + head *
 * head_bytes. This covers the cache ([kv_head][capacity][head]) and the fused qkv rows of the
 * vision tower.
 */
#ifndef VLT_KV_VIEW_H
#define VLT_KV_VIEW_H

#include "optimizations/core/matrix.h"

typedef struct vlt_kv_view {
    const unsigned char *data;
    int64_t row_bytes, head_bytes;
    vlt_format format; /* F32 or BF16 */
} vlt_kv_view;

/* f32 with strides in elements. */
static inline vlt_kv_view vlt_kv_view_f32(const float *data, int64_t row, int64_t head)
{
    return (vlt_kv_view){.data = (const unsigned char *)data,
                         .row_bytes = row * (int64_t)sizeof *data,
                         .head_bytes = head * (int64_t)sizeof *data,
                         .format = VLT_FORMAT_F32};
}

static inline const unsigned char *vlt_kv_row(const vlt_kv_view *view, int64_t row, int64_t head)
{
    return view->data + row * view->row_bytes + head * view->head_bytes;
}

#endif
