/* transfer.h: host memory -> device -> kernel -> host, as a service over core/device.h.
 *
 * run moves a list of buffers through the device: copy in, kernel, copy out. The baseline does one
 * after the other with pageable memory and waits each time; other variants use pinned staging,
 * several streams and double buffering, so that copies and kernels overlap. Tolerance: none.
 * Cost: bytes both ways; overlap = |copy and kernel at once| / min(sum copy, sum kernel).
 *
 * The workload runs on the host device and on CUDA. On the simulated device it refuses, because a
 * time taken there is no measurement and must not reach a config, a speed-up or a claim; tests
 * give such a device through the constants and look at its virtual clock.
 */
#ifndef VLT_TRANSFER_H
#define VLT_TRANSFER_H

#include "optimizations/core/device.h"
#include "optimizations/core/plan.h"

/* device: vlt_device_kind. */
enum { VLT_TRANSFER_DIM_BUFFERS, VLT_TRANSFER_DIM_BYTES, VLT_TRANSFER_DIM_DEVICE };

typedef struct vlt_transfer_constants {
    vlt_device *device; /* borrowed */
} vlt_transfer_constants;

typedef struct vlt_transfer_args {
    const void *const *from;   /* [count] host buffers of `bytes` */
    void *const *to;           /* [count] host buffers of `bytes` */
    int64_t count;             /* <= the problem's buffers */
    size_t bytes;              /* <= the problem's bytes */
    vlt_device_kernel *kernel; /* between the copies; NULL: none */
    void *kernel_argument;
} vlt_transfer_args;

extern const vlt_op vlt_op_transfer;

/* Whatever is timed on such a problem must not be reported as a speed. */
static inline bool vlt_transfer_is_simulated(const vlt_problem *problem)
{
    return problem->op == &vlt_op_transfer &&
           problem->dim[VLT_TRANSFER_DIM_DEVICE] == VLT_DEVICE_SIMULATED;
}

/* The workload's kernel: every 32-bit word goes through *(int *)argument rounds of a mixing
 * function, the bytes behind the last whole word are inverted. transfer_mix.cu is the same. */
void vlt_transfer_mix(void *memory, size_t bytes, void *argument);

#endif
