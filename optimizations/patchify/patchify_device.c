/* Bottleneck: patch rows are 24 times the bytes of the pixels they are made of, and a tower on a
 * device needs them there.
 * Idea: the pixels go to the device as they are, one thread a value looks it up.
 * Loses: as long as the rows come back to the host, by the time that takes.
 */
#include "optimizations/core/memory.h"
#include "optimizations/core/utf8_text.h"
#include "optimizations/device/device.h"
#include "optimizations/patchify/patchify_internal.h"

enum { BLOCK = 256, GRID_MAX = 4096 };

struct state {
    vlt_device *device;
    vlt_stream *stream;
    vlt_kernel *kernel;
    vlt_device_address pixels, table, out;
    size_t frame_bytes, out_bytes;
};

static void host_kernel(const vlt_kernel_launch *launch, const vlt_kernel_macro *macro,
                        int macro_count)
{
    const vlt_kernel_argument *a = launch->argument;
    const uint8_t *pixels = vlt_argument_host(&a[0]);
    const float *table = vlt_argument_host(&a[1]);
    float *out = vlt_argument_host(&a[2]);
    int64_t h = a[3].value.i32, w = a[4].value.i32, frames = a[5].value.i32;
    int64_t patch = macro[0].value, temporal = macro[1].value, merge = macro[2].value;
    int64_t tile = patch * merge, tokens_wide = w / tile;
    (void)macro_count;
    for (int64_t n = 0; n < h / patch * (w / patch); n++) {
        int64_t token = n / (merge * merge), cell = n % (merge * merge);
        int64_t y = token / tokens_wide * tile + cell / merge * patch;
        int64_t x = token % tokens_wide * tile + cell % merge * patch;
        for (int64_t k = 0; k < 3 * temporal * patch; k++) {
            int64_t c = k / (temporal * patch), t = frames == 1 ? 0 : k / patch % temporal;
            const uint8_t *row = pixels + ((t * h + y + k % patch) * w + x) * 3 + c;
            for (int64_t i = 0; i < patch; i++) {
                *out++ = table[c * 256 + row[i * 3]];
            }
        }
    }
}

extern const char vlt_cuda_text_patchify_device[];
const vlt_kernel_source vlt_patchify_device_source = {
    .entry = "patchify_device", .text = vlt_cuda_text_patchify_device, .host = host_kernel};

static bool applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    (void)caps;
    if (problem->dim[VLT_PATCHIFY_DIM_BYTES]) {
        vlt_utf8_format(reason, VLT_REASON_BYTES, "rows of bytes, expected rows of f32");
        return false;
    }
    return true;
}

