#include <stdint.h>
#include <stdlib.h>

#include "harness/machine/isa.h"
#include "optimizations/image/image.h"
#include "optimizations/jpeg_decode/jpeg_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIXELS_MAX = 1 << 20 };

/* The first byte chooses the options; what is decoded is whole. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static vlt_caps caps = {.cpu_count = 2, .core_count = 2};
    vlt_context context = {.caps = &caps};
    vlt_image image;
    vlt_error err = {0};
    caps.isa = vlt_isa_detect();
    if (!size) {
        return 0;
    }
    vlt_jpeg_info info; /* 64 scans of a large picture take longer than a fuzzer waits */
    if (vlt_jpeg_inspect(data + 1, size - 1, NULL, NULL, &info, NULL) == VLT_OK &&
        info.h * info.w > PIXELS_MAX) {
        return 0;
    }
    vlt_image_options options = {.manner = !(data[0] & 1)   ? VLT_IMAGE_AS_TORCH
                                           : data[0] & 0x40 ? VLT_IMAGE_AS_PILLOW12
                                                            : VLT_IMAGE_AS_PILLOW,
                                 .exif = (vlt_image_exif)((data[0] >> 1) % 3),
                                 .alpha = (vlt_image_alpha)((data[0] >> 3) % 3),
                                 .strict = data[0] >> 7};
    if (vlt_image_decode(&context, data + 1, size - 1, NULL, &options, &image, &err) == VLT_OK) {
        if (!image.rgb || image.h < 1 || image.w < 1) {
            abort();
        }
    } else if (!err.message[0] || image.rgb) {
        abort();
    }
    vlt_image_release(&image);
    return 0;
}
