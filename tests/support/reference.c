#include "tests/support/reference.h"

#include <math.h>
#include <stdlib.h>

void test_linear(const double *x, const float *weight, const float *bias, int rows, int n, int k,
                 bool add, double *out)
{
    for (int r = 0; r < rows; r++) {
        for (int o = 0; o < n; o++) {
            double sum = bias ? (double)bias[o] : 0;
            for (int i = 0; i < k; i++) {
                sum += x[r * k + i] * (double)weight[o * k + i];
            }
            out[r * n + o] = add ? out[r * n + o] + sum : sum;
        }
    }
}

void test_norm(const double *x, const float *weight, const float *bias, double epsilon, int rows,
               int width, double *out)
{
    for (int r = 0; r < rows; r++) {
        const double *row = x + r * width;
        double mean = 0, square = 0;
        for (int i = 0; bias && i < width; i++) {
            mean += row[i] / width;
        }
        for (int i = 0; i < width; i++) {
            square += (row[i] - mean) * (row[i] - mean) / width;
        }
        for (int i = 0; i < width; i++) {
            double value = (row[i] - mean) / sqrt(square + epsilon) * (double)weight[i];
            out[r * width + i] = bias ? value + (double)bias[i] : value;
        }
    }
}

void test_rope(double *x, const float *cosines, const float *sines, int rows, int x_row, int heads,
               int head)
{
    int half = head / 2;
    for (int r = 0; r < rows; r++) {
        for (int h = 0; h < heads; h++) {
            double *v = x + r * x_row + h * head;
            for (int i = 0; i < half; i++) {
                double c = (double)cosines[r * half + i], s = (double)sines[r * half + i];
                double low = v[i], high = v[i + half];
                v[i] = low * c - high * s;
                v[i + half] = high * c + low * s;
            }
        }
    }
}

void test_attend(const double *q, const double *k, const double *v, int stride, int visible,
                 int head, double *out)
{
    double *score = calloc((size_t)visible, sizeof *score), largest = -INFINITY, sum = 0;
    for (int j = 0; score && j < visible; j++) {
        for (int i = 0; i < head; i++) {
            score[j] += q[i] * k[j * stride + i] / sqrt(head);
        }
        largest = fmax(largest, score[j]);
    }
    for (int i = 0; i < head; i++) {
        out[i] = 0;
    }
    for (int j = 0; score && j < visible; j++) {
        double weight = exp(score[j] - largest);
        sum += weight;
        for (int i = 0; i < head; i++) {
            out[i] += weight * v[j * stride + i];
        }
    }
    for (int i = 0; i < head; i++) {
        out[i] /= sum;
    }
    free(score);
}
