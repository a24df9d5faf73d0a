/* Bottleneck: entropy decoding is serial, and libjpeg decodes a stream on one thread.
 * Idea: restart markers are entry points; bands of restart intervals become streams of their own
 * (patched height, renumbered markers, one row of MCUs more on each side where upsampling looks
 * across) and are decoded beside each other, byte for byte as a whole.
 * Loses: with one thread, and by the overlap where intervals are long.
 */
#include <stdatomic.h>
#include <string.h>

#include "optimizations/jpeg_decode/jpeg_decode.h"
#include "optimizations/jpeg_decode/jpeg_intervals.h"
#include "optimizations/jpeg_decode/jpeg_reader.h"

static const int64_t band_values[] = {4, 8, 16, 32, 64};

static const vlt_knob knobs[] = {
    VLT_KNOB_THREADS,
    {"band", "rows of MCUs in a band, at least", band_values, 5, 16, NULL},
};

enum { KNOB_THREADS, KNOB_BAND, KNOBS };

/* Streams of a worker: three pieces of header, two for each interval. */
enum { HEADER_PIECES = 3 };

struct job {
    const vlt_jpeg_decode_args *args;
    vlt_jpeg_intervals intervals;
    vlt_jpeg_piece *piece; /* [workers, pieces] */
    int64_t pieces;
    int64_t band; /* intervals */
    int64_t h, w;
    atomic_bool failed; /* then the whole file is decoded plainly, which knows the message */
};

struct band {
    const struct job *job;
    int64_t begin, end; /* rows of the band's stream to keep */
    uint8_t *rgb;       /* of the stream's row 0 */
};

static void band_body(vlt_jpeg_reader *reader, void *argument)
{
    const struct band *band = argument;
    vlt_jpeg_start_header(reader);
    if ((int64_t)reader->jpeg.image_width != band->job->w) {
        vlt_jpeg_stop(reader, VLT_STATUS_INPUT, "another width");
    }
    jpeg_start_decompress(&reader->jpeg);
    vlt_jpeg_read_rows(reader, band->begin, band->end, band->rgb, band->job->args->stride);
    if (reader->jpeg.output_scanline == reader->jpeg.output_height) {
        jpeg_finish_decompress(&reader->jpeg); /* is anything left before the last marker? */
    }
}

/* The stream of the intervals [first, last): returns the number of pieces. */
static int make_stream(const vlt_jpeg_intervals *found, const uint8_t *data, int64_t first,
                       int64_t last, const uint8_t *height, vlt_jpeg_piece *piece)
{
    static const uint8_t markers[9][2] = {{0xFF, 0xD0}, {0xFF, 0xD1}, {0xFF, 0xD2},
                                          {0xFF, 0xD3}, {0xFF, 0xD4}, {0xFF, 0xD5},
                                          {0xFF, 0xD6}, {0xFF, 0xD7}, {0xFF, 0xD9}};
    int count = 0;
    size_t behind = found->height_at + 2;
    piece[count++] = (vlt_jpeg_piece){data, found->height_at};
    piece[count++] = (vlt_jpeg_piece){height, 2};
    piece[count++] = (vlt_jpeg_piece){data + behind, found->start[0] - behind};
    for (int64_t i = first; i < last; i++) {
        const uint8_t *marker = markers[i + 1 == last ? 8 : (i - first) % 8];
        piece[count++] = (vlt_jpeg_piece){data + found->start[i], found->end[i] - found->start[i]};
        piece[count++] = (vlt_jpeg_piece){marker, 2};
    }
    return count;
}

/* Intervals [begin, end) of the picture. */
static bool decode_band(const struct job *job, int64_t begin, int64_t end, int worker)
{
    const vlt_jpeg_intervals *found = &job->intervals;
    int64_t interval_px = found->restart_rows * found->mcu_h;
    int64_t first = found->overlap && begin ? begin - 1 : begin;
    int64_t last = found->overlap && end < found->count ? end + 1 : end;
    int64_t rows = (end - first) * interval_px + (last > end ? found->mcu_h : 0);
    int64_t left = job->h - first * interval_px;
    rows = rows < left ? rows : left;
    const uint8_t height[2] = {(uint8_t)(rows >> 8), (uint8_t)rows};
    vlt_jpeg_piece *piece = job->piece + worker * job->pieces;
    int count = make_stream(found, job->args->data, first, last, height, piece);
    struct band band = {.job = job, .begin = (begin - first) * interval_px};
    int64_t keep = (end - begin) * interval_px, bottom = job->h - begin * interval_px;
    band.end = band.begin + (keep < bottom ? keep : bottom);
    band.rgb = job->args->rgb + first * interval_px * job->args->stride;
    vlt_jpeg_reader reader = {.markers = false};
    return vlt_jpeg_read(&reader, piece, count, band_body, &band, NULL) == VLT_OK &&
           reader.errors.num_warnings == 0;
}