static vlt_status place(struct state *state, const vlt_patchify_constants *constants,
                        int64_t temporal, vlt_error *err)
{
    vlt_device *device = state->device;
    const vlt_device_table *table = device->table;
    vlt_status status = table->stream_create(device, &state->stream, err);
    if (status == VLT_OK) {
        status = table->memory_alloc(device, state->frame_bytes * (size_t)temporal, &state->pixels,
                                     err);
    }
    if (status == VLT_OK) {
        status = table->memory_alloc(device, sizeof constants->table, &state->table, err);
    }
    if (status == VLT_OK) {
        status = table->memory_alloc(device, state->out_bytes, &state->out, err);
    }
    if (status == VLT_OK) {
        status = table->copy_to_async(device, state->stream, state->table, constants->table,
                                      sizeof constants->table, err);
    }
    return status == VLT_OK ? table->stream_wait(device, state->stream, err) : status;
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const int64_t *dim = plan->problem.dim;
    const int64_t temporal = dim[VLT_PATCHIFY_DIM_TEMPORAL];
    const vlt_kernel_macro macro[] = {{"PATCH", dim[VLT_PATCHIFY_DIM_PATCH]},
                                      {"TEMPORAL", temporal},
                                      {"MERGE", dim[VLT_PATCHIFY_DIM_MERGE]}};
    vlt_status status = vlt_patchify_check(&plan->problem, err);
    if (status == VLT_OK) {
        status = vlt_alloc(sizeof(struct state), &plan->state, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    struct state *state = plan->state;
    vlt_device *device = state->device = plan->context->device;
    state->frame_bytes = (size_t)(dim[VLT_PATCHIFY_DIM_H] * dim[VLT_PATCHIFY_DIM_W]) * 3;
    state->out_bytes = state->frame_bytes * (size_t)temporal * sizeof(float);
    pthread_mutex_lock(&device->lock);
    status = device->table->kernel_create(device, &vlt_patchify_device_source, macro, 3,
                                          &state->kernel, err);
    if (status == VLT_OK) {
        status = place(state, plan->problem.constants, temporal, err);
    }
    pthread_mutex_unlock(&device->lock);
    return status;
}

/* Rows without gaps on the device. */
static vlt_status copy_frame(const struct state *state, const vlt_problem *problem,
                             const uint8_t *pixels, int64_t stride, vlt_device_address to,
                             vlt_error *err)
{
    const vlt_device_table *table = state->device->table;
    int64_t h = problem->dim[VLT_PATCHIFY_DIM_H], row_bytes = problem->dim[VLT_PATCHIFY_DIM_W] * 3;
    vlt_status status = VLT_OK;
    if (stride == row_bytes) {
        return table->copy_to_async(state->device, state->stream, to, pixels, state->frame_bytes,
                                    err);
    }
    for (int64_t y = 0; y < h && status == VLT_OK; y++) {
        status = table->copy_to_async(state->device, state->stream,
                                      to + (vlt_device_address)(y * row_bytes), pixels + y * stride,
                                      (size_t)row_bytes, err);
    }
    return status;
}

static vlt_status launch(const struct state *state, const vlt_problem *problem, int frames,
                         vlt_error *err)
{
    const size_t blocks = state->out_bytes / sizeof(float) / BLOCK + 1;
    const vlt_kernel_launch launch = {
        .grid = {(unsigned)(blocks < GRID_MAX ? blocks : GRID_MAX), 1, 1},
        .block = {BLOCK, 1, 1},
        .argument_count = 6,
        .argument = {vlt_argument_memory(state->pixels, state->frame_bytes * (size_t)frames),
                     vlt_argument_memory(state->table, sizeof(float[3][256])),
                     vlt_argument_memory(state->out, state->out_bytes),
                     vlt_argument_i32((int32_t)problem->dim[VLT_PATCHIFY_DIM_H]),
                     vlt_argument_i32((int32_t)problem->dim[VLT_PATCHIFY_DIM_W]),
                     vlt_argument_i32(frames)}};
    return state->device->table->launch_async(state->device, state->stream, state->kernel, &launch,
                                              err);
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    const struct state *state = plan->state;
    const vlt_device_table *table = state->device->table;
    const vlt_patchify_args *a = args;
    int frames = 1;
    vlt_status status = VLT_OK;
    (void)frame;
    for (int64_t t = 1; t < plan->problem.dim[VLT_PATCHIFY_DIM_TEMPORAL]; t++) {
        frames = a->frame[t] != a->frame[0] ? (int)plan->problem.dim[VLT_PATCHIFY_DIM_TEMPORAL]
                                            : frames;
    }
    pthread_mutex_lock(&state->device->lock);
    for (int t = 0; t < frames && status == VLT_OK; t++) {
        status = copy_frame(state, &plan->problem, a->frame[t], a->stride,
                            state->pixels + (size_t)t * state->frame_bytes, err);
    }
    if (status == VLT_OK) {
        status = launch(state, &plan->problem, frames, err);
    }
    if (status == VLT_OK) {
        status = table->copy_from_async(state->device, state->stream, a->out, state->out,
                                        state->out_bytes, err);
    }
    /* Also after a failure: nothing may still touch the caller's memory. */
    vlt_status waited = table->stream_wait(state->device, state->stream,
                                           status == VLT_OK ? err : NULL);
    pthread_mutex_unlock(&state->device->lock);
    return status == VLT_OK ? waited : status;
}

static void release(vlt_plan *plan)
{
    struct state *state = plan->state;
    if (state) {
        vlt_device *device = state->device;
        pthread_mutex_lock(&device->lock);
        device->table->stream_destroy(device, state->stream);
        device->table->kernel_destroy(device, state->kernel);
        device->table->memory_free(device, state->pixels);
        device->table->memory_free(device, state->table);
        device->table->memory_free(device, state->out);
        pthread_mutex_unlock(&device->lock);
        vlt_free(state);
    }
}

VLT_VARIANT(patchify, device, .summary = "pixels to the device, looked up and ordered there",
            .applicable = applicable, .prepare = prepare, .run = run, .release = release);
