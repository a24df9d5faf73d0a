/* callgrind.h: the instruction count of instructions.h as one metric beside the others.
 *
 * It stands beside the providers of counters.h and not among them, because it cannot count in this
 * process: the work is run anew in a child under Valgrind.
 */
#ifndef VLT_HARNESS_CALLGRIND_H
#define VLT_HARNESS_CALLGRIND_H

#include "harness/measure/counters.h"
#include "harness/measure/instructions.h"

/* Always fills *out, "instructions" per call from "callgrind": UNSUPPORTED without Valgrind or for
 * what is not applicable under it, ERROR when the child fails, each with the reason. */
void vlt_callgrind_metric(const vlt_side *side, const vlt_launch_options *options, vlt_metric *out);

#endif
