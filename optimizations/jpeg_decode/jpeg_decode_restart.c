/* Bottleneck: entropy decoding is serial, and libjpeg decodes a stream on one thread.
 * Idea: restart markers are entry points; bands of restart intervals become streams of their own
 * (patched height, renumbered markers, one row of MCUs more on each side where upsampling looks
 * across) and are decoded beside each other, byte for byte as a whole.
 * Loses: with one thread, and by the overlap where intervals are long.
 */
#include <stdatomic.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/jpeg_decode/jpeg_decode.h"
#include "optimizations/jpeg_decode/jpeg_intervals.h"
#include "optimizations/jpeg_decode/jpeg_reader.h"

static const int64_t thread_values[] = {0, 2, 4, 8};
static const int64_t band_values[] = {4, 8, 16, 32, 64};

static const vlt_knob knobs[] = {
    {"threads", "threads that work, at most; 0: all", thread_values, 4, 0, NULL},
    {"band", "rows of MCUs in a band, at least", band_values, 5, 16, NULL},
};

enum { KNOB_THREADS, KNOB_BAND, KNOBS };

/* Streams of a worker: three pieces of header, two for each interval. */
enum { HEADER_PIECES = 3 };

struct state {
    vlt_jpeg_intervals intervals;
    vlt_jpeg_piece *piece; /* [workers, pieces] */
    int64_t pieces;
    int64_t band; /* intervals */
};

struct job {
    struct state *state;
    const vlt_jpeg_decode_args *args;
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
    struct state *state = job->state;
    const vlt_jpeg_intervals *found = &state->intervals;
    int64_t interval_px = found->restart_rows * found->mcu_h;
    int64_t first = found->overlap && begin ? begin - 1 : begin;
    int64_t last = found->overlap && end < found->count ? end + 1 : end;
    int64_t rows = (end - first) * interval_px + (last > end ? found->mcu_h : 0);
    int64_t left = job->h - first * interval_px;
    rows = rows < left ? rows : left;
    const uint8_t height[2] = {(uint8_t)(rows >> 8), (uint8_t)rows};
    vlt_jpeg_piece *piece = state->piece + worker * state->pieces;
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
    const struct state *state = job->state;
    for (int64_t i = begin; i < end && !atomic_load(&job->failed); i++) {
        int64_t first = i * state->band, last = first + state->band;
        last = last < state->intervals.count ? last : state->intervals.count;
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

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const int64_t *dim = plan->problem.dim;
    int64_t restart_rows = dim[VLT_JPEG_DECODE_DIM_RESTARTS];
    int64_t band = vlt_plan_knob(plan, KNOB_BAND);
    void *block;
    size_t bytes;
    vlt_status status = vlt_alloc(sizeof(struct state), &plan->state, err);
    if (status != VLT_OK) {
        return status;
    }
    struct state *state = plan->state;
    state->band = (band + restart_rows - 1) / restart_rows;
    state->pieces = HEADER_PIECES + 2 * (state->band + 2);
    status = vlt_jpeg_intervals_init(&state->intervals, dim[VLT_JPEG_DECODE_DIM_H], restart_rows,
                                     err);
    if (status == VLT_OK &&
        !vlt_mul_size((size_t)state->pieces * sizeof *state->piece,
                      (size_t)vlt_threads_count(plan->context->threads), &bytes)) {
        status = vlt_fail(err, VLT_STATUS_LIMIT, "jpeg_decode/restart: too many intervals");
    }
    if (status == VLT_OK) {
        status = vlt_alloc(bytes, &block, err);
        state->piece = block;
    }
    return status;
}

static vlt_status run(vlt_plan *plan, const void *args, vlt_error *err)
{
    struct state *state = plan->state;
    const int64_t *dim = plan->problem.dim;
    struct job job = {.state = state,
                      .args = args,
                      .h = dim[VLT_JPEG_DECODE_DIM_H],
                      .w = dim[VLT_JPEG_DECODE_DIM_W]};
    vlt_threads *threads = plan->context->threads;
    if (vlt_threads_count(threads) > 1 &&
        vlt_jpeg_intervals_find(&state->intervals, job.args->data, job.args->data_bytes, job.h,
                                job.w)) {
        int64_t bands = (state->intervals.count + state->band - 1) / state->band;
        vlt_threads_for(threads, bands, 1, (int)vlt_plan_knob(plan, KNOB_THREADS), decode_bands,
                        &job);
        if (!atomic_load(&job.failed)) {
            if (job.args->rows_reached) {
                *job.args->rows_reached = job.h;
            }
            return VLT_OK;
        }
    }
    return vlt_jpeg_decode_plain(job.args, job.h, job.w, err);
}

static void release(vlt_plan *plan)
{
    struct state *state = plan->state;
    if (state) {
        vlt_jpeg_intervals_release(&state->intervals);
        vlt_free(state->piece);
        vlt_free(state);
    }
}

VLT_VARIANT(jpeg_decode, restart, .summary = "restart intervals in bands over threads",
            .knobs = knobs, .knob_count = KNOBS, .applicable = applicable, .prepare = prepare,
            .run = run, .release = release);
