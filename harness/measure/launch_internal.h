/* launch_internal.h: what parent and child of a launch say to each other. */
#ifndef VLT_HARNESS_LAUNCH_INTERNAL_H
#define VLT_HARNESS_LAUNCH_INTERNAL_H

#include "harness/json/json.h"
#include "harness/measure/launch.h"
#include "harness/measure/measure_abi.h"

/* New reference, or NULL without memory. */
json_t *vlt_launch_request_to_json(const vlt_side side[2], const vlt_launch_options *options);
json_t *vlt_launch_answer_to_json(vlt_status status, const vlt_error *err,
                                  const vlt_launch *launch);

/* The texts belong to the document; library[2] is filled in every case, and owned by the caller. */
vlt_status vlt_launch_request_from_json(const json_t *document, vlt_side side[2], char *library[2],
                                        vlt_launch_options *options, vlt_error *err);

/* Gives the status that the child reported; on VLT_OK the launch is filled and its figures are
 * computed anew from the pairs. */
vlt_status vlt_launch_answer_from_json(const json_t *document, vlt_launch *launch, vlt_error *err);

/* The measuring table of the libvltune.so at path; NULL: this build's. INPUT, STALE. */
vlt_status vlt_launch_load(const char *path, const vlt_measure_abi **abi, vlt_error *err);

/* B's output against A's (a_data is a copy of A's). Each may be off by its tolerance, so together
 * by both. WRONG names output, index and both values. */
vlt_status vlt_launch_compare_output(const vlt_measure_output *a, const void *a_data,
                                     const vlt_measure_output *b, vlt_error *err);

/* The greedy rule for two answers; a_leads[a->count]. */
vlt_status vlt_launch_compare_ids(const vlt_measure_output *a, const int32_t *a_ids,
                                  const float *a_leads, const vlt_measure_output *b,
                                  vlt_error *err);

#endif
