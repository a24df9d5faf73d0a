/* problem.h: an operator at a concrete size. */
#ifndef VLT_CORE_PROBLEM_H
#define VLT_CORE_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/status.h"

enum { VLT_DIM_MAX = 14, VLT_BUCKET_BYTES = 192 };

struct vlt_op;

/* How a dimension takes part in the bucket under which a decision is filed. */
typedef enum vlt_dim_rule {
    VLT_DIM_EXACT, /* a property of the model or a mode: buckets differ when it differs */
    VLT_DIM_POW2,  /* a size: rounded up to a power of two */
    VLT_DIM_ANY    /* does not take part */
} vlt_dim_rule;

typedef struct vlt_dim {
    const char *name; /* as written in linear/avx2@m=128 */
    vlt_dim_rule rule;
    int64_t min;
    int64_t max;
    const char *help; /* what it counts */
} vlt_dim;

/* The dimensions identify the problem (bucket, hash, database). The constants, whose type the
 * operator's header names, are immutable for the life of a plan (weights, tables); they are bound
 * by prepare, so that a variant may pack them, and they do not take part in the identity. */
typedef struct vlt_problem {
    const struct vlt_op *op;
    int64_t dim[VLT_DIM_MAX];
    const void *constants; /* borrowed; must outlive the plan; NULL where the op has none */
} vlt_problem;

/* "m=128,n=1024,k=1024" into text; the bucket has the sizes rounded as the rules say. */
void vlt_problem_format(const vlt_problem *problem, char *text, size_t text_bytes);
void vlt_problem_bucket(const vlt_problem *problem, char *text, size_t text_bytes);

/* A bucket, read once. */
typedef struct vlt_bucket {
    bool every; /* "*": stands for all problems of the operator */
    int64_t dim[VLT_DIM_MAX];
} vlt_bucket;

/* Reads a text of vlt_problem_bucket, or "*". USAGE as vlt_problem_parse, or a dimension that is
 * missing. */
vlt_status vlt_bucket_parse(const struct vlt_op *op, const char *text, vlt_bucket *out,
                            vlt_error *err);

/* The smallest power of two that is not less; the largest there is for what is more. */
static inline int64_t vlt_power_of_two(int64_t value)
{
    int64_t power = 1;
    while (power < value && power <= INT64_MAX / 2) {
        power *= 2;
    }
    return power;
}

/* Distance of the problem's bucket and another of the same operator: sum of |log2| over sizes,
 * negative when an EXACT dimension differs (then no decision carries over). */
double vlt_bucket_distance(const vlt_bucket *bucket, const vlt_problem *problem);

/* Reads "m=128,k=64" over the dimensions already in *problem. USAGE names the unknown dimension
 * or the value beyond its range. */
vlt_status vlt_problem_parse(vlt_problem *problem, const char *text, vlt_error *err);

/* USAGE when a dimension is beyond its declared range. */
vlt_status vlt_problem_check(const vlt_problem *problem, vlt_error *err);

#endif
