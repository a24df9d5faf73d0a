#include "optimizations/device/device_blocks.h"

#include "optimizations/core/memory.h"

vlt_status vlt_device_blocks_alloc(vlt_device_blocks *blocks, size_t bytes, vlt_device_address *out,
                                   vlt_error *err)
{
    void *memory;
    *out = 0;
    if (blocks->count == VLT_DEVICE_BLOCKS_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "device memory: more than %d blocks",
                        VLT_DEVICE_BLOCKS_MAX);
    }
    if (blocks->limit_bytes && bytes > blocks->limit_bytes - blocks->total_bytes) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "device memory: %zu bytes asked for, %zu left",
                        bytes, blocks->limit_bytes - blocks->total_bytes);
    }
    vlt_status status = vlt_alloc(bytes, &memory, err);
    if (status == VLT_OK) {
        blocks->block[blocks->count].base = memory;
        blocks->block[blocks->count++].bytes = bytes;
        blocks->total_bytes += bytes;
        *out = (vlt_device_address)(uintptr_t)memory;
    }
    return status;
}

void vlt_device_blocks_free(vlt_device_blocks *blocks, vlt_device_address address)
{
    for (int i = 0; i < blocks->count; i++) {
        if (address && (vlt_device_address)(uintptr_t)blocks->block[i].base == address) {
            blocks->total_bytes -= blocks->block[i].bytes;
            vlt_free(blocks->block[i].base);
            blocks->block[i] = blocks->block[--blocks->count];
            return;
        }
    }
}

void vlt_device_blocks_release(vlt_device_blocks *blocks)
{
    for (int i = 0; i < blocks->count; i++) {
        vlt_free(blocks->block[i].base);
    }
    blocks->count = 0;
    blocks->total_bytes = 0;
}

void *vlt_device_blocks_memory(const vlt_device_blocks *blocks, vlt_device_address address,
                               size_t bytes, const char *what, vlt_error *err)
{
    for (int i = 0; i < blocks->count; i++) {
        vlt_device_address base = (vlt_device_address)(uintptr_t)blocks->block[i].base;
        if (address >= base && address - base <= blocks->block[i].bytes &&
            bytes <= blocks->block[i].bytes - (address - base)) {
            return blocks->block[i].base + (address - base);
        }
    }
    vlt_fail(err, VLT_STATUS_INPUT, "%s: %zu bytes at %#llx lie in no block of device memory", what,
             bytes, (unsigned long long)address);
    return NULL;
}
