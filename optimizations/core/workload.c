#include <string.h>

#include "optimizations/core/context.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/op.h"
#include "optimizations/core/random.h"

const char *vlt_compute_name(vlt_compute compute)
{
    static const char *const names[] = {"none", "f32", "bf16", "int8"};
    return (unsigned)compute < VLT_COMPUTE_COUNT ? names[compute] : "?";
}

vlt_status vlt_workload_init(vlt_workload *workload, struct vlt_context *context,
                             const vlt_problem *problem, uint64_t seed, vlt_error *err)
{
    *workload = (vlt_workload){.problem = *problem, .buffers = context->buffers};
    vlt_status status = vlt_problem_check(problem, err);
    if (status == VLT_OK) {
        status = problem->op->workload_init(context, seed, workload, err);
    }
    if (status != VLT_OK) {
        vlt_workload_release(workload);
    }
    return status;
}

void vlt_workload_release(vlt_workload *workload)
{
    if (workload->problem.op && workload->problem.op->workload_release) {
        workload->problem.op->workload_release(workload);
    }
    for (int i = 0; i < workload->block_count; i++) {
        if (!workload->borrowed[i]) {
            vlt_free(workload->block[i]);
        }
    }
    *workload = (vlt_workload){0};
}

vlt_status vlt_workload_buffer(vlt_workload *workload, size_t count, size_t element_bytes,
                               void **out, vlt_error *err)
{
    size_t bytes;
    if (workload->block_count == VLT_WORKLOAD_BLOCKS) {
        return vlt_fail(err, VLT_STATUS_INTERNAL, "%s: more than %d workload buffers",
                        workload->problem.op->name, VLT_WORKLOAD_BLOCKS);
    }
    if (!vlt_mul_size(count, element_bytes, &bytes)) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "%s: workload of %zu x %zu bytes does not fit",
                        workload->problem.op->name, count, element_bytes);
    }
    const vlt_buffer_source *buffers = workload->buffers;
    *out = buffers ? buffers->take(buffers->user, bytes) : NULL;
    workload->borrowed[workload->block_count] = *out != NULL;
    vlt_status status = *out ? VLT_OK : vlt_alloc(bytes, out, err);
    if (status == VLT_OK) {
        workload->block_bytes[workload->block_count] = bytes;
        workload->block[workload->block_count++] = *out;
    }
    return status;
}

vlt_status vlt_workload_random(vlt_workload *workload, size_t count, vlt_dtype dtype, float scale,
                               vlt_random *random, void **out, vlt_error *err)
{
    vlt_status status = vlt_workload_buffer(workload, count, vlt_dtype_bytes(dtype), out, err);
    for (size_t i = 0; i < count && status == VLT_OK; i++) {
        float value = vlt_random_signed(random) * scale;
        if (dtype == VLT_DTYPE_F32) {
            ((float *)*out)[i] = value;
        } else {
            ((uint16_t *)*out)[i] = dtype == VLT_DTYPE_F16 ? vlt_f16_from_f32(value)
                                                           : vlt_bf16_from_f32(value);
        }
    }
    return status;
}

/* One row of random bits that the format can hold: int8 values, scales below scale / 127. */
static void random_row(vlt_random *random, vlt_format format, int64_t columns, float scale,
                       unsigned char *row)
{
    for (int64_t i = 0; i < columns; i++) {
        int8_t value = (int8_t)vlt_random_range(random, -127, 127);
        if (format == VLT_FORMAT_Q8_0) {
            unsigned char *block = row + i / 32 * 34;
            uint16_t step = vlt_f16_from_f32(scale / 127 * (float)(1 + i / 32 % 3) / 3);
            memcpy(block, &step, sizeof step);
            block[2 + i % 32] = (unsigned char)value;
        } else {
            row[i] = (unsigned char)value;
        }
    }
}

vlt_status vlt_workload_matrix(vlt_workload *workload, vlt_format format, int64_t rows,
                               int64_t columns, float scale, vlt_random *random, vlt_matrix *out,
                               vlt_error *err)
{
    void *data, *steps;
    *out = vlt_matrix_of(format, NULL, rows, columns);
    if (vlt_format_plain(format)) {
        vlt_status status = vlt_workload_random(workload, (size_t)(rows * columns),
                                                (vlt_dtype)format, scale, random, &data, err);
        out->data = data;
        return status;
    }
    vlt_status status = vlt_workload_buffer(workload, (size_t)rows, out->row_bytes, &data, err);
    if (status == VLT_OK && format == VLT_FORMAT_I8_ROW) {
        status = vlt_workload_buffer(workload, (size_t)rows, sizeof(float), &steps, err);
        for (int64_t r = 0; r < rows && status == VLT_OK; r++) {
            ((float *)steps)[r] = scale / 127 * (float)(1 + r % 3) / 3;
        }
        out->scale = status == VLT_OK ? steps : NULL;
    }
    for (int64_t r = 0; r < rows && status == VLT_OK; r++) {
        random_row(random, format, columns, scale,
                   (unsigned char *)data + (size_t)r * out->row_bytes);
    }
    out->data = data;
    return status;
}

vlt_status vlt_workload_output(vlt_workload *workload, const char *name, size_t count,
                               vlt_dtype dtype, double tolerance, void **out, vlt_error *err)
{
    size_t bytes;
    void *block;
    *out = NULL;
    if (workload->output_count == VLT_OUTPUT_MAX ||
        !vlt_mul_size(count, vlt_dtype_bytes(dtype), &bytes) ||
        !vlt_add_size(bytes, 2 * VLT_GUARD_BYTES, &bytes)) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "%s: output '%s' of %zu elements does not fit",
                        workload->problem.op->name, name, count);
    }
    vlt_status status = vlt_workload_buffer(workload, bytes, 1, &block, err);
    if (status == VLT_OK) {
        *out = (unsigned char *)block + VLT_GUARD_BYTES;
        workload->output[workload->output_count++] = (vlt_output){
            .name = name, .data = *out, .count = count, .dtype = dtype, .tolerance = tolerance};
    }
    return status;
}
