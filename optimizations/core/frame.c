#include "optimizations/core/frame.h"

#include <assert.h>

void vlt_frame_add(size_t *bytes, size_t more)
{
    if (!vlt_add_size(*bytes, more, bytes)) {
        *bytes = SIZE_MAX;
    }
}

void vlt_frame_reserve(size_t *bytes, size_t count, size_t element_bytes)
{
    size_t piece;
    vlt_frame_add(bytes, vlt_piece_bytes(count, element_bytes, &piece) ? piece : SIZE_MAX);
}

void *vlt_frame_take(vlt_frame *frame, size_t count, size_t element_bytes)
{
    size_t bytes = 0;
    bool fits = vlt_piece_bytes(count, element_bytes, &bytes) && bytes <= frame->left_bytes;
    assert(fits);
    if (!fits) {
        return NULL;
    }
    void *piece = frame->base;
    VLT_UNPOISON(piece, count * element_bytes);
    VLT_POISON(frame->base + count * element_bytes, bytes - count * element_bytes);
    frame->base += bytes;
    frame->left_bytes -= bytes;
    return piece;
}

void vlt_frames_reserve(size_t *bytes, int workers, size_t each_bytes)
{
    vlt_frame_reserve(bytes, (size_t)workers, each_bytes);
}

vlt_frames vlt_frames_take(vlt_frame *frame, int workers, size_t each_bytes)
{
    return (vlt_frames){.base = vlt_frame_take(frame, (size_t)workers, each_bytes),
                        .each_bytes = each_bytes};
}

vlt_frame vlt_frames_of(const vlt_frames *frames, int worker)
{
    return (vlt_frame){.base = frames->base + (size_t)worker * frames->each_bytes,
                       .left_bytes = frames->each_bytes};
}

void vlt_frame_seal(vlt_frame frame)
{
    if (frame.base) {
        VLT_POISON(frame.base, frame.left_bytes);
    }
}

vlt_status vlt_scratch_reserve(vlt_scratch *scratch, size_t bytes, vlt_error *err)
{
    return vlt_scratch_reserve_by(scratch, NULL, bytes, err);
}

vlt_status vlt_scratch_reserve_by(vlt_scratch *scratch, const vlt_memory_policy *policy,
                                  size_t bytes, vlt_error *err)
{
    vlt_policy_block block;
    if (bytes <= scratch->size_bytes) {
        return VLT_OK;
    }
    vlt_status status = vlt_policy_block_take_raw(policy, bytes, &block, err);
    if (status != VLT_OK) {
        return vlt_fail_in(err, status, "scratch: ");
    }
    vlt_scratch_release(scratch);
    *scratch = (vlt_scratch){.base = block.data, .size_bytes = bytes, .pages = block.pages};
    return VLT_OK;
}

vlt_frame vlt_scratch_frame(const vlt_scratch *scratch)
{
    return (vlt_frame){.base = scratch->base, .left_bytes = scratch->size_bytes};
}

void vlt_scratch_release(vlt_scratch *scratch)
{
    vlt_policy_block block = {
        .data = scratch->base, .bytes = scratch->size_bytes, .pages = scratch->pages};
    if (scratch->base) {
        VLT_UNPOISON(scratch->base, scratch->size_bytes);
    }
    vlt_policy_block_release(&block);
    *scratch = (vlt_scratch){0};
}
