/* Outputs of two sides against each other; declared in launch_internal.h. */
#include <math.h>
#include <string.h>

#include "harness/measure/launch_internal.h"
#include "harness/measure/model_subject.h"
#include "optimizations/core/dtype.h"

static double element(const vlt_measure_output *output, const void *data, uint64_t i)
{
    float f32;
    switch (output->dtype) {
    case VLT_DTYPE_U8:
        return ((const uint8_t *)data)[i];
    case VLT_DTYPE_I32:
        return ((const int32_t *)data)[i];
    case VLT_DTYPE_I64:
        return (double)((const int64_t *)data)[i];
    default:
        vlt_f32_from((vlt_dtype)output->dtype,
                     (const unsigned char *)data + i * vlt_dtype_bytes((vlt_dtype)output->dtype), 1,
                     &f32);
        return (double)f32;
    }
}

vlt_status vlt_launch_compare_output(const vlt_measure_output *a, const void *a_data,
                                     const vlt_measure_output *b, vlt_error *err)
{
    double largest = 0, tolerance = a->tolerance + b->tolerance;
    if (a->count != b->count || a->dtype != b->dtype) {
        return vlt_fail(err, VLT_STATUS_WRONG, "output '%s': %llu elements, expected %llu", b->name,
                        (unsigned long long)b->count, (unsigned long long)a->count);
    }
    for (uint64_t i = 0; i < a->count; i++) {
        largest = fmax(largest, fabs(element(a, a_data, i)));
    }
    for (uint64_t i = 0; i < a->count; i++) {
        double x = element(a, a_data, i), y = element(b, b->data, i);
        bool equal = x == y || (isnan(x) && isnan(y));
        if (!equal && !(fabs(x - y) <= tolerance * largest)) {
            return vlt_fail(err, VLT_STATUS_WRONG,
                            "output '%s' of B differs from A's at %llu: %.9g, expected %.9g "
                            "(tolerance %.3g of %.3g)",
                            b->name, (unsigned long long)i, y, x, tolerance, largest);
        }
    }
    return VLT_OK;
}

vlt_status vlt_launch_compare_ids(const vlt_measure_output *a, const int32_t *a_ids,
                                  const float *a_leads, const vlt_measure_output *b, vlt_error *err)
{
    const int32_t *b_ids = b->data;
    for (uint64_t i = 0; i < a->count && i < b->count; i++) {
        if ((double)a_leads[i] < VLT_MODEL_SUBJECT_MARGIN) {
            return VLT_OK; /* from here on the answers may part */
        }
        if (a_ids[i] != b_ids[i]) {
            return vlt_fail(err, VLT_STATUS_WRONG,
                            "token %llu of B is %d, expected %d, which leads by %.4f (below %g "
                            "either would do)",
                            (unsigned long long)i, b_ids[i], a_ids[i], (double)a_leads[i],
                            VLT_MODEL_SUBJECT_MARGIN);
        }
    }
    return a->count == b->count
               ? VLT_OK
               : vlt_fail(err, VLT_STATUS_WRONG, "B answers with %llu tokens, expected %llu",
                          (unsigned long long)b->count, (unsigned long long)a->count);
}
