/* context.h: what plans are prepared in. There is no global state: two contexts never meet. */
#ifndef VLT_CORE_CONTEXT_H
#define VLT_CORE_CONTEXT_H

#include <pthread.h>

#include "optimizations/core/choices.h"
#include "optimizations/core/packs.h"
#include "optimizations/core/threads.h"

typedef enum vlt_log_level { VLT_LOG_WARNING, VLT_LOG_INFO, VLT_LOG_DEBUG } vlt_log_level;

/* May be called from any thread. */
typedef void vlt_log_function(void *user, vlt_log_level level, const char *message);

typedef enum vlt_policy {
    VLT_POLICY_CHOICES, /* choices, else the preferred applicable variant */
    VLT_POLICY_BASELINE /* every operator's baseline, except what is forced */
} vlt_policy;

/* One line of the ledger: what really ran. */
typedef struct vlt_ledger_entry {
    const vlt_op *op;
    char bucket[VLT_BUCKET_BYTES];
    const vlt_variant *variant;
    vlt_binding binding;
    vlt_choice_source source;
    int64_t dim[VLT_DIM_MAX]; /* of the first problem met, which stands for the bucket */
    _Atomic int64_t *runs;    /* owned: how often they ran; plans count here */
    int64_t plans;            /* how many were prepared so far */
    bool composite;           /* they have children */
} vlt_ledger_entry;

/* A choice that was not applicable, counted over the plans that would have had it. */
typedef struct vlt_ledger_passed {
    const vlt_variant *variant;
    bool forced; /* else tuned */
    int64_t plans;
} vlt_ledger_passed;

typedef struct vlt_ledger {
    vlt_ledger_entry *entry; /* owned */
    int count;
    int capacity;
    vlt_ledger_passed *passed; /* owned */
    int passed_count;
} vlt_ledger;

/* After the plans that were noted in it: they count their runs here. */
void vlt_ledger_release(vlt_ledger *ledger);

/* Everything is borrowed and must outlive the plans. Preparing in one context is done by one
 * thread at a time, or under `making`; running plans of one context shares its thread pool. */
typedef struct vlt_context {
    const vlt_caps *caps;       /* required */
    const vlt_choices *choices; /* NULL: none */
    vlt_policy policy;
    vlt_quality quality;              /* what variants may lose */
    vlt_quality head_quality;         /* and the decoder's head, where that is more */
    vlt_packs *packs;                 /* weights rearranged; NULL: every plan has its own */
    vlt_threads *threads;             /* NULL: the caller's thread alone */
    struct vlt_device *device;        /* as caps->device says (device/device.h); NULL: none */
    const vlt_buffer_source *buffers; /* of workloads; NULL: the heap */
    const vlt_block_source *blocks;   /* of images and patches; NULL: the heap */
    const vlt_memory_policy *memory;  /* of scratch; NULL: as the system gives it */
    vlt_ledger *ledger;               /* NULL: not kept */
    pthread_mutex_t *making; /* recursive, held while a plan is prepared and noted; NULL: none */
    vlt_log_function *log;   /* NULL: silent */
    void *log_user;
    vlt_admit_function *admit; /* asked before much memory is taken; NULL: never */
    void *admit_user;
} vlt_context;

/* Asks context->admit, where there is one. */
vlt_status vlt_context_admit(const vlt_context *context, uint64_t bytes, const char *what,
                             vlt_error *err);

void vlt_log(const vlt_context *context, vlt_log_level level, const char *format, ...)
    VLT_PRINTF(3, 4);

#endif
