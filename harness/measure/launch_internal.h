/* launch_internal.h: what parent and child of a launch say to each other. */
#ifndef VLT_HARNESS_LAUNCH_INTERNAL_H
#define VLT_HARNESS_LAUNCH_INTERNAL_H

#include "harness/json/json.h"
#include "harness/measure/launch.h"

/* New reference, or NULL without memory. */
json_t *vlt_launch_request_to_json(const vlt_side side[2], const vlt_launch_options *options);
json_t *vlt_launch_answer_to_json(vlt_status status, const vlt_error *err,
                                  const vlt_launch *launch);

/* The texts belong to the document. */
vlt_status vlt_launch_request_from_json(const json_t *document, vlt_side side[2],
                                        vlt_launch_options *options, vlt_error *err);

/* Gives the status that the child reported; on VLT_OK the launch is filled and its figures are
 * computed anew from the pairs. */
vlt_status vlt_launch_answer_from_json(const json_t *document, vlt_launch *launch, vlt_error *err);

#endif
