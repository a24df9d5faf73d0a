/* prepared.h: from a line of text to something that can be run and timed.
 *
 *     linear/avx2@m=128,n=1024,k=1024:unroll=4   a variant at a problem, with knobs
 *     linear@m=128,n=1024,k=1024                 the operator as an untuned engine would run it
 *     probe/copy@work=1030                       measuring's own kernels (probe.h)
 *     run:{"model":DIR, ...}                     one request, end to end (model_subject.h)
 */
#ifndef VLT_HARNESS_PREPARED_H
#define VLT_HARNESS_PREPARED_H

#include "harness/measure/subject.h"
#include "optimizations/core/plan.h"

/* Cold: every call finds its data outside the caches, because calls rotate through copies that
 * together exceed the last level. Decoding has cold weights and hot activations. */
typedef enum vlt_regime { VLT_REGIME_HOT, VLT_REGIME_COLD, VLT_REGIME_WEIGHTS_COLD } vlt_regime;

/* "hot", "cold", "weights-cold" */
const char *vlt_regime_name(vlt_regime regime);
vlt_status vlt_regime_parse(const char *text, vlt_regime *regime, vlt_error *err);

typedef struct vlt_prepare_request {
    const char *what;
    uint64_t seed;
    int threads;         /* 0: one per usable core */
    vlt_quality quality; /* what variants may lose */
    const char *device; /* that variants may use; NULL: none. Nothing is timed on a simulated one */
    vlt_regime regime;
    size_t cold_bytes;                /* to rotate through, vlt_cold_bytes; unused when hot */
    const vlt_buffer_source *buffers; /* NULL: the heap */
} vlt_prepare_request;

typedef struct vlt_prepared vlt_prepared;

/* USAGE: the text is not understood. UNSUPPORTED: not applicable here, with the reason. */
vlt_status vlt_prepared_create(const vlt_prepare_request *request, vlt_prepared **out,
                               vlt_error *err);
void vlt_prepared_destroy(vlt_prepared *prepared); /* NULL is fine */

int vlt_prepared_run(void *prepared, int64_t iterations);       /* as vlt_subject.run */
const char *vlt_prepared_failure(const vlt_prepared *prepared); /* why it failed, "" */
void vlt_prepared_reset(void *prepared);
const vlt_workload *vlt_prepared_workload(const vlt_prepared *prepared); /* NULL: no variant */
const struct vlt_model_subject *vlt_prepared_model(const vlt_prepared *prepared); /* NULL: none */
void vlt_prepared_cost(const vlt_prepared *prepared, vlt_cost *cost); /* with a workload */
int vlt_prepared_threads(const vlt_prepared *prepared);
double vlt_prepared_loss(const vlt_prepared *prepared); /* of the plan, children included */

/* Verifies the variant against the baseline of this build; a probe is right by definition, and
 * a whole request is compared with the other side's. */
vlt_status vlt_prepared_verify(const vlt_prepare_request *request, vlt_error *err);

/* Reads OP[/VARIANT][@...][:...]; *variant NULL when none is named. */
vlt_status vlt_what_parse(const char *what, vlt_problem *problem, const vlt_variant **variant,
                          vlt_binding *binding, vlt_error *err);

#endif
