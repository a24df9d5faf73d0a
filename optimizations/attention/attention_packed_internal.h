/* attention_packed_internal.h: keys and values of a run rounded and packed once for each head, and
 * where the pieces of a run lie; for one instruction set and one kind of word, see
 * attention_rounded_internal.h.
 *
 * A word is what a lane multiplies at once: four bytes (PACKED_INT8) or two BF16 numbers
 * (PACKED_BF16). Inputs that meet in a score lie in the words of a key, keys that meet in an output
 * in the words of a value:
 *
 *     k[panel of keys][word of the head][key of the panel]
 *     v[vector of columns][word of keys][column of the vector]
 *
 * Lanes read that as vectors, the matrix unit as tiles of 16 rows of 16 words.
 */
#ifndef VLT_ATTENTION_PACKED_INTERNAL_H
#define VLT_ATTENTION_PACKED_INTERNAL_H

#include <math.h>
#include <stdio.h>

#include "optimizations/attention/attention.h"
#include "optimizations/attention/attention_bf16_internal.h"
#include "optimizations/attention/attention_int8_internal.h"

#if defined(VLT_SIMD) && (defined(PACKED_INT8) || defined(PACKED_BF16))

enum { KEYS_MAX = 256, HEAD_MAX = 256, COLUMNS = 16 /* that are packed at once */ };
enum { PANEL_VECTORS = VLT_SIMD == 512 ? 2 : 1, PANEL = PANEL_VECTORS * VEC_LANES };
enum { LINE_WORDS = KEYS_MAX / PER_WORD }; /* of a line's probabilities */

#ifdef PACKED_TILES
enum { TILE = 32, TILE_WORDS = 16, ROWS_DEFAULT = 64, Q_ROWS_MIN = 16 };
enum { KEY_STEP = TILE_WORDS * PER_WORD };
static const int64_t rows_values[] = {32, 64, 128};
#else
enum { TILE = 12, TILE_WORDS = 1, ROWS_DEFAULT = 48, Q_ROWS_MIN = 12, KEY_STEP = PANEL };
static const int64_t rows_values[] = {24, 48, 96};
#endif
static const int64_t key_values[] = {64, 128, 256};

enum { KNOB_THREADS, KNOB_ROWS, KNOB_KEYS };

static const vlt_knob rounded_knobs[] = {
    VLT_KNOB_THREADS,
    {"rows", "query rows that meet a block of keys before the next one", rows_values, 3,
     ROWS_DEFAULT, NULL},
    {"keys", "keys in a block", key_values, 3, 128, NULL},
};

#define OUT_OF_SIGHT (-1e30f) /* the score of what fills up a panel */

/* One key/value head. */
struct head_pack {
    uint32_t *k, *v;
    float *k_scale, *v_log, *v_over; /* [padded]: sk, log2 sv, 1 / sv */
    int32_t *k_begin;                /* [padded]: what sums of a key begin with */
    float *k_mean, *v_mean;          /* [means][columns] */
    int64_t *strange;                /* the first key or value that cannot be rounded */
};

struct job {
    const vlt_attention_args *args;
    const vlt_plan *plan;
    vlt_frames packs, frames; /* of the kv_heads, of the workers */
    int64_t heads, kv_heads, head, causal, rows, keys, blocks;
    int64_t steps;            /* words of the head, up to whole tiles */
    int64_t vectors, columns; /* of values: vectors that hold some, up to whole COLUMNS */
    int64_t padded, used;     /* keys up to whole steps: of the plan, of the run */
    int64_t means;            /* one, or of each block of keys that of the blocks before it */
    float scale;              /* of scores, in units of log 2 */
};

/* What a worker writes to. */
struct pieces {
    uint32_t *q;      /* [rows][steps]; in lanes [rows / TILE][steps][TILE] */
    float *scores;    /* [TILE][KEYS_MAX] */
    uint32_t *p;      /* [TILE][LINE_WORDS] */
    float *out;       /* [rows][columns] */
    float *top, *sum; /* [rows] */
    float *query;     /* [rows]: scale * sq */
    int32_t *begin;   /* [rows]: what sums of a query begin with */
};

static inline int64_t round_up(int64_t count, int64_t to)
{
    return (count + to - 1) / to * to;
}

static inline struct job job_of(const vlt_plan *plan)
{
    const int64_t *dim = plan->problem.dim;
    struct job job = {.plan = plan,
                      .heads = dim[VLT_ATTENTION_DIM_HEADS],
                      .kv_heads = dim[VLT_ATTENTION_DIM_KV_HEADS],
                      .head = dim[VLT_ATTENTION_DIM_HEAD],
                      .causal = dim[VLT_ATTENTION_DIM_CAUSAL],
                      .rows = vlt_plan_knob(plan, KNOB_ROWS),
                      .keys = vlt_plan_knob(plan, KNOB_KEYS)};
    job.steps = round_up((job.head + PER_WORD - 1) / PER_WORD, TILE_WORDS);
    job.vectors = (job.head + VEC_LANES - 1) / VEC_LANES;
    job.columns = round_up(job.head, COLUMNS);
    job.padded = round_up(dim[VLT_ATTENTION_DIM_KV_ROWS], KEY_STEP);
    job.means = job.causal ? (job.padded + job.keys - 1) / job.keys : 1;
    job.scale = 1.44269504f / sqrtf((float)job.head);
    return job;
}

