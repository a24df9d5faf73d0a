/* vltune.h: Qwen3-VL inference as a C library: the boundary between libvltune and its users.
 *
 *   engine    a checkpoint, opened: mapped weights, tokenizer, variants chosen for this machine.
 *             Immutable for its users; any number of sessions share it.
 *   session   one conversation: the KV cache and everything else that changes.
 *   run       one answer: messages or a prompt in, ids and text out, streamed on the way.
 *
 * Nothing here exits, prints or keeps global state. Functions that can fail return a vlt_status and
 * fill the error, which may be NULL. Options that are zero mean their defaults, so that {0} is a
 * good start. Sessions of one engine may live on different threads; their computing takes turns. A
 * session is used by one thread at a time. tests/examples/answer.c is a whole program.
 *
 * Random stream of sampling: SplitMix64 started with the seed as its state
 * (optimizations/core/random.h); every sampled token takes one number u in [0, 1) of 53 bits and is
 * the first token, in order of id, whose cumulative probability exceeds u. Greedy choice takes
 * none. Equal logits and seed give equal ids everywhere.
 */
#ifndef VLTUNE_H
#define VLTUNE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/status.h"

typedef struct vlt_engine vlt_engine;
typedef struct vlt_session vlt_session;

/* level: 0 warning, 1 information, 2 detail. May be called from any thread. */
typedef void vlt_message_function(void *user, int level, const char *message);

/* What an engine keeps and does beside computing; the same for all of its sessions. */
typedef struct vlt_service_options {
    int64_t embedding_cache; /* bytes that embeddings of images may take; 0: 256 MiB; negative:
                                none are kept */
    /* Of these six 0 means as tuned (operator `pipeline`), else what is named first. */
    int64_t tokenize_cache; /* bytes that ids of whole texts may take: 8 MiB; negative: none */
    int tokenize_threads;   /* that encode a long text: as many as compute, negative likewise */
    int64_t tokenize_chunk; /* bytes of its pieces: 64 KiB; at least 256 */
    int preprocess_threads; /* that decode, resize and cut: as many as compute, negative likewise */
    int prefetch;           /* lines of a batch that are prepared ahead: 2; negative: none */
    int parallel;           /* requests of a batch that compute side by side: 1 */
    int64_t memory_limit;   /* bytes that this process may have resident, pages of files apart; 0:
                                what the machine and its cgroups allow */
    double memory_low;      /* percent of the limit: with less left, less is kept and begun;
                                0: 10 */
    double memory_critical; /* with less left, nothing is kept that can be made again; 0: 4 */
    int monitor_ms;         /* between looks at memory; 0: nobody looks */
    int cleanup_ms;         /* between giving freed memory back; 0: 1000 */
    bool trace;             /* note what happens when, for vlt_engine_write_trace */
} vlt_service_options;

/* For measuring: a request that is asked again is computed again. */
#define VLT_SERVICES_KEEP_NOTHING                   \
    (vlt_service_options)                           \
    {                                               \
        .embedding_cache = -1, .tokenize_cache = -1 \
    }

