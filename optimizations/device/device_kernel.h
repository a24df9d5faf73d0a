/* device_kernel.h: code for a device, made from text and macros when a plan is prepared, launched
 * with real arguments.
 *
 *   source    CUDA C text with the name of its entry, and the same work as a C function for the
 *             devices that live in host memory; both get the macros
 *   create    compiles (CUDA) or binds (host, simulated): in prepare, never in run
 *   launch    grid, block and arguments as the entry declares them, in that order; copied by the
 *             call, so the caller may change them at once
 */
#ifndef VLT_DEVICE_KERNEL_H
#define VLT_DEVICE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

enum { VLT_KERNEL_ARGUMENTS_MAX = 8, VLT_KERNEL_MACROS_MAX = 16 };

typedef uint64_t vlt_device_address; /* opaque; 0 is none */
typedef struct vlt_kernel vlt_kernel;

/* -DNAME=VALUE of the compiler. The name is borrowed for the life of the kernel. */
typedef struct vlt_kernel_macro {
    const char *name;
    int64_t value;
} vlt_kernel_macro;

typedef enum vlt_argument_kind {
    VLT_ARGUMENT_MEMORY, /* T * */
    VLT_ARGUMENT_I32,    /* int */
    VLT_ARGUMENT_I64,    /* long long */
    VLT_ARGUMENT_F32     /* float */
} vlt_argument_kind;

typedef struct vlt_kernel_argument {
    vlt_argument_kind kind;
    size_t bytes; /* MEMORY: how many from the address on the kernel may touch */
    union {
        vlt_device_address memory;
        int32_t i32;
        int64_t i64;
        float f32;
    } value;
} vlt_kernel_argument;

static inline vlt_kernel_argument vlt_argument_memory(vlt_device_address memory, size_t bytes)
{
    return (vlt_kernel_argument){VLT_ARGUMENT_MEMORY, bytes, {.memory = memory}};
}

static inline vlt_kernel_argument vlt_argument_i32(int32_t value)
{
    return (vlt_kernel_argument){VLT_ARGUMENT_I32, 0, {.i32 = value}};
}

static inline vlt_kernel_argument vlt_argument_i64(int64_t value)
{
    return (vlt_kernel_argument){VLT_ARGUMENT_I64, 0, {.i64 = value}};
}

static inline vlt_kernel_argument vlt_argument_f32(float value)
{
    return (vlt_kernel_argument){VLT_ARGUMENT_F32, 0, {.f32 = value}};
}

typedef struct vlt_kernel_launch {
    unsigned grid[3], block[3]; /* each at least 1 */
    size_t shared_bytes;        /* of a block, beside what the text declares */
    int argument_count;
    vlt_kernel_argument argument[VLT_KERNEL_ARGUMENTS_MAX];
} vlt_kernel_launch;

/* The whole grid at once. Memory arguments are addresses of the host. */
typedef void vlt_host_kernel(const vlt_kernel_launch *launch, const vlt_kernel_macro *macro,
                             int macro_count);

/* Texts are borrowed and outlive the kernels. */
typedef struct vlt_kernel_source {
    const char *entry; /* extern "C" name in the text, and the name in errors */
    const char *text;
    vlt_host_kernel *host;
} vlt_kernel_source;

/* For host kernels: memory behind a memory argument. */
static inline void *vlt_argument_host(const vlt_kernel_argument *argument)
{
    return (void *)(uintptr_t)argument->value.memory;
}

#endif