static void decode_bands(void *argument, int64_t begin, int64_t end, int worker)
{
    struct job *job = argument;
    for (int64_t i = begin; i < end && !atomic_load(&job->failed); i++) {
        int64_t first = i * job->band, last = first + job->band;
        last = last < job->intervals.count ? last : job->intervals.count;
        if (!decode_band(job, first, last, worker)) {
            atomic_store(&job->failed, true);
        }
    }
}

static bool applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    if (problem->dim[VLT_JPEG_DECODE_DIM_RESTARTS] < 1) {
        snprintf(reason, VLT_REASON_BYTES, "no restart markers at the ends of rows");
        return false;
    }
    if (caps->cpu_count < 2) {
        snprintf(reason, VLT_REASON_BYTES, "one CPU");
        return false;
    }
    return true;
}

/* Intervals in a band. */
static int64_t band_intervals(const vlt_plan *plan)
{
    int64_t restart_rows = plan->problem.dim[VLT_JPEG_DECODE_DIM_RESTARTS];
    return (vlt_plan_knob(plan, KNOB_BAND) + restart_rows - 1) / restart_rows;
}

/* Pieces of a band's stream, with an interval more on each side. */
static int64_t band_pieces(const vlt_plan *plan)
{
    return HEADER_PIECES + 2 * (band_intervals(plan) + 2);
}

static size_t interval_places(const vlt_plan *plan)
{
    const int64_t *dim = plan->problem.dim;
    return 2 * (size_t)vlt_jpeg_intervals_capacity(dim[VLT_JPEG_DECODE_DIM_H],
                                                   dim[VLT_JPEG_DECODE_DIM_RESTARTS]);
}

static size_t scratch(const vlt_plan *plan)
{
    int workers = vlt_threads_count(plan->context->threads);
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, interval_places(plan), sizeof(size_t));
    vlt_frame_reserve(&bytes, (size_t)(workers * band_pieces(plan)), sizeof(vlt_jpeg_piece));
    return bytes;
}

static bool decode_beside(struct job *job, vlt_threads *threads, int limit)
{
    const vlt_jpeg_decode_args *a = job->args;
    if (vlt_threads_count(threads) == 1 ||
        !vlt_jpeg_intervals_find(&job->intervals, a->data, a->data_bytes, job->h, job->w)) {
        return false;
    }
    int64_t bands = (job->intervals.count + job->band - 1) / job->band;
    vlt_threads_for(threads, bands, 1, limit, decode_bands, job);
    return !atomic_load(&job->failed);
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    const int64_t *dim = plan->problem.dim;
    vlt_threads *threads = plan->context->threads;
    size_t *room = vlt_frame_take(&frame, interval_places(plan), sizeof *room);
    struct job job = {.args = args,
                      .intervals = vlt_jpeg_intervals_over(room, dim[VLT_JPEG_DECODE_DIM_H],
                                                           dim[VLT_JPEG_DECODE_DIM_RESTARTS]),
                      .pieces = band_pieces(plan),
                      .band = band_intervals(plan),
                      .h = dim[VLT_JPEG_DECODE_DIM_H],
                      .w = dim[VLT_JPEG_DECODE_DIM_W]};
    job.piece = vlt_frame_take(&frame, (size_t)(vlt_threads_count(threads) * job.pieces),
                               sizeof *job.piece);
    if (!decode_beside(&job, threads, (int)vlt_plan_knob(plan, KNOB_THREADS))) {
        return vlt_jpeg_decode_plain(job.args, job.h, job.w, err);
    }
    if (job.args->rows_reached) {
        *job.args->rows_reached = job.h;
    }
    if (job.args->damage) {
        job.args->damage[0] = '\0';
    }
    return VLT_OK;
}

VLT_VARIANT(jpeg_decode, restart, .summary = "restart intervals in bands over threads",
            .knobs = knobs, .knob_count = KNOBS, .applicable = applicable, .scratch = scratch,
            .run = run);