typedef struct vlt_engine_options {
    int threads;             /* that work; 0: one per usable core */
    bool pin;                /* every thread stays on a core of its own, the fastest and nearest
                                 first, as hwloc tells; the caller's while it computes: then it has
                                 the CPUs again that it had; false: as tuned */
    bool no_pin;             /* they stay nowhere, whatever is tuned */
    const char *weights;     /* where their memory lies: "system", "interleave" (over all NUMA
                                 nodes), "local" (the threads' node while there is room); NULL: as
                                 tuned, else "system"; UNSUPPORTED where there is one node */
    const char *huge_pages;  /* large blocks in large pages: "on", "off"; NULL: as tuned, else on */
    const char *first_touch; /* pinned threads touch each a part of large blocks: "on", "off"; NULL:
                                 as tuned, else off; UNSUPPORTED where there is one node */
    const char *config;      /* tuned config file; NULL: looked for beside the model, then in
                                 $XDG_CONFIG_HOME/vltune */
    bool no_config;          /* use none: default variants */
    bool baseline;           /* every operator's baseline */
    bool require_tuned;      /* STALE when there is no config for this machine and model */
    const char *const *force; /* [force_count] "OP=VARIANT[:KNOB=V,...]" */
    int force_count;
    const char *dialect;      /* "5" (NULL) or "4.57" */
    const char *reference;    /* image arithmetic: "torch" (NULL), "pillow", "pillow12" */
    const char *exif;         /* "auto" (NULL), "on", "off" */
    const char *alpha;        /* "auto" (NULL), "drop", "white" */
    bool strict_images;       /* refuse JPEGs with missing rows or damaged data */
    const char *quality;      /* what may be lost: "exact" (NULL), "bf16", "int8", "int4" */
    const char *head_quality; /* what the head of the text may lose where that is more; NULL: no
                                 more than the rest */
    const char *device;       /* that plans may use: "none" (NULL), "auto", "cuda:N", "host",
                              "simulated"; UNSUPPORTED where there is no such GPU */
    int64_t pack_cache;       /* bytes that rounded weights may take in
                                      $XDG_CACHE_HOME/vltune/packs; 0: 8 GiB; negative: none are
                                      kept or read there */
    vlt_service_options services;
    vlt_message_function *message; /* NULL: silent */
    void *message_user;
    int depth; /* only so many blocks and layers of each tower, for measuring: its answers mean
                  nothing; 0: all */
} vlt_engine_options;

/* Opens a checkpoint directory. Weights are mapped, not read. options may be NULL. */
VLT_API vlt_status vlt_engine_open(const char *directory, const vlt_engine_options *options,
                                   vlt_engine **out, vlt_error *err);

/* What happened so far as Chrome trace JSON, which Perfetto opens; nothing where services.trace was
 * false. */
VLT_API vlt_status vlt_engine_write_trace(vlt_engine *engine, const char *path, vlt_error *err);

/* Sessions must be closed before. NULL is fine. */
VLT_API void vlt_engine_close(vlt_engine *engine);

typedef struct vlt_session_options {
    int64_t context; /* tokens that the cache may grow to, as it is used; 0: as far as each request
                        asks for */
} vlt_session_options;

VLT_API vlt_status vlt_session_open(vlt_engine *engine, const vlt_session_options *options,
                                    vlt_session **out, vlt_error *err);
VLT_API void vlt_session_close(vlt_session *session); /* NULL is fine */

/* Writes the conversation and its cache to a file, whole or not at all. */
VLT_API vlt_status vlt_session_save(const vlt_session *session, const char *path, vlt_error *err);

/* Continues a saved session. STALE for another model, another cache layout or version; INPUT for a
 * file whose checksum is wrong; the message says which. */
VLT_API vlt_status vlt_session_load(vlt_engine *engine, const char *path,
                                    const vlt_session_options *options, vlt_session **out,
                                    vlt_error *err);

/* Sampling fields that are given; the others follow the checkpoint's generation_config. */
enum {
    VLT_GIVEN_TEMPERATURE = 1,
    VLT_GIVEN_TOP_K = 2,
    VLT_GIVEN_TOP_P = 4,
    VLT_GIVEN_MIN_P = 8,
    VLT_GIVEN_REPETITION_PENALTY = 16,
    VLT_GIVEN_PRESENCE_PENALTY = 32,
    VLT_GIVEN_SEED = 64 /* else one is drawn from the system, and reported */
};

