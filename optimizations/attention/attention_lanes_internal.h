/* attention_lanes_internal.h: the two products of attention_rounded_internal.h in the lanes of
 * vectors: a word of each of TILE lines is spread and meets a vector of words of keys or values.
 */
#ifndef VLT_ATTENTION_LANES_INTERNAL_H
#define VLT_ATTENTION_LANES_INTERNAL_H

#include "optimizations/attention/attention_packed_internal.h"

#if defined(VLT_SIMD) && (defined(PACKED_INT8) || defined(PACKED_BF16)) && !defined(PACKED_TILES)

enum { KEYS_AHEAD = 256 /* words of packed keys */ };

static inline void begin_products(void)
{
}

static inline void end_products(void)
{
}

/* Line i of the item from words[steps] on. */
static inline void set_query(const struct job *job, const struct pieces *s, int64_t i,
                             const uint32_t *words)
{
    uint32_t *to = s->q + i / TILE * TILE * job->steps + i % TILE;
    for (int64_t step = 0; step < job->steps; step++) {
        to[step * TILE] = words[step];
    }
}

VLT_ALWAYS_INLINE vec_int load_words(const uint32_t *words)
{
#if VLT_SIMD == 512
    return _mm512_loadu_si512(words);
#else
    return _mm256_loadu_si256((const void *)words);
#endif
}

VLT_ALWAYS_INLINE vec_int spread_word(const uint32_t *word)
{
    return VEC_OP(set1_epi32)((int32_t)*word);
}

/* scores[TILE][count] = q k of a block, with the scales of the keys. */
static inline void score_block(const struct job *job, const struct head_pack *p,
                               const struct pieces *s, int64_t line, int64_t first, int64_t count)
{
    const int64_t steps = job->steps;
    const uint32_t *q = s->q + line * steps;
    for (int64_t j = 0; j < count; j += PANEL) {
        const uint32_t *k = p->k + (first + j) * steps;
        packed_sum sum[TILE][PANEL_VECTORS];
        VLT_UNROLL
        for (int r = 0; r < TILE; r++) {
            VLT_UNROLL
            for (int i = 0; i < PANEL_VECTORS; i++) {
                sum[r][i] = packed_begin(s->begin[line + r]);
            }
        }
        for (int64_t step = 0; step < steps; step++) {
            vec_int keys[PANEL_VECTORS];
            VLT_UNROLL
            for (int i = 0; i < PANEL_VECTORS; i++) {
                const uint32_t *at = k + step * PANEL + i * VEC_LANES;
                _mm_prefetch((const void *)((uintptr_t)at + KEYS_AHEAD * 4), _MM_HINT_T0);
                keys[i] = load_words(at);
            }
            VLT_UNROLL
            for (int r = 0; r < TILE; r++) {
                const vec_int word = spread_word(q + step * TILE + r);
                VLT_UNROLL
                for (int i = 0; i < PANEL_VECTORS; i++) {
                    sum[r][i] = dot_keys(sum[r][i], word, keys[i]);
                }
            }
        }
        VLT_UNROLL
        for (int i = 0; i < PANEL_VECTORS; i++) {
            const int64_t at = j + i * VEC_LANES;
            const vec scale = vec_load(p->k_scale + first + at);
            const packed_sum begin = packed_key_begin(p->k_begin + first + at);
            VLT_UNROLL
            for (int r = 0; r < TILE; r++) {
                const packed_sum all = QUERY_OFFSET ? packed_add(sum[r][i], begin) : sum[r][i];
                vec_store(s->scores + r * KEYS_MAX + at, vec_mul(packed_float(all), scale));
            }
        }
    }
}

/* out[TILE] = out * shrink + P V * weight; `vectors` of columns from c on, a constant. */
VLT_ALWAYS_INLINE void add_vectors(const struct job *job, const struct head_pack *p,
                                   const struct pieces *s, int64_t c, int64_t first, int64_t count,
                                   const float *shrink, const float *weight, float *out,
                                   int vectors)
{
    const uint32_t *v = p->v + (c * job->padded + first) / PER_WORD * VEC_LANES, *words = s->p;
    const int64_t next = job->padded / PER_WORD * VEC_LANES;
    packed_sum sum[TILE][PANEL_VECTORS];
    VLT_UNROLL
    for (int r = 0; r < TILE; r++) {
        VLT_UNROLL
        for (int i = 0; i < PANEL_VECTORS; i++) {
            sum[r][i] = packed_begin(0);
        }
    }
    for (int64_t w = 0, last = count / PER_WORD; w < last; w++) {
        vec_int values[PANEL_VECTORS];
        VLT_UNROLL
        for (int i = 0; i < PANEL_VECTORS; i++) {
            values[i] = load_words(v + (i < vectors ? i * next : 0) + w * VEC_LANES);
        }
        VLT_UNROLL
        for (int r = 0; r < TILE; r++) {
            const vec_int word = spread_word(words + r * LINE_WORDS + w);
            VLT_UNROLL
            for (int i = 0; i < PANEL_VECTORS; i++) {
                if (i < vectors) {
                    sum[r][i] = dot_values(sum[r][i], word, values[i]);
                }
            }
        }
    }
    VLT_UNROLL
    for (int r = 0; r < TILE; r++) {
        VLT_UNROLL
        for (int i = 0; i < PANEL_VECTORS; i++) {
            float *to = out + r * job->columns + (c + i) * VEC_LANES;
            if (i < vectors) {
                vec old = vec_mul(vec_load(to), vec_set(shrink[r]));
                vec_store(to, vec_fma(packed_float(sum[r][i]), vec_set(weight[r]), old));
            }
        }
    }
}

static inline void add_values(const struct job *job, const struct head_pack *p,
                              const struct pieces *s, int64_t first, int64_t count,
                              const float *shrink, const float *weight, float *out)
{
    int64_t c = 0;
    for (; c + PANEL_VECTORS <= job->vectors; c += PANEL_VECTORS) {
        add_vectors(job, p, s, c, first, count, shrink, weight, out, PANEL_VECTORS);
    }
    if (c < job->vectors) {
        add_vectors(job, p, s, c, first, count, shrink, weight, out, 1);
    }
}

#endif
#endif
