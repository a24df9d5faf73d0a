#include "harness/measure/cupti_records.h"

#include <assert.h>
#include <string.h>

struct kernel_prefix {
    uint32_t kind;
    uint8_t cache_config, shared_config;
    uint16_t registers;
    uint32_t partitioned[2];
    uint64_t start_ns, end_ns;
    uint64_t completed_ns;
    uint32_t device, context, stream;
    int32_t grid[3];
};

struct copy_prefix {
    uint32_t kind;
    uint8_t copy_kind, from_kind, to_kind, flags;
    uint64_t bytes;
    uint64_t start_ns, end_ns;
    uint32_t device, context, stream;
};

static_assert(offsetof(struct kernel_prefix, registers) == 6, "layout of kernel records");
static_assert(offsetof(struct kernel_prefix, start_ns) == 16, "layout of kernel records");
static_assert(offsetof(struct kernel_prefix, stream) == 48, "layout of kernel records");
static_assert(offsetof(struct kernel_prefix, grid) == 52, "layout of kernel records");
static_assert(offsetof(struct copy_prefix, bytes) == 8, "layout of copy records");
static_assert(offsetof(struct copy_prefix, start_ns) == 16, "layout of copy records");
static_assert(offsetof(struct copy_prefix, stream) == 40, "layout of copy records");

bool vlt_cupti_record_read(const void *record, vlt_activity *out)
{
    enum { HOST_TO_DEVICE = 1, DEVICE_TO_HOST = 2 };
    uint32_t kind;
    memcpy(&kind, record, sizeof kind);
    if (kind == VLT_CUPTI_KIND_CONCURRENT_KERNEL) {
        struct kernel_prefix kernel;
        memcpy(&kernel, record, sizeof kernel);
        *out = (vlt_activity){.kind = VLT_ACTIVITY_KERNEL,
                              .stream = kernel.stream,
                              .start_ns = kernel.start_ns,
                              .end_ns = kernel.end_ns};
        return true;
    }
    if (kind == VLT_CUPTI_KIND_MEMCPY) {
        struct copy_prefix copy;
        memcpy(&copy, record, sizeof copy);
        if (copy.copy_kind != HOST_TO_DEVICE && copy.copy_kind != DEVICE_TO_HOST) {
            return false;
        }
        *out = (vlt_activity){.kind = copy.copy_kind == HOST_TO_DEVICE ? VLT_ACTIVITY_COPY_TO
                                                                       : VLT_ACTIVITY_COPY_FROM,
                              .stream = copy.stream,
                              .start_ns = copy.start_ns,
                              .end_ns = copy.end_ns,
                              .bytes = copy.bytes};
        return true;
    }
    return false;
}
