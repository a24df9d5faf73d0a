/* verify_internal.h: the steps of verifying, shared with the race (race.h). */
#ifndef VLT_HARNESS_VERIFY_INTERNAL_H
#define VLT_HARNESS_VERIFY_INTERNAL_H

#include "harness/measure/verify.h"

size_t vlt_output_bytes(const vlt_output *output);
double vlt_output_element(const vlt_output *output, const void *data, size_t index);

/* Poisons the outputs, runs, looks at the guards around them. WRONG: one is damaged. */
vlt_status vlt_verify_run(const vlt_plan *plan, vlt_scratch *scratch, vlt_workload *workload,
                          vlt_error *err);

/* The same in a frame of the caller's. */
vlt_status vlt_verify_run_in(const vlt_plan *plan, vlt_frame frame, vlt_workload *workload,
                             vlt_error *err);

/* An output against the expected one, of as many elements; *result keeps the worst so far. */
vlt_status vlt_verify_compare(const vlt_plan *plan, const vlt_output *output, const void *expected,
                              vlt_verify_result *result, vlt_error *err);

#endif
