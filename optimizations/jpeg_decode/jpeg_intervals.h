/* jpeg_intervals.h: where the restart intervals of a sequential JPEG begin and end.
 *
 * Only streams whose markers leave no doubt are taken apart: one interleaved Huffman scan, no
 * filling between segments, all restart markers there and in order, EOI behind the scan. Anything
 * else is left to libjpeg as a whole.
 */
#ifndef VLT_JPEG_INTERVALS_H
#define VLT_JPEG_INTERVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vlt_jpeg_intervals {
    size_t *start, *end; /* [capacity] entropy-coded bytes of interval i, without its marker */
    int64_t capacity, count;
    int64_t restart_rows; /* rows of MCUs in an interval */
    int64_t mcu_h;        /* pixels */
    bool overlap;         /* upsampling looks across rows of MCUs */
    size_t height_at;     /* where the frame header holds the height, two bytes */
} vlt_jpeg_intervals;

/* How many intervals a picture of that height may have. */
int64_t vlt_jpeg_intervals_capacity(int64_t h, int64_t restart_rows);

/* None yet, over room[2 * capacity], which is borrowed. */
vlt_jpeg_intervals vlt_jpeg_intervals_over(size_t *room, int64_t h, int64_t restart_rows);

/* False: not such a stream, or not of that size and interval. Allocates nothing. */
bool vlt_jpeg_intervals_find(vlt_jpeg_intervals *intervals, const uint8_t *data, size_t bytes,
                             int64_t h, int64_t w);

#endif
