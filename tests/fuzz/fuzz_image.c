#include <stdint.h>
#include <stdlib.h>

#include "harness/machine/isa.h"
#include "optimizations/image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    vlt_image_options options = {.manner = (vlt_image_manner)(data[0] & 1),
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
