/* instructions.h: how many instructions one call takes, counted by callgrind.
 *
 * The deterministic counter where there is no PMU: equal code gives equal counts, whatever else the
 * machine does. The work runs in a child under Valgrind, with an empty environment and the C
 * library's choice of code pinned, once with one call and once with more; the difference is what
 * calls cost, start and end cancel. Valgrind knows AVX2 and nothing beyond, so variants that need
 * more are not applicable in there, and counts are comparable on one kind of CPU and one libc only.
 * Never rank variants by it: it gates changes of one variant.
 */
#ifndef VLT_HARNESS_INSTRUCTIONS_H
#define VLT_HARNESS_INSTRUCTIONS_H

#include <stdio.h>

#include "harness/measure/launch.h"

/* Path of Valgrind, or NULL where it is not installed. */
const char *vlt_instructions_valgrind(void);

/* Instructions of one call of the side, on one thread. UNSUPPORTED with the repair where Valgrind
 * is not installed, or where the variant is not applicable under it. timeout_s and stop, program
 * and data_seed of the options are used. */
vlt_status vlt_instructions_count(const vlt_side *side, const vlt_launch_options *options,
                                  double *instructions, vlt_error *err);

/* What the child does: reads the side as JSON, prepares it and runs it. A failure is a line
 * "!STATUS message" in the answer; the return value says only whether it could be written. */
vlt_status vlt_instructions_serve(FILE *in, FILE *out, vlt_error *err);

#endif
