/* make.h: random checkpoints in the published format, for timing without a download.
 *
 * Everything that a downloaded Qwen3-VL has is there: config, generation and preprocessor files,
 * tokenizer (trained here, on harness/model/demo/corpus.txt), chat template, bf16 weights. The
 * weights are normally distributed with deviations that keep activations finite; what such a model
 * says is noise. Equal size and seed give equal bytes.
 */
#ifndef VLT_HARNESS_MAKE_H
#define VLT_HARNESS_MAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "optimizations/core/threads.h"

typedef struct vlt_make_options {
    const char *size; /* "tiny", "small" (about 200 MB) or "2b" (the shapes of Qwen3-VL-2B) */
    uint64_t seed;
    vlt_threads *threads; /* NULL: the caller alone */
    /* Called now and then with the share of the weights that is written, 0 to 1; true ends the work
     * with INTERRUPTED. NULL: never. */
    bool (*stop)(void *user, double share);
    void *user;
} vlt_make_options;

typedef struct vlt_make_result {
    int tensors;
    int64_t weights;     /* numbers */
    uint64_t data_bytes; /* of all tensors */
    int tokens;          /* of the tokenizer, added ones included */
    int rows;            /* of the embedding */
} vlt_make_result;

/* Makes the folder `directory`, which must not exist or be empty (USAGE otherwise); its parent must
 * exist. It appears whole: what is half done lies beside it and is removed on every failure. USAGE
 * names an unknown size; LIMIT says when the disk is too small; IO. Memory: 16 MiB beyond the
 * tokenizer's training, for every size. result may be NULL. */
vlt_status vlt_model_make(const char *directory, const vlt_make_options *options,
                          vlt_make_result *result, vlt_error *err);

/* USAGE names a size that is none of vlt_make_options.size. */
vlt_status vlt_model_make_check_size(const char *size, vlt_error *err);

#endif
