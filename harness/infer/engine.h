/* engine.h: the immutable half of inference, as the rest of harness/infer sees it.
 *
 * Owns the mapped checkpoint, the context (caps, choices, ledger, thread pool, shared scratch) and
 * the plans of the towers (towers.h). Sessions take turns at computing, step by step. What comes
 * before computing (images, tokens) has contexts of its own, so that it can go on beside it.
 */
#ifndef VLT_HARNESS_ENGINE_H
#define VLT_HARNESS_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "harness/config/tuned.h"
#include "harness/infer/plan_table.h"
#include "harness/infer/turns.h"
#include "harness/infer/vltune.h"
#include "harness/machine/machine.h"
#include "harness/machine/memory_gauge.h"
#include "harness/machine/memory_nodes.h"
#include "harness/model/generation_config.h"
#include "harness/model/placeholders.h"
#include "harness/model/vision_input.h"
#include "harness/model/weights.h"
#include "harness/packs/pack_cache.h"
#include "harness/services/governor.h"
#include "harness/services/shared_pool.h"
#include "harness/services/token_service.h"
#include "optimizations/core/clock.h"
#include "optimizations/device/device.h"
#include "optimizations/kv_cache/kv_cache.h"
#include "optimizations/pipeline/pipeline.h"

struct vlt_engine {
    vlt_checkpoint *checkpoint; /* owned */
    const char *directory;      /* its path */
    vlt_model_config config;
    vlt_generation_config generation;
    vlt_weights weights;
    vlt_tokenizer *tokenizer;
    vlt_vision_tokens vision_tokens;
    vlt_mrope rope;
    vlt_processor processor;
    vlt_vision_options vision_options;  /* dialect among them */
    vlt_patchify_constants pixel_table; /* of still images, where they stay bytes */
    uint64_t model_hash;                /* of the checkpoint */

    vlt_machine *machine; /* owned */
    vlt_caps caps;
    vlt_device *device;       /* that was asked for; NULL: none */
    vlt_quality quality;      /* permitted */
    vlt_quality head_quality; /* to the head of the text, where that is more */
    int thread_count;         /* worth starting here */
    vlt_cpu_set worker_cpus;  /* where they stay, if they do */
    bool pin;                 /* they do */
    vlt_memory_nodes *nodes;  /* of weights; NULL: as the system puts them (engine_memory.h) */
    vlt_memory_policy policy; /* of scratch and caches of keys and values */
    vlt_memory_policy weights_policy; /* of packs */
    bool scarce;                      /* memory is: what is let have is filled at once */
    vlt_memory_gauge memory;          /* what is asked before much is taken; alone: one request has
                                         all of it, and takes it bit by bit */
    vlt_choices choices;
    vlt_tuned_loaded config_state; /* how the tuned config fared */
    vlt_ledger ledger;
    vlt_pack_cache *pack_cache;     /* NULL: none */
    vlt_packs *packs;               /* of weights */
    size_t rest_packs;              /* bytes of them when the engine was opened */
    vlt_plan *kv_plan;              /* the choice of kv_cache */
    const vlt_kv_format *kv_format; /* of every session's cache */
    vlt_threads *threads;
    vlt_context context; /* for everything that runs in a turn */
    vlt_message_function *message;
    void *message_user;

    pthread_mutex_t prepare_lock; /* recursive: of making plans in the two contexts below */
    vlt_context prepare_context;  /* for decoding, preprocessing, tokenising: beside computing */
    vlt_context alone_context;    /* the same for one thread of several */
    vlt_ledger prepare_ledger;
    vlt_token_service *tokens;
    struct vlt_pictures *pictures;
    vlt_governor *governor;      /* NULL: nobody looks at memory */
    vlt_memory_level acted;      /* the governor's own */
    vlt_pipeline_services tuned; /* what services are where no option says otherwise;
                                    about memory and places of threads what holds */
    int prefetch, preprocess_threads;
    atomic_bool ahead;              /* requests are prepared by threads of their own */
    atomic_int under_way;           /* answers */
    atomic_int_least64_t generated; /* tokens so far */
    vlt_trace *trace;               /* NULL: nobody wants to know */
    vlt_context pool_context;
    vlt_shared_pool *pool; /* of images, patches and features */

    vlt_turns turns;               /* of computing */
    vlt_content_cache *embeddings; /* of images; NULL: none are kept */
    vlt_plan_table plans;          /* of the towers, under a turn */
    vlt_scratch scratch;           /* under a turn */

    double load_ms;  /* of opening, until a run has reported it */
    double packs_ms; /* of packing, reported so far */
    pthread_mutex_t load_lock;
};

/* vlt_engine_open with a checkpoint that is open and not mapped; taken over in every case. */
vlt_status vlt_engine_open_checkpoint(vlt_checkpoint *checkpoint, const vlt_engine_options *options,
                                      vlt_engine **out, vlt_error *err);

/* How far logits may be from the baseline's: the tolerances and losses of the leaf operators that a
 * row passes through once, from the patch embedding to the head, over the largest logit. What is
 * summed depends on the plans alone, not on threads, rows, or what ran before. */
double vlt_engine_tolerance(const vlt_engine *engine);

/* The time of loading that no run has reported yet: of opening, for the first that asks, and of
 * packing weights, which happens when plans are made and lies within the time of the run that met
 * the shape. */
typedef struct vlt_load_times {
    double open_ms, pack_ms;
} vlt_load_times;

vlt_load_times vlt_engine_take_load(vlt_engine *engine);

/* The clock without what went into packing weights. For differences within one turn. */
double vlt_engine_computing_ms(const vlt_engine *engine);

/* vlt_memory_gauge_grant of the engine's memory; the trace shows how long it waited. */
vlt_status vlt_engine_grant(vlt_engine *engine, vlt_memory_grant *grant, uint64_t bytes,
                            const char *what, vlt_error *err);

/* engine: NULL has nobody to tell. */
void vlt_engine_message(const vlt_engine *engine, int level, const char *format, ...)
    VLT_PRINTF(3, 4);

#endif
