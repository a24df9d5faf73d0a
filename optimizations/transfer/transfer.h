/* transfer.h: host memory -> device -> kernel -> host, as a service over device/device.h.
 *
 * run moves a list of buffers through the device: copy in, kernel, copy out. The kernel is made
 * from its source when the plan is prepared. The baseline does one
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

#include "optimizations/core/plan.h"
#include "optimizations/device/device.h"

/* device: vlt_device_kind. */
enum { VLT_TRANSFER_DIM_BUFFERS, VLT_TRANSFER_DIM_BYTES, VLT_TRANSFER_DIM_DEVICE };
enum { VLT_TRANSFER_ARGUMENTS_MAX = VLT_KERNEL_ARGUMENTS_MAX - 2 };

/* The kernel is launched as entry(memory, bytes, argument...): unsigned char *, long long, then
 * what the arguments of a run say; it must work with any grid of one dimension. */
typedef struct vlt_transfer_constants {
    vlt_device *device;              /* borrowed */
    const vlt_kernel_source *kernel; /* between the copies, borrowed; NULL: none */
    const vlt_kernel_macro *macro;   /* [macro_count] */
    int macro_count;
} vlt_transfer_constants;

typedef struct vlt_transfer_args {
    const void *const *from;             /* [count] host buffers of `bytes` */
    void *const *to;                     /* [count] host buffers of `bytes` */
    int64_t count;                       /* <= the problem's buffers */
    size_t bytes;                        /* <= the problem's bytes */
    const vlt_kernel_argument *argument; /* [argument_count], behind memory and bytes */
    int argument_count;                  /* at most VLT_TRANSFER_ARGUMENTS_MAX */
} vlt_transfer_args;

extern const vlt_op vlt_op_transfer;

/* Whatever is timed on such a problem must not be reported as a speed. */
static inline bool vlt_transfer_is_simulated(const vlt_problem *problem)
{
    return problem->op == &vlt_op_transfer &&
           problem->dim[VLT_TRANSFER_DIM_DEVICE] == VLT_DEVICE_SIMULATED;
}

/* The workload's kernel: every 32-bit word goes through argument 2 (int) rounds of a mixing
 * function, the bytes behind the last whole word are inverted. */
extern const vlt_kernel_source vlt_transfer_mix_source;
void vlt_transfer_mix(void *memory, size_t bytes, int rounds); /* the same on the host */

#endif
