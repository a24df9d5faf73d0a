/* reference.h: the pieces of a transformer block in double, straight from their formulas, to judge
 * the baselines by. Matrices are F32 [out, in]; results are row-major without gaps. */
#ifndef VLT_TESTS_REFERENCE_H
#define VLT_TESTS_REFERENCE_H

#include <stdbool.h>

/* out[rows, n] (+)= x[rows, k] weight[n, k]^T + bias[n] (NULL: none) */
void test_linear(const double *x, const float *weight, const float *bias, int rows, int n, int k,
                 bool add, double *out);

/* RMSNorm where bias is NULL, else LayerNorm; may be in place. */
void test_norm(const double *x, const float *weight, const float *bias, double epsilon, int rows,
               int width, double *out);

/* Rotates heads [0, heads) of x[rows, x_row]; cosines and sines are [rows, head / 2]. */
void test_rope(double *x, const float *cosines, const float *sines, int rows, int x_row, int heads,
               int head);

/* One query over `visible` keys, key j at k + j * stride: out[head]. */
void test_attend(const double *q, const double *k, const double *v, int stride, int visible,
                 int head, double *out);

#endif
