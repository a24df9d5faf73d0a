/* device_blocks.h: device memory of the devices that live in host memory, with checked ranges. */
#ifndef VLT_DEVICE_BLOCKS_H
#define VLT_DEVICE_BLOCKS_H

#include "optimizations/device/device.h"

enum { VLT_DEVICE_BLOCKS_MAX = 256 };

/* An address is the block's own; used by one thread at a time. {0} is empty. */
typedef struct vlt_device_blocks {
    struct {
        unsigned char *base;
        size_t bytes;
    } block[VLT_DEVICE_BLOCKS_MAX];
    int count;
    size_t total_bytes;
    size_t limit_bytes; /* 0: none */
} vlt_device_blocks;

/* NOMEM beyond the limit or when the system has none; LIMIT when there are too many blocks. */
vlt_status vlt_device_blocks_alloc(vlt_device_blocks *blocks, size_t bytes, vlt_device_address *out,
                                   vlt_error *err);
void vlt_device_blocks_free(vlt_device_blocks *blocks, vlt_device_address address);
void vlt_device_blocks_release(vlt_device_blocks *blocks);

/* Memory behind [address, address + bytes), or NULL with INPUT when no block holds all of it. */
void *vlt_device_blocks_memory(const vlt_device_blocks *blocks, vlt_device_address address,
                               size_t bytes, const char *what, vlt_error *err);

#endif