static inline size_t pack_bytes(const struct job *job)
{
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, (size_t)(job->padded * job->steps), sizeof(uint32_t));
    vlt_frame_reserve(&bytes, (size_t)(job->padded / PER_WORD * job->columns), sizeof(uint32_t));
    for (int i = 0; i < 4; i++) {
        vlt_frame_reserve(&bytes, (size_t)job->padded, sizeof(float));
    }
    vlt_frame_reserve(&bytes, (size_t)(job->means * job->columns), sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(job->means * job->columns), sizeof(float));
    vlt_frame_reserve(&bytes, 1, sizeof(int64_t));
    return bytes;
}

static inline struct head_pack pack_of(const struct job *job, int64_t kv_head)
{
    vlt_frame frame = vlt_frames_of(&job->packs, (int)kv_head);
    struct head_pack p;
    p.k = vlt_frame_take(&frame, (size_t)(job->padded * job->steps), sizeof(uint32_t));
    p.v = vlt_frame_take(&frame, (size_t)(job->padded / PER_WORD * job->columns), sizeof(uint32_t));
    p.k_scale = vlt_frame_take(&frame, (size_t)job->padded, sizeof(float));
    p.v_log = vlt_frame_take(&frame, (size_t)job->padded, sizeof(float));
    p.v_over = vlt_frame_take(&frame, (size_t)job->padded, sizeof(float));
    p.k_begin = vlt_frame_take(&frame, (size_t)job->padded, sizeof(float));
    p.k_mean = vlt_frame_take(&frame, (size_t)(job->means * job->columns), sizeof(float));
    p.v_mean = vlt_frame_take(&frame, (size_t)(job->means * job->columns), sizeof(float));
    p.strange = vlt_frame_take(&frame, 1, sizeof(int64_t));
    return p;
}

static inline size_t worker_bytes(const struct job *job)
{
    const size_t rows = (size_t)job->rows;
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, rows * (size_t)job->steps, sizeof(uint32_t));
    vlt_frame_reserve(&bytes, (size_t)TILE * KEYS_MAX, sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)TILE * LINE_WORDS, sizeof(uint32_t));
    vlt_frame_reserve(&bytes, rows * (size_t)job->columns, sizeof(float));
    for (int i = 0; i < 4; i++) {
        vlt_frame_reserve(&bytes, rows, sizeof(float));
    }
    return bytes;
}

static inline struct pieces take_pieces(const struct job *job, int worker)
{
    const size_t rows = (size_t)job->rows;
    vlt_frame frame = vlt_frames_of(&job->frames, worker);
    struct pieces s;
    s.q = vlt_frame_take(&frame, rows * (size_t)job->steps, sizeof(uint32_t));
    s.scores = vlt_frame_take(&frame, (size_t)TILE * KEYS_MAX, sizeof(float));
    s.p = vlt_frame_take(&frame, (size_t)TILE * LINE_WORDS, sizeof(uint32_t));
    s.out = vlt_frame_take(&frame, rows * (size_t)job->columns, sizeof(float));
    s.top = vlt_frame_take(&frame, rows, sizeof(float));
    s.sum = vlt_frame_take(&frame, rows, sizeof(float));
    s.query = vlt_frame_take(&frame, rows, sizeof(float));
    s.begin = vlt_frame_take(&frame, rows, sizeof(int32_t));
    return s;
}

static inline size_t rounded_scratch(const vlt_plan *plan)
{
    const struct job job = job_of(plan);
    size_t bytes = 0;
    vlt_frames_reserve(&bytes, (int)job.kv_heads, pack_bytes(&job));
    vlt_frames_reserve(&bytes, vlt_threads_count(plan->context->threads), worker_bytes(&job));
    return bytes;
}

/* VEC_LANES values from column c of a row of keys or values, zeros behind the head. */
VLT_ALWAYS_INLINE vec load_values(const struct job *job, const vlt_kv_view *view, int64_t row,
                                  int64_t kv_head, int64_t c)
{
    const void *from = vlt_kv_row(view, row, kv_head);
    const int64_t left = job->head - c, n = left < 0 ? 0 : vec_smaller(left, VEC_LANES);
    if (n == 0) {
        return vec_zero();
    }
    if (view->format == VLT_FORMAT_F32) {
        return vec_load_part((const float *)from + c, n);
    }
    return n == VEC_LANES ? vec_widen(VLT_DTYPE_BF16, from, c)
                          : vec_widen_part(VLT_DTYPE_BF16, from, c, n);
}

