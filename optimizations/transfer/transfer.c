#include "optimizations/transfer/transfer.h"

#include <string.h>

#include "optimizations/core/random.h"
#include "optimizations/device/device_cuda.h"
#include "optimizations/device/device_host.h"

/* A kernel of some five times the copies, as the layers of a vision tower are on a host core. */
enum { MIX_ROUNDS = 8 };

static const vlt_dim dims[] = {
    {"buffers", VLT_DIM_POW2, 1, 1 << 16, "buffers in the list, at most"},
    {"bytes", VLT_DIM_POW2, 1, INT64_C(1) << 36, "bytes of a buffer, at most"},
    {"device", VLT_DIM_EXACT, VLT_DEVICE_HOST, VLT_DEVICE_CUDA, "0 host, 1 simulated, 2 CUDA"},
};

static const vlt_shape shapes[] = {
    {"images", {8, 512 << 10, VLT_DEVICE_HOST}},
    {"layers", {6, 2 << 20, VLT_DEVICE_HOST}},
    {"small", {32, 64 << 10, VLT_DEVICE_HOST}},
};

void vlt_transfer_mix(void *memory, size_t bytes, int rounds)
{
    unsigned char *at = memory;
    size_t words = bytes / sizeof(uint32_t);
    for (size_t i = 0; i < words; i++) {
        uint32_t x;
        memcpy(&x, at + i * sizeof x, sizeof x);
        for (int round = 0; round < rounds; round++) {
            x = (x ^ (x >> 15)) * 0x2C1B3C6Du;
            x = (x ^ (x >> 12)) * 0x297A2D39u;
        }
        memcpy(at + i * sizeof x, &x, sizeof x);
    }
    for (size_t i = words * sizeof(uint32_t); i < bytes; i++) {
        at[i] = (unsigned char)~at[i];
    }
}

static void mix_kernel(const vlt_kernel_launch *launch, const vlt_kernel_macro *macro,
                       int macro_count)
{
    const vlt_kernel_argument *argument = launch->argument;
    (void)macro, (void)macro_count;
    vlt_transfer_mix(vlt_argument_host(&argument[0]), (size_t)argument[1].value.i64,
                     argument[2].value.i32);
}

extern const char vlt_cuda_text_transfer_mix[];
const vlt_kernel_source vlt_transfer_mix_source = {
    .entry = "transfer_mix", .text = vlt_cuda_text_transfer_mix, .host = mix_kernel};

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    double bytes = (double)problem->dim[VLT_TRANSFER_DIM_BUFFERS] *
                   (double)problem->dim[VLT_TRANSFER_DIM_BYTES];
    *cost = (vlt_cost){.bytes = 2 * bytes, .work = bytes, .unit = "B"};
}

struct workload_state {
    vlt_device *own; /* NULL: the context's is used */
    vlt_transfer_constants constants;
    vlt_transfer_args args;
    vlt_kernel_argument rounds;
};

static vlt_status open_device(int64_t kind, vlt_device **out, vlt_error *err)
{
    switch (kind) {
    case VLT_DEVICE_HOST:
        return vlt_device_host_create(out, err);
    case VLT_DEVICE_CUDA:
        return vlt_device_cuda_create(0, out, err);
    default:
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED,
                        "transfer: device 1 is simulated, a time taken there is no measurement");
    }
}

static vlt_status fill(vlt_workload *workload, uint64_t seed, struct workload_state *state,
                       vlt_error *err)
{
    size_t count = (size_t)workload->problem.dim[VLT_TRANSFER_DIM_BUFFERS];
    size_t bytes = (size_t)workload->problem.dim[VLT_TRANSFER_DIM_BYTES], all;
    vlt_random random = {seed};
    void *source, *out, *from, *to;
    if (!vlt_mul_size(count, bytes, &all)) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "transfer: %zu buffers of %zu bytes do not fit",
                        count, bytes);
    }
    vlt_status status = vlt_workload_buffer(workload, all, 1, &source, err);
    if (status == VLT_OK) {
        status = vlt_workload_buffer(workload, count, sizeof(void *), &from, err);
    }
    if (status == VLT_OK) {
        status = vlt_workload_buffer(workload, count, sizeof(void *), &to, err);
    }
    if (status == VLT_OK) {
        status = vlt_workload_output(workload, "to", all, VLT_DTYPE_U8, 0, &out, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    for (size_t i = 0; i < all; i++) {
        ((unsigned char *)source)[i] = (unsigned char)vlt_random_next(&random);
    }
    for (size_t i = 0; i < count; i++) {
        ((const void **)from)[i] = (unsigned char *)source + i * bytes;
        ((void **)to)[i] = (unsigned char *)out + i * bytes;
    }
    state->rounds = vlt_argument_i32(MIX_ROUNDS);
    state->args = (vlt_transfer_args){.from = from,
                                      .to = to,
                                      .count = (int64_t)count,
                                      .bytes = bytes,
                                      .argument = &state->rounds,
                                      .argument_count = 1};
    return VLT_OK;
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    void *block;
    vlt_status status = vlt_workload_buffer(workload, 1, sizeof(struct workload_state), &block,
                                            err);
    if (status != VLT_OK) {
        return status;
    }
    struct workload_state *state = workload->state = block;
    state->constants.kernel = &vlt_transfer_mix_source;
    int64_t kind = workload->problem.dim[VLT_TRANSFER_DIM_DEVICE];
    if (context->device && (int64_t)context->device->kind == kind && kind != VLT_DEVICE_SIMULATED) {
        state->constants.device = context->device;
    } else {
        status = open_device(kind, &state->own, err);
        state->constants.device = state->own;
    }
    if (status == VLT_OK) {
        status = fill(workload, seed, state, err);
    }
    workload->problem.constants = &state->constants;
    workload->args = &state->args;
    return status;
}

static void workload_release(vlt_workload *workload)
{
    struct workload_state *state = workload->state;
    if (state && state->own) {
        state->own->table->destroy(state->own);
        state->own = NULL;
    }
}

VLT_OP(transfer, .keeps_state = true, .summary = "buffers to a device, a kernel, and back",
       .dims = dims, .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init,
       .workload_release = workload_release);
