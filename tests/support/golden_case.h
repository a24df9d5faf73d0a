/* golden_case.h: one case of golden/model run through the engine and compared with everything that
 * the reference says about it (tests/README.md#outside-vectors). */
#ifndef VLT_TESTS_GOLDEN_CASE_H
#define VLT_TESTS_GOLDEN_CASE_H

#include "harness/infer/vltune.h"

/* Largest |difference| over the tensor's largest |value| that a float32 implementation may show. */
#define GOLDEN_TOLERANCE 2e-4

/* Below this margin between the best and the second best logit another id is no difference. */
#define GOLDEN_MARGIN 0.005

/* Runs case `name` of `model` ("tiny-tied") and prints one line: what was compared, the worst
 * deviation and where it is. Returns the number of differences, each printed; -1 when the golden
 * data is not there (said aloud). */
int golden_case_run(const vlt_engine_options *options, const char *model, const char *name);

/* The same for what rounds: tensors within twice the relative error that the reference itself shows
 * in bf16 (drift.tsv of the checkpoint), whatever ids follow. */
int golden_case_run_drifting(const vlt_engine_options *options, const char *model,
                             const char *name);

#endif
