/* The weights in the references' arithmetic; formulas: harness/model/README.md#resampling. */
#include <math.h>

#include "optimizations/resize/resize_internal.h"

enum { PILLOW_PRECISION = 22, TORCH_PRECISION_MAX = 22 };

/* Cubic convolution with a = -1/2. */
static double kernel(double x)
{
    static const double a = -0.5;
    x = fabs(x);
    if (x < 1) {
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    }
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/* Half the width of the filter, in input samples. */
static double support_of(int64_t in, int64_t out)
{
    double scale = (double)in / (double)out;
    return 2 * (scale > 1 ? scale : 1);
}

static int taps_of(int64_t in, int64_t out)
{
    int64_t taps = (int64_t)ceil(support_of(in, out)) * 2 + 1;
    taps = taps < in ? taps : in;
    return (int)((taps + 3) & ~(int64_t)3);
}

/* Weights of output i as doubles that sum to one; sets first and count, returns the largest. */
static double weigh(vlt_resize_axis *axis, int64_t i, double *weight)
{
    double scale = (double)axis->in / (double)axis->out;
    double filter = scale > 1 ? scale : 1, inverse = 1 / filter;
    double support = 2 * filter, centre = ((double)i + 0.5) * scale, sum = 0, largest = 0;
    int64_t first = (int64_t)(centre - support + 0.5), last = (int64_t)(centre + support + 0.5);
    first = first < 0 ? 0 : first;
    last = last > axis->in ? axis->in : last;
    for (int64_t j = first; j < last; j++) {
        weight[j - first] = kernel(((double)(j - first) + (double)first - centre + 0.5) * inverse);
        sum += weight[j - first];
    }
    for (int64_t j = 0; j < last - first; j++) {
        weight[j] = sum != 0 ? weight[j] / sum : weight[j];
        largest = weight[j] > largest ? weight[j] : largest;
    }
    axis->first[i] = (int32_t)first;
    axis->count[i] = (int32_t)(last - first);
    return largest;
}

/* torch: the smallest precision whose successor would not fit the largest weight into int16. */
static int torch_precision(double largest)
{
    int precision = 0;
    while (precision < TORCH_PRECISION_MAX &&
           (int32_t)(0.5 + largest * (double)(INT64_C(1) << (precision + 1))) < (1 << 15)) {
        precision++;
    }
    return precision;
}

static int32_t quantise(double weight, int precision)
{
    double scaled = weight * (double)(INT64_C(1) << precision);
    return (int32_t)(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

static void fill_axis(vlt_resize_axis *axis, double *scratch, bool torch)
{
    double largest = 0;
    axis->wide = !torch;
    axis->precision = PILLOW_PRECISION;
    if (torch) {
        for (int64_t i = 0; i < axis->out; i++) {
            largest = fmax(largest, weigh(axis, i, scratch));
        }
        axis->precision = torch_precision(largest);
    }
    for (int64_t i = 0; i < axis->out; i++) {
        weigh(axis, i, scratch);
        for (int j = 0; j < axis->taps; j++) {
            axis->weight[i * axis->taps + j] = j < axis->count[i]
                                                   ? quantise(scratch[j], axis->precision)
                                                   : 0;
        }
    }
}

static void reserve_axis(vlt_arena *arena, vlt_resize_axis *axis, int64_t in, int64_t out)
{
    *axis = (vlt_resize_axis){.in = in, .out = out, .taps = taps_of(in, out)};
    vlt_arena_reserve(arena, (size_t)out, sizeof *axis->first);
    vlt_arena_reserve(arena, (size_t)out, sizeof *axis->count);
    vlt_arena_reserve(arena, (size_t)out * (size_t)axis->taps, sizeof *axis->weight);
}

static void take_axis(vlt_arena *arena, vlt_resize_axis *axis)
{
    axis->first = vlt_arena_take(arena, (size_t)axis->out, sizeof *axis->first);
    axis->count = vlt_arena_take(arena, (size_t)axis->out, sizeof *axis->count);
    axis->weight = vlt_arena_take(arena, (size_t)axis->out * (size_t)axis->taps,
                                  sizeof *axis->weight);
}

vlt_status vlt_resize_tables_init(vlt_resize_tables *tables, const vlt_problem *problem,
                                  vlt_error *err)
{
    const int64_t *dim = problem->dim;
    int64_t src_h = dim[VLT_RESIZE_DIM_SRC_H], src_w = dim[VLT_RESIZE_DIM_SRC_W];
    int64_t dst_h = dim[VLT_RESIZE_DIM_DST_H], dst_w = dim[VLT_RESIZE_DIM_DST_W];
    int64_t arithmetic = dim[VLT_RESIZE_DIM_ARITHMETIC];
    *tables = (vlt_resize_tables){.skip_x = src_w == dst_w, .skip_y = src_h == dst_h};
    /* Pillow 13's rule, signed */
    tables->vertical_first = arithmetic == VLT_ARITHMETIC_PILLOW && dst_h < src_h &&
                             src_h - dst_h > 2 * (src_w - dst_w);
    reserve_axis(&tables->arena, &tables->x, src_w, dst_w);
    reserve_axis(&tables->arena, &tables->y, src_h, dst_h);
    size_t scratch = (size_t)(tables->x.taps > tables->y.taps ? tables->x.taps : tables->y.taps);
    vlt_arena_reserve(&tables->arena, scratch, sizeof(double));
    vlt_status status = vlt_arena_commit(&tables->arena, err);
    if (status == VLT_OK) {
        take_axis(&tables->arena, &tables->x);
        take_axis(&tables->arena, &tables->y);
        double *weight = vlt_arena_take(&tables->arena, scratch, sizeof(double));
        fill_axis(&tables->x, weight, arithmetic == VLT_ARITHMETIC_TORCH);
        fill_axis(&tables->y, weight, arithmetic == VLT_ARITHMETIC_TORCH);
    }
    return status;
}

void vlt_resize_tables_release(vlt_resize_tables *tables)
{
    vlt_arena_release(&tables->arena);
}
