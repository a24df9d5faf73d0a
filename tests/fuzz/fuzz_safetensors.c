#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/model/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever the bytes: refused, or every byte of every tensor can be read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vlt_safetensors *tensors = NULL;
    vlt_error err;
    char path[64];
    int file = memfd_create("fuzz", MFD_CLOEXEC);
    if (file < 0 || write(file, data, size) != (ssize_t)size) {
        abort();
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (vlt_safetensors_open(path, &tensors, &err) == VLT_OK) {
        unsigned sum = 0;
        for (int i = 0; i < vlt_safetensors_count(tensors); i++) {
            const vlt_tensor *tensor = vlt_safetensors_at(tensors, i);
            for (size_t b = 0; b < tensor->bytes; b++) {
                sum += ((const uint8_t *)tensor->data)[b];
            }
            if (vlt_safetensors_find(tensors, tensor->name) != tensor) {
                abort();
            }
        }
        volatile unsigned kept = sum;
        (void)kept;
    }
    vlt_safetensors_close(tensors);
    close(file);
    return 0;
}
