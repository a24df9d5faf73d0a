/* oracle.h: what a problem's outputs should be, by its baseline, computed once for many variants.
 *
 * Whole where the baseline is quick enough. Else of some rows, where the operator's rows stand
 * alone (linear, attention): the first, the last, those beside borders of tiles, and random ones.
 * Else none; then a variant is held to the baseline at small problems (vlt_edges_check) and to a
 * verified variant here.
 */
#ifndef VLT_HARNESS_ORACLE_H
#define VLT_HARNESS_ORACLE_H

#include "harness/measure/verify.h"

enum { VLT_ORACLE_ROWS_MAX = 12 };

typedef enum vlt_oracle_kind { VLT_ORACLE_NONE, VLT_ORACLE_ROWS, VLT_ORACLE_WHOLE } vlt_oracle_kind;

typedef struct vlt_oracle {
    vlt_oracle_kind kind;
    int64_t row[VLT_ORACLE_ROWS_MAX];
    int rows;
    void *expected[VLT_OUTPUT_MAX]; /* owned; of rows: [rows][row elements] of output 0 */
    double baseline_ns;             /* of one run, however it was known; NAN */
    double baseline_spread;         /* of the rows behind it: a factor up and down for 95 %; NAN */
    bool changes_inputs;            /* running the problem changes more than its outputs */
} vlt_oracle;

/* How long the baseline would take, by the operator's own word, in seconds. */
double vlt_baseline_guess_s(const vlt_problem *problem);

/* The context's policy is set to the baseline for the call. limit_s: what may be spent. */
vlt_status vlt_oracle_create(const vlt_context *context, vlt_workload *workload, double limit_s,
                             uint64_t seed, vlt_oracle *out, vlt_error *err);
void vlt_oracle_release(vlt_oracle *oracle); /* fine on {0} */

/* What the plan left in the workload's outputs. WRONG names output, place and both values. */
vlt_status vlt_oracle_check(const vlt_oracle *oracle, const vlt_plan *plan,
                            const vlt_workload *workload, vlt_error *err);

/* The variant at small and odd problems of the same kind, against the baseline. */
vlt_status vlt_edges_check(vlt_context *context, const vlt_problem *problem,
                           const vlt_variant *variant, const vlt_binding *binding, uint64_t seed,
                           vlt_error *err);

/* A hash of what the workload holds beside its outputs: of all of it, or of a part of large
 * blocks. */
uint64_t vlt_inputs_hash(const vlt_workload *workload);

#endif
