/* safetensors_internal.h: what reader and writer of the container share. */
#ifndef VLT_HARNESS_SAFETENSORS_INTERNAL_H
#define VLT_HARNESS_SAFETENSORS_INTERNAL_H

#include <stdbool.h>

#include "harness/model/safetensors.h"

enum {
    VLT_SAFETENSORS_PREFIX_BYTES = 8,
    VLT_SAFETENSORS_HEADER_LIMIT = 100 * 1000 * 1000 /* as the reference implementation */
};

/* Sets tensor->bytes from shape and dtype name; false when the dtype is unknown to the format or
 * the size does not fit. */
bool vlt_tensor_measure(vlt_tensor *tensor);

#endif
