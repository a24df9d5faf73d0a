/* engine.h: the immutable half of inference, as the rest of harness/infer sees it.
 *
 * Owns the mapped checkpoint, the context (caps, choices, ledger, thread pool, shared scratch) and
 * the plans. Plans are prepared when a shape is first met and then kept; they are run under
 * `compute_lock`, so sessions take turns. What comes before computing (images, tokens) has a
 * context and a lock of its own, so that it can go on beside it.
 */
#ifndef VLT_HARNESS_ENGINE_H
#define VLT_HARNESS_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "harness/config/tuned.h"
#include "harness/infer/positions.h"
#include "harness/infer/vltune.h"
#include "harness/machine/memory_room.h"
#include "harness/model/generation.h"
#include "harness/model/placeholders.h"
#include "harness/model/vision_input.h"
#include "harness/model/weights.h"
#include "harness/packs/pack_cache.h"
#include "optimizations/core/clock.h"
#include "optimizations/norm/norm.h"

/* The smallest cache that plans are prepared for; longer ones come by powers of two. */
enum { VLT_CONTEXT_CLASS = 1024 };

/* Decoder plans for runs of up to `rows` rows in a cache of up to `context` rows. */
typedef struct vlt_text_plans {
    int64_t rows, context;
    vlt_plan **layer; /* [layers]; NULL: none yet */
    vlt_plan *norm;   /* final */
} vlt_text_plans;

typedef struct vlt_merger_plans {
    vlt_plan *norm, *fc1, *gelu, *fc2;
} vlt_merger_plans;

/* Vision plans for up to `rows` patches in segments of up to `segment`. */
typedef struct vlt_vision_plans {
    int64_t rows, segment;
    vlt_plan *patch;
    vlt_plan **block; /* [blocks]; NULL: none yet */
    vlt_merger_plans merger, deepstack[VLT_DEEPSTACK_MAX];
} vlt_vision_plans;

struct vlt_engine {
    char *directory;
    vlt_safetensors *tensors;
    vlt_model_config config;
    vlt_generation_config generation;
    vlt_weights weights;
    vlt_tokenizer *tokenizer;
    vlt_vision_tokens vision_tokens;
    vlt_text_rope rope;
    vlt_processor processor;
    vlt_vision_options vision_options; /* dialect among them */
    vlt_vision_reader *reader;         /* under prepare_lock */
    uint64_t model_hash;               /* vlt_safetensors_hash */

    vlt_caps caps;
    vlt_quality quality;     /* permitted */
    int thread_count;        /* worth starting here */
    vlt_memory_gauge memory; /* what is asked before much is taken */
    vlt_choices choices;
    vlt_tuned_loaded config_state; /* how the tuned config fared */
    vlt_ledger ledger;
    vlt_pack_cache *pack_cache; /* NULL: none */
    vlt_packs *packs;           /* of weights */
    vlt_scratch scratch;        /* of whoever holds compute_lock */
    vlt_threads *threads;
    vlt_context context; /* for everything that runs under compute_lock */
    vlt_message_function *message;
    void *message_user;

    pthread_mutex_t prepare_lock;
    vlt_context prepare_context; /* for decoding, preprocessing, tokenising: beside computing */
    vlt_ledger prepare_ledger;

    pthread_mutex_t compute_lock;
    vlt_text_plans decode, prompt; /* one row; blocks of rows */
    vlt_plan *head;
    vlt_vision_plans vision;

    double load_ms;  /* of opening, until a run has reported it */
    double packs_ms; /* of packing, reported so far */
    pthread_mutex_t load_lock;
};

/* Makes sure the plans exist; to be called, and the plans used, under compute_lock. Larger plans
 * replace smaller ones: they are made before the smaller ones go, so that what both pack of the
 * weights is packed once. */
vlt_status vlt_engine_text_plans(vlt_engine *engine, vlt_text_plans *plans, int64_t rows,
                                 int64_t context, vlt_error *err);
vlt_status vlt_engine_head_plan(vlt_engine *engine, vlt_error *err);
vlt_status vlt_engine_vision_plans(vlt_engine *engine, int64_t rows, int64_t segment,
                                   vlt_error *err);
/* How far logits may be from the baseline's: the tolerances and losses of the leaf operators that a
 * row passes through once, from the patch embedding to the head, over the largest logit. What is
 * summed depends on the plans alone, not on threads, rows, or what ran before. */
double vlt_engine_tolerance(const vlt_engine *engine);
void vlt_engine_release_plans(vlt_engine *engine);

/* The time of loading that no run has reported yet: of opening, for the first that asks, and of
 * packing weights, which happens when plans are made and lies within the time of the run that met
 * the shape. */
typedef struct vlt_load_times {
    double open_ms, pack_ms;
} vlt_load_times;

vlt_load_times vlt_engine_take_load(vlt_engine *engine);

void vlt_engine_message(const vlt_engine *engine, int level, const char *format, ...)
    VLT_PRINTF(3, 4);

#endif