/* mean[means][columns] of the rows of a view, zeros behind the head. Finite where all values are
 * and their sum is. */
static inline void means_of(const struct job *job, const vlt_kv_view *view, int64_t kv_head,
                            float *mean)
{
    const int64_t rows = job->args->kv_rows;
    for (int64_t c = 0; c < job->columns; c += VEC_LANES) {
        vec sum = vec_zero();
        for (int64_t j = 0; j < rows; j++) {
            if (job->causal && j % job->keys == 0) {
                vec_store(mean + j / job->keys * job->columns + c,
                          vec_div(sum, vec_set((float)(j ? j : 1))));
            }
            sum = vec_add(sum, load_values(job, view, j, kv_head, c));
        }
        if (!job->causal) {
            vec_store(mean + c, vec_div(sum, vec_set((float)rows)));
        }
    }
}

/* The one of a key or value. */
static inline const float *mean_of(const struct job *job, const float *mean, int64_t row)
{
    return job->causal ? mean + row / job->keys * job->columns : mean;
}

/* Rounds a row of a view less its mean into words[HEAD_MAX / PER_WORD]; returns its scale. */
static inline float round_centred(const struct job *job, const struct head_pack *p,
                                  const vlt_kv_view *view, int64_t row, int64_t kv_head,
                                  const float *mean, uint32_t *words, int32_t *total)
{
    VLT_ALIGNED(64) float centred[HEAD_MAX];
    for (int64_t c = 0; c < job->columns; c += VEC_LANES) {
        vec_store(centred + c,
                  vec_sub(load_values(job, view, row, kv_head, c), vec_load(mean + c)));
    }
    const float scale = round_row(centred, job->head, words, total);
    *p->strange = scale < 0 && row < *p->strange ? row : *p->strange;
    return scale;
}

static inline void pack_keys(const struct job *job, const struct head_pack *p, int64_t kv_head)
{
    uint32_t words[HEAD_MAX / PER_WORD];
    for (int64_t j = 0; j < job->used; j++) {
        uint32_t *to = p->k + j / PANEL * PANEL * job->steps + j % PANEL;
        int32_t total = 0;
        memset(words, 0, sizeof words);
        p->k_scale[j] = 0;
        if (j < job->args->kv_rows) {
            p->k_scale[j] = round_centred(job, p, &job->args->k, j, kv_head,
                                          mean_of(job, p->k_mean, j), words, &total);
        }
        p->k_begin[j] = -QUERY_OFFSET * total;
        for (int64_t step = 0; step < job->steps; step++) {
            to[step * PANEL] = words[step] ^ KEY_FLIP;
        }
    }
}

/* A word of keys, `first` the first one of them. */
static inline void pack_values(const struct job *job, const struct head_pack *p, int64_t kv_head,
                               int64_t first)
{
    uint32_t words[PER_WORD][HEAD_MAX / PER_WORD];
    int32_t unused;
    memset(words, 0, sizeof words);
    for (int i = 0; i < PER_WORD; i++) {
        const int64_t j = first + i;
        p->v_log[j] = OUT_OF_SIGHT;
        p->v_over[j] = 0;
        if (j < job->args->kv_rows) {
            float scale = round_centred(job, p, &job->args->v, j, kv_head,
                                        mean_of(job, p->v_mean, j), words[i], &unused);
            if (scale <= VALUE_SCALE_MIN) {
                memset(words[i], 0, sizeof words[i]);
                scale = VALUE_SCALE_MIN > 0 ? VALUE_SCALE_MIN : 1;
            }
            p->v_log[j] = log2f(scale);
            p->v_over[j] = 1 / scale;
        }
    }
    for (int64_t c = 0; c < job->columns; c += COLUMNS) {
        const uint32_t *row[PER_WORD];
        __m128i four[4];
        for (int i = 0; i < PER_WORD; i++) {
            row[i] = words[i] + c / PER_WORD;
        }
        interleave(row, four);
        for (int i = 0; i < 4; i++) {
            const int64_t column = c + 4 * i;
            const int64_t word = (column / VEC_LANES * job->padded + first) / PER_WORD;
            _mm_storeu_si128((void *)(p->v + word * VEC_LANES + column % VEC_LANES), four[i]);
        }
    }
}

static inline void pack_body(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct job *job = argument;
    for (int64_t kv_head = begin; kv_head < end; kv_head++) {
        const struct head_pack p = pack_of(job, kv_head);
        *p.strange = INT64_MAX;
        means_of(job, &job->args->k, kv_head, p.k_mean);
        means_of(job, &job->args->v, kv_head, p.v_mean);
        pack_keys(job, &p, kv_head);
        for (int64_t j = 0; j < job->used; j += PER_WORD) {
            pack_values(job, &p, kv_head, j);
        }
    }
}

#endif
#endif
