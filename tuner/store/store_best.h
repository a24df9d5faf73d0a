/* store_best.h: what did best, on whatever machine it was measured. */
#ifndef VLT_TUNER_STORE_BEST_H
#define VLT_TUNER_STORE_BEST_H

#include "tuner/store/store.h"

/* A setting with the mean of its trials; texts are valid during the call. */
typedef struct vlt_store_best {
    const char *op, *bucket, *variant, *knobs;
    const char *machine; /* its CPU */
    const char *isa;     /* "AVX2 AVX512" */
    double log_ratio;    /* of its time over the default's */
} vlt_store_best;

/* Calls visit for every setting that was measured and never failed, by operator, bucket and ratio,
 * until it returns false. */
vlt_status vlt_store_each_best(vlt_store *store,
                               bool (*visit)(void *user, const vlt_store_best *best), void *user,
                               vlt_error *err);

#endif
