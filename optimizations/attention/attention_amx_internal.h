/* attention_amx_internal.h: the two products of attention_rounded_internal.h in the matrix unit: 32
 * lines times 32 keys or columns in four tiles of sums, operands as they are packed for lanes.
 */
#ifndef VLT_ATTENTION_AMX_INTERNAL_H
#define VLT_ATTENTION_AMX_INTERNAL_H

#include "optimizations/attention/attention_packed_internal.h"
#include "optimizations/core/amx_tiles.h"

#if defined(VLT_SIMD) && (defined(PACKED_INT8) || defined(PACKED_BF16)) && defined(PACKED_TILES)

enum { SIDE = VLT_AMX_TILE_ROWS, TILE_BYTES = TILE_WORDS * 4 };

#ifdef PACKED_INT8
#define TILE_DOT_KEYS(c, a, b)   _tile_dpbsud(c, a, b)
#define TILE_DOT_VALUES(c, a, b) _tile_dpbusd(c, a, b)
#else
#define TILE_DOT_KEYS(c, a, b)   _tile_dpbf16ps(c, a, b)
#define TILE_DOT_VALUES(c, a, b) _tile_dpbf16ps(c, a, b)
#endif

static inline void begin_products(void)
{
    VLT_AMX_CONFIGURE();
}

static inline void end_products(void)
{
    _tile_release();
}

/* Line i of the item from words[steps] on. */
static inline void set_query(const struct job *job, const struct pieces *s, int64_t i,
                             const uint32_t *words)
{
    memcpy(s->q + i * job->steps, words, (size_t)job->steps * sizeof *words);
}

/* VEC_LANES sums, of which the unit stores the bits. */
VLT_ALWAYS_INLINE packed_sum load_sums(const float *from)
{
#ifdef PACKED_INT8
    return _mm512_loadu_si512(from);
#else
    return vec_load(from);
#endif
}

static inline void store_sums(float *to)
{
    const int64_t line = KEYS_MAX * (int64_t)sizeof(float);
    _tile_stored(0, to, line);
    _tile_stored(1, to + SIDE, line);
    _tile_stored(2, to + (ptrdiff_t)SIDE * KEYS_MAX, line);
    _tile_stored(3, to + (ptrdiff_t)SIDE * KEYS_MAX + SIDE, line);
    VLT_USED(to);
}

static inline void zero_sums(void)
{
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

/* scores[TILE][count] = q k of a block, with the scales of the keys. */
static inline void score_block(const struct job *job, const struct head_pack *p,
                               const struct pieces *s, int64_t line, int64_t first, int64_t count)
{
    const uint32_t *q = s->q + line * job->steps;
    const int64_t row = job->steps * 4, step_bytes = PANEL * (int64_t)sizeof(uint32_t);
    for (int64_t j = 0; j < count; j += PANEL) {
        const uint32_t *k = p->k + (first + j) * job->steps;
        zero_sums();
        for (int64_t step = 0; step < job->steps; step += TILE_WORDS) {
            _tile_loadd(4, q + step, row);
            _tile_loadd(5, q + SIDE * job->steps + step, row);
            _tile_loadd(6, k + step * PANEL, step_bytes);
            _tile_loadd(7, k + step * PANEL + SIDE, step_bytes);
            TILE_DOT_KEYS(0, 4, 6);
            TILE_DOT_KEYS(1, 4, 7);
            TILE_DOT_KEYS(2, 5, 6);
            TILE_DOT_KEYS(3, 5, 7);
        }
        store_sums(s->scores + j);
    }
    for (int r = 0; r < TILE; r++) {
        const packed_sum begin = packed_begin(s->begin[line + r]);
        float *score = s->scores + (ptrdiff_t)r * KEYS_MAX;
        for (int64_t j = 0; j < count; j += VEC_LANES) {
            const vec value = packed_float(packed_add(load_sums(score + j), begin));
            vec_store(score + j, vec_mul(value, vec_load(p->k_scale + first + j)));
        }
    }
}

/* P V of two vectors of columns, or of one; takes the place of the scores, which are done with. */
static inline void multiply_values(const struct job *job, const struct head_pack *p,
                                   const struct pieces *s, int64_t c, int64_t first, int64_t count)
{
    const uint32_t *v = p->v + (c * job->padded + first) / PER_WORD * VEC_LANES;
    const int64_t next = c + 1 < job->vectors ? job->padded / PER_WORD * VEC_LANES : 0;
    const int64_t line = LINE_WORDS * (int64_t)sizeof(uint32_t);
    zero_sums();
    for (int64_t w = 0; w < count / PER_WORD; w += TILE_WORDS) {
        _tile_loadd(4, s->p + w, line);
        _tile_loadd(5, s->p + (ptrdiff_t)SIDE * LINE_WORDS + w, line);
        _tile_loadd(6, v + w * VEC_LANES, TILE_BYTES);
        _tile_loadd(7, v + next + w * VEC_LANES, TILE_BYTES);
        TILE_DOT_VALUES(0, 4, 6);
        TILE_DOT_VALUES(1, 4, 7);
        TILE_DOT_VALUES(2, 5, 6);
        TILE_DOT_VALUES(3, 5, 7);
    }
    store_sums(s->scores);
}

/* out[TILE] = out * shrink + P V * weight. */
static inline void add_values(const struct job *job, const struct head_pack *p,
                              const struct pieces *s, int64_t first, int64_t count,
                              const float *shrink, const float *weight, float *out)
{
    for (int64_t c = 0; c < job->vectors; c += 2) {
        multiply_values(job, p, s, c, first, count);
        for (int r = 0; r < TILE; r++) {
            for (int64_t i = 0; i < 2 && c + i < job->vectors; i++) {
                float *to = out + r * job->columns + (c + i) * VEC_LANES;
                const float *sum = s->scores + (ptrdiff_t)r * KEYS_MAX + i * VEC_LANES;
                vec old = vec_mul(vec_load(to), vec_set(shrink[r]));
                vec_store(to, vec_fma(packed_float(load_sums(sum)), vec_set(weight[r]), old));
            }
        }
    }
}

#endif
#endif
