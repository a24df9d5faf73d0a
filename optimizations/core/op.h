/* op.h: what the rest of vltune knows about an operator.
 *
 * An operator is one job with a contract. Its header (optimizations/<op>/<op>.h) holds arguments,
 * shapes, units, aliasing, tolerance, and the flops and bytes of a problem; its file
 * (<op>/<op>.c) defines one VLT_OP with the names of the dimensions, the named shapes that
 * `vltune bench` uses, and a workload that verifies and measures any variant of it.
 */
#ifndef VLT_CORE_OP_H
#define VLT_CORE_OP_H

#include "optimizations/core/matrix.h"
#include "optimizations/core/problem.h"

struct vlt_context;
struct vlt_random;

/* The arithmetic of a multiply-add: which peak of the machine bounds it. */
typedef enum vlt_compute {
    VLT_COMPUTE_NONE, /* no arithmetic worth a roof: bytes alone bound it */
    VLT_COMPUTE_F32,
    VLT_COMPUTE_BF16,
    VLT_COMPUTE_INT8,
    VLT_COMPUTE_COUNT
} vlt_compute;

const char *vlt_compute_name(vlt_compute compute); /* "none", "f32", "bf16", "int8" */

/* What one run costs; the roofline needs no second source. The operator says it in exact f32
 * arithmetic; a variant that computes otherwise, or reads other bytes, corrects it (variant.h). */
typedef struct vlt_cost {
    double flops;        /* 2 per multiply-add; 0 where the work is not arithmetic */
    double bytes;        /* compulsory traffic: inputs, constants and outputs once each */
    double work;         /* the natural amount: pixels, tokens, rows ... */
    const char *unit;    /* "px", "tok", "B", "row" ... of work */
    vlt_compute compute; /* what the flops are made of */
    int products;        /* of that kind behind each multiply-add; 0 counts as 1 */
} vlt_cost;

/* A named problem for bench and tune; 0 ends the dimensions. */
typedef struct vlt_shape {
    const char *name;
    int64_t dim[VLT_DIM_MAX];
} vlt_shape;

enum { VLT_OUTPUT_MAX = 8, VLT_GUARD_BYTES = 64, VLT_WORKLOAD_BLOCKS = 192 };

/* A buffer that a run writes. The verifier poisons it, compares it with the baseline's and checks
 * the guard bytes before and behind it. */
typedef struct vlt_output {
    const char *name;
    void *data; /* count elements, VLT_GUARD_BYTES of guard on both sides */
    size_t count;
    vlt_dtype dtype;
    double tolerance; /* largest |difference| over largest |baseline|; 0: bit-equal */
} vlt_output;

/* Where buffers come from when not from the heap: measuring lays the workloads of two builds over
 * the same memory. take gives zeroed memory that outlives the workload, or NULL to let the workload
 * allocate by itself. */
typedef struct vlt_buffer_source {
    void *(*take)(void *user, size_t bytes);
    void *user;
} vlt_buffer_source;

/* Inputs, outputs and arguments of one problem, made from a seed. */
typedef struct vlt_workload {
    vlt_problem problem; /* with its constants */
    const void *args;    /* what run takes; type in the operator's header */
    vlt_output output[VLT_OUTPUT_MAX];
    int output_count;
    void (*reset)(struct vlt_workload *workload); /* restores in-out buffers; NULL: none */
    void *state;                      /* the operator's own, freed by workload_release */
    void *block[VLT_WORKLOAD_BLOCKS]; /* buffers taken with vlt_workload_buffer */
    size_t block_bytes[VLT_WORKLOAD_BLOCKS];
    bool borrowed[VLT_WORKLOAD_BLOCKS]; /* it belongs to the source */
    int block_count;
    const vlt_buffer_source *buffers; /* of the context; NULL: the heap */
} vlt_workload;

typedef struct vlt_op {
    const char *name;
    const char *summary; /* one line for `vltune list` */
    const char *label;   /* a problem as people write it, {dim} for a dimension: "{m} x {n} x {k}";
                            NULL: its dimensions by name */
    bool keeps_state;    /* a service: running a plan changes it, so one thread at a time does */
    double
        tolerance; /* the largest of its outputs': |difference| over largest |baseline|; 0: exact */
    const vlt_dim *dims;
    int dim_count;
    const vlt_shape *shapes; /* the first one is what `compare` uses without @ */
    int shape_count;
    void (*cost)(const vlt_problem *problem, vlt_cost *cost);

    /* Fills workload (already zeroed, problem set without constants) from the seed. On failure
     * the caller still calls workload_release. */
    vlt_status (*workload_init)(struct vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err);
    void (*workload_release)(vlt_workload *workload); /* frees state; blocks are freed after it */
} vlt_op;

/* Defines the operator `id`; the catalogue finds it by its line OP(id). */
#define VLT_OP(id, ...) const vlt_op vlt_op_##id = {.name = #id, __VA_ARGS__}

/* Generic part of a workload's life. */
vlt_status vlt_workload_init(vlt_workload *workload, struct vlt_context *context,
                             const vlt_problem *problem, uint64_t seed, vlt_error *err);
void vlt_workload_release(vlt_workload *workload); /* may be called on {0} */

/* A zeroed buffer that lives as long as the workload. */
vlt_status vlt_workload_buffer(vlt_workload *workload, size_t count, size_t element_bytes,
                               void **out, vlt_error *err);

/* The same, filled with `count` uniform values of [-scale, scale) in BF16, F16 or F32. */
vlt_status vlt_workload_random(vlt_workload *workload, size_t count, vlt_dtype dtype, float scale,
                               struct vlt_random *random, void **out, vlt_error *err);

/* A matrix of uniform values of [-scale, scale) in any format, rows without gaps. */
vlt_status vlt_workload_matrix(vlt_workload *workload, vlt_format format, int64_t rows,
                               int64_t columns, float scale, struct vlt_random *random,
                               vlt_matrix *out, vlt_error *err);

/* The same as vlt_workload_buffer, guarded and registered as an output. */
vlt_status vlt_workload_output(vlt_workload *workload, const char *name, size_t count,
                               vlt_dtype dtype, double tolerance, void **out, vlt_error *err);

#endif