typedef struct vlt_request {
    /* Either a whole conversation: JSON list of {"role", "content"}; what the session has in its
     * cache and the conversation begins with is not computed again. INPUT for what the template
     * would leave out (pictures of system and assistant turns, items of unknown types). */
    const char *messages;
    size_t messages_bytes;
    const char *tools; /* JSON list for the system turn, or NULL */
    size_t tools_bytes;
    /* Or the next user turn: images in order, then the text; it goes behind what the session has
     * said so far. `system` opens a new conversation. */
    const char *prompt;
    const char *system;
    const char *const *images;
    int image_count;
    const char *files; /* folder of relative paths; NULL: the current one */
    const char *name;  /* what warnings about the messages begin with, "chat.json"; NULL: nothing */
    bool add_vision_id;
    bool no_special; /* text of messages, prompt, system and tools is text: an <|im_end|> in it is
                        no end of a turn; the template's own marks stay marks */

    int64_t max_tokens; /* 0: 256, cut to what the context leaves; negative: none, prompt only */
    bool greedy;
    uint32_t given;     /* VLT_GIVEN_* */
    double temperature; /* 0 is greedy; giving temperature, top_k, top_p or min_p means sampling */
    int64_t top_k;
    double top_p;
    double min_p;
    double repetition_penalty;
    double presence_penalty; /* generated tokens only, once a token */
    uint64_t seed;
    const char *const *stops; /* [stop_count] the text ends before the first of these */
    int stop_count;
    bool ignore_eos; /* end tokens are ordinary tokens */
    int logprobs;    /* most probable tokens to report per step; 0: none */

    /* Complete characters as they become certain. False asks to stop: finish "interrupted". */
    bool (*on_text)(void *user, const char *text, size_t bytes);
    /* Each id as it is chosen. False as above. */
    bool (*on_token)(void *user, int32_t id);
    /* Phase "images" (read so far; only while one is a pipe that keeps us waiting), "vision"
     * (blocks) or "prefill" (prompt rows). False as above; during "images" the run fails with
     * INTERRUPTED. */
    bool (*on_progress)(void *user, const char *phase, int64_t done, int64_t total);
    /* The logits of every step before its id is chosen, [vocab], valid during the call. */
    bool (*on_logits)(void *user, int64_t step, const float *logits, int64_t vocab);
    void *user;

    /* Teacher forcing: these ids are taken instead of chosen ones, end tokens among them do not end
     * it; max_tokens is their count. */
    const int32_t *forced_ids;
    int64_t forced_count;

    const char *dump; /* safetensors file for the intermediate tensors of the prompt, or NULL; the
                         whole prompt is then computed anew */
    bool last;        /* nothing is asked of the engine behind it: what only a later request would
                         take up again (pooled blocks, image embeddings) is given back on the way */
} vlt_request;

typedef enum vlt_finish { VLT_FINISH_STOP, VLT_FINISH_LENGTH, VLT_FINISH_INTERRUPTED } vlt_finish;

/* Milliseconds of wall time, except where stages overlap: then busy times, and overlap is what
 * their sum exceeds total by. */
typedef struct vlt_timings {
    double load; /* opening the engine; counted in the first run of an engine only */
    double image_decode, preprocess, tokenize, vision, prefill, decode;
    double other; /* total less all of the above */
    double total;
    double overlap; /* 0 in sequence */
} vlt_timings;

typedef struct vlt_response_image {
    bool video;
    int64_t grid_thw[3]; /* patches */
    int64_t tokens;      /* rows in the prompt */
} vlt_response_image;

typedef struct vlt_logprob {
    int32_t id;
    float logprob; /* natural log in the distribution drawn from (greedy: after the penalties) */
} vlt_logprob;

typedef struct vlt_response {
    char *text; /* special tokens skipped, stop strings cut off; UTF-8, a NUL behind */
    size_t text_bytes;
    int32_t *ids; /* generated, the end token included */
    int64_t id_count;
    int32_t *prompt_ids; /* after placeholder expansion */
    int64_t prompt_count;
    int64_t cached_count; /* of them found in the session's cache */
    int64_t rope_delta;
    vlt_finish finish;
    vlt_response_image *images; /* in order of appearance */
    int image_count;
    vlt_logprob *logprobs; /* [id_count][1 + logprob_top]: the chosen one, then the most probable */
    int logprob_top;
    uint64_t seed;
    vlt_timings timings;
} vlt_response;

/* Computes one answer. On success the caller releases *out. LIMIT, before anything is computed,
 * when prompt and max_tokens do not fit the context, or the memory that this process may have, with
 * the numbers. */
VLT_API vlt_status vlt_session_run(vlt_session *session, const vlt_request *request,
                                   vlt_response *out, vlt_error *err);
VLT_API void vlt_response_release(vlt_response *response); /* may be called on {0} */

VLT_API const char *vlt_finish_name(vlt_finish finish); /* "stop", "length", "interrupted" */

#endif
