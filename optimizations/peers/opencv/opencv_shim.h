/* opencv_shim.h: OpenCV's resize and tables; its threads are counted: as many as ours. */
#ifndef VLT_PEERS_OPENCV_SHIM_H
#define VLT_PEERS_OPENCV_SHIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { VLT_OPENCV_MESSAGE_BYTES = 160 };

/* RGB bytes, rows `stride` bytes apart. */
typedef struct vlt_opencv_image {
    const uint8_t *data;
    int64_t h, w, stride;
} vlt_opencv_image;

/* Every call: 0, or 1 with the library's message. `threads` is what it may use. */
int vlt_opencv_resize(const vlt_opencv_image *src, const vlt_opencv_image *dst, int threads,
                      char *message);

/* out[h, w, 3] = table[c][byte], f32, rows without gaps. */
int vlt_opencv_look_up(const vlt_opencv_image *src, const float table[3][256], float *out,
                       int threads, char *message);

#ifdef __cplusplus
}
#endif

#endif
