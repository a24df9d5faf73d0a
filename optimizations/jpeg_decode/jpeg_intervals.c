#include "optimizations/jpeg_decode/jpeg_intervals.h"

#include <string.h>

enum {
    BLOCK = 8,
    SOF0 = 0xC0,
    SOF1 = 0xC1,
    DHT = 0xC4,
    RST0 = 0xD0,
    RST7 = 0xD7,
    EOI = 0xD9,
    SOS = 0xDA,
    DQT = 0xDB,
    DRI = 0xDD,
    APP0 = 0xE0,
    APP15 = 0xEF,
    COM = 0xFE,
    COMPONENTS_MAX = 4
};

int64_t vlt_jpeg_intervals_capacity(int64_t h, int64_t restart_rows)
{
    int64_t rows = (h + BLOCK - 1) / BLOCK; /* of MCUs, at most */
    return rows / restart_rows + 1;
}

vlt_jpeg_intervals vlt_jpeg_intervals_over(size_t *room, int64_t h, int64_t restart_rows)
{
    int64_t capacity = vlt_jpeg_intervals_capacity(h, restart_rows);
    return (vlt_jpeg_intervals){
        .start = room, .end = room + capacity, .capacity = capacity, .restart_rows = restart_rows};
}

/* What the segments before the scan say. */
struct header {
    int components, widest, highest;
    bool mixed_heights; /* components differ in vertical sampling */
    size_t height_at;
    int64_t restart_interval, h, w;
};

static bool read_frame(struct header *header, const uint8_t *data, size_t at, size_t length)
{
    if (header->components || length < 8 || data[at + 2] != 8) {
        return false;
    }
    header->components = data[at + 7];
    header->height_at = at + 3;
    header->h = data[at + 3] << 8 | data[at + 4];
    header->w = data[at + 5] << 8 | data[at + 6];
    if (header->components < 1 || header->components > COMPONENTS_MAX ||
        length < 8 + 3 * (size_t)header->components) {
        return false;
    }
    for (int c = 0; c < header->components; c++) {
        int sampling = data[at + 8 + 3 * (size_t)c + 1], across = sampling >> 4,
            down = sampling & 15;
        if (across < 1 || across > 4 || down < 1 || down > 4) {
            return false;
        }
        header->mixed_heights = header->mixed_heights || (c && down != header->highest);
        header->widest = across > header->widest ? across : header->widest;
        header->highest = down > header->highest ? down : header->highest;
    }
    /* a scan of one component has MCUs of one block, whatever its sampling says */
    return header->components > 1 || (header->widest == 1 && header->highest == 1);
}

/* Walks the segments; returns where the entropy-coded data begins, or 0. */
static size_t read_header(struct header *header, const uint8_t *data, size_t bytes)
{
    for (size_t at = 2; bytes >= 4 && at <= bytes - 4;) {
        int marker = data[at + 1];
        size_t length = (size_t)(data[at + 2] << 8 | data[at + 3]);
        if (data[at] != 0xFF || length < 2 || length > bytes - at - 2) {
            return 0;
        }
        if (marker == SOF0 || marker == SOF1) {
            if (!read_frame(header, data, at + 2, length)) {
                return 0;
            }
        } else if (marker == DRI) {
            header->restart_interval = length == 4 ? data[at + 4] << 8 | data[at + 5] : 0;
        } else if (marker == SOS) {
            bool all = header->components && length > 2 && data[at + 4] == header->components;
            return all ? at + 2 + length : 0;
        } else if (marker != DHT && marker != DQT && marker != COM &&
                   (marker < APP0 || marker > APP15)) {
            return 0;
        }
        at += 2 + length;
    }
    return 0;
}

/* Cuts the scan at its restart markers. */
static bool cut(vlt_jpeg_intervals *intervals, const uint8_t *data, size_t bytes, size_t at)
{
    intervals->count = 0;
    intervals->start[0] = at;
    for (;;) {
        const uint8_t *mark = memchr(data + at, 0xFF, bytes - at);
        if (!mark || (size_t)(mark - data) + 2 > bytes) {
            return false;
        }
        at = (size_t)(mark - data) + 2;
        if (mark[1] == 0) {
            continue;
        }
        if (intervals->count == intervals->capacity) {
            return false;
        }
        intervals->end[intervals->count] = at - 2;
        if (mark[1] == EOI) {
            intervals->count++;
            return true;
        }
        if (mark[1] != RST0 + intervals->count % 8 || ++intervals->count == intervals->capacity) {
            return false;
        }
        intervals->start[intervals->count] = at;
    }
}

bool vlt_jpeg_intervals_find(vlt_jpeg_intervals *intervals, const uint8_t *data, size_t bytes,
                             int64_t h, int64_t w)
{
    struct header header = {0};
    size_t at = read_header(&header, data, bytes);
    if (!at || header.h != h || header.w != w) {
        return false;
    }
    int64_t mcu_w = (int64_t)header.widest * BLOCK, mcu_h = (int64_t)header.highest * BLOCK;
    int64_t across = (w + mcu_w - 1) / mcu_w, down = (h + mcu_h - 1) / mcu_h;
    if (header.restart_interval != intervals->restart_rows * across ||
        !cut(intervals, data, bytes, at)) {
        return false;
    }
    intervals->mcu_h = mcu_h;
    intervals->overlap = header.mixed_heights;
    intervals->height_at = header.height_at;
    return intervals->count == (down + intervals->restart_rows - 1) / intervals->restart_rows;
}
