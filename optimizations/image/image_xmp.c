#include <string.h>

#include "optimizations/image/image_exif.h"

int vlt_xmp_orientation(const uint8_t *data, size_t bytes)
{
    static const char key[] = "tiff:Orientation";
    const size_t key_bytes = sizeof key - 1;
    while (bytes > key_bytes) {
        const uint8_t *found = memmem(data, bytes, key, key_bytes);
        if (!found) {
            return 0;
        }
        const uint8_t *p = found + key_bytes, *end = data + bytes;
        size_t skip = end - p >= 2 && p[0] == '=' && p[1] == '"' ? 2 : end - p >= 1 && *p == '>';
        if (skip && (size_t)(end - p) > skip && p[skip] >= '0' && p[skip] <= '9') {
            int value = p[skip] - '0';
            return value >= 1 && value <= VLT_ORIENTATION_MAX ? value : 0;
        }
        bytes = (size_t)(end - p);
        data = p;
    }
    return 0;
}
