#include "tuner/strategy/screen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sums and maxima over the points run in this many lanes, so that they vectorise and yet mean the
 * same on every machine. */
enum { LANES = 8 };

typedef struct scored {
    float score;
    int index;
} scored;

static vlt_status no_memory(vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_NOMEM, "model: out of memory for %d settings", VLT_SCREEN_MAX);
}

static void place_all(vlt_screen *screen, const vlt_domain *domain, const vlt_kernel *kernel)
{
    for (int i = 0; i < screen->count; i++) {
        uint16_t digits[VLT_DOMAIN_PARAMETER_MAX];
        vlt_domain_digits(domain, screen->setting[i], digits);
        vlt_kernel_place(kernel, digits, screen->place + (size_t)i * (size_t)screen->axis_count);
    }
}

vlt_status vlt_screen_init(vlt_screen *screen, const vlt_scene *scene, const vlt_kernel *kernel,
                           int points_max, vlt_error *err)
{
    uint64_t count = vlt_domain_count(scene->domain);
    size_t axes = (size_t)kernel->axis_count, values = 0;
    size_t points = (size_t)(points_max + LANES - 1) / LANES * LANES;
    for (int i = 0; i < kernel->axis_count; i++) {
        values += (size_t)kernel->axis[i].values;
    }
    *screen = (vlt_screen){.axis_count = kernel->axis_count, .points_max = (int)points};
    screen->all = count <= VLT_SCREEN_MAX;
    screen->count = screen->all ? (int)count : VLT_SCREEN_MAX;
    screen->setting = calloc((size_t)screen->count, sizeof *screen->setting);
    screen->place = calloc((size_t)screen->count * axes + 1, sizeof *screen->place);
    screen->product = calloc((axes + 1) * points, sizeof *screen->product);
    screen->gathered = calloc(values * points + 1, sizeof *screen->gathered);
    screen->weight = calloc(points, sizeof *screen->weight);
    if (!screen->setting || !screen->place || !screen->product || !screen->gathered ||
        !screen->weight) {
        vlt_screen_release(screen);
        return no_memory(err);
    }
    if (screen->all) {
        for (int i = 0; i < screen->count; i++) {
            screen->setting[i] = (uint64_t)i;
        }
        place_all(screen, scene->domain, kernel);
    }
    return VLT_OK;
}

void vlt_screen_release(vlt_screen *screen)
{
    free(screen->setting);
    free(screen->place);
    free(screen->product);
    free(screen->gathered);
    free(screen->weight);
    *screen = (vlt_screen){0};
}

static int compare_settings(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Other settings than before; in order, so that neighbours share their first axes. */
static void draw(vlt_screen *screen, vlt_scene *scene, const vlt_kernel *kernel)
{
    for (int i = 0; i < screen->count; i++) {
        screen->setting[i] = vlt_scene_draw(scene);
    }
    qsort(screen->setting, (size_t)screen->count, sizeof *screen->setting, compare_settings);
    place_all(screen, scene->domain, kernel);
}

/* The tables' rows at the points: gathered[axis, value][point]. */
static void gather(vlt_screen *screen, const vlt_kernel *kernel, const vlt_process *process)
{
    size_t points = (size_t)screen->points_max;
    float *out = screen->gathered;
    for (int a = 0; a < kernel->axis_count; a++) {
        for (int v = 0; v < kernel->axis[a].values; v++, out += points) {
            for (int i = 0; i < process->count; i++) {
                uint16_t at = process->place[i * process->axis_count + a];
                out[i] = vlt_kernel_axis_at(&kernel->axis[a], (uint16_t)v, at);
            }
        }
    }
}

/* Products of the axes from `first` on, for the setting at `place`. Row a + 1 of `product` has the
 * axes up to a; row 0 is ones. */
static void multiply(vlt_screen *screen, const vlt_kernel *kernel, const uint16_t *place, int first,
                     int count)
{
    size_t points = (size_t)screen->points_max, values = 0;
    for (int a = 0; a < kernel->axis_count; a++) {
        if (a >= first) {
            const float *before = screen->product + (size_t)a * points;
            const float *table = screen->gathered + (values + place[a]) * points;
            float *out = screen->product + (size_t)(a + 1) * points;
            for (int i = 0; i < count; i++) {
                out[i] = before[i] * table[i];
            }
        }
        values += (size_t)kernel->axis[a].values;
    }
}

/* Expected label (without the mean), and covariance with the nearest point. */
static float look(const vlt_screen *screen, int count, float *nearest)
{
    const float *k = screen->product + (size_t)screen->axis_count * (size_t)screen->points_max;
    float sum[LANES] = {0}, high[LANES] = {0};
    for (int i = 0; i < count; i += LANES) { /* weights behind the last point are 0 */
        for (int lane = 0; lane < LANES; lane++) {
            float value = k[i + lane];
            sum[lane] += screen->weight[i + lane] * value;
            high[lane] = value > high[lane] ? value : high[lane];
        }
    }
    for (int lane = 1; lane < LANES; lane++) {
        sum[0] += sum[lane];
        high[0] = high[lane] > high[0] ? high[lane] : high[0];
    }
    *nearest = high[0];
    return sum[0];
}

/* heap[count] with the highest score on top. */
static void sift(scored *heap, int count)
{
    for (int at = 0, child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && heap[child + 1].score > heap[child].score;
        if (heap[at].score >= heap[child].score) {
            return;
        }
        scored swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
    }
}

static void keep_lowest(scored *heap, int *count, int wanted, scored one)
{
    if (*count == wanted) {
        if (one.score < heap[0].score) {
            heap[0] = one;
            sift(heap, wanted);
        }
        return;
    }
    int at = (*count)++;
    heap[at] = one;
    while (at > 0 && heap[(at - 1) / 2].score < heap[at].score) {
        scored swap = heap[at];
        heap[at] = heap[(at - 1) / 2];
        heap[(at - 1) / 2] = swap;
        at = (at - 1) / 2;
    }
}

static vlt_status prepare(vlt_screen *screen, vlt_scene *scene, const vlt_kernel *kernel,
                          const vlt_process *process, vlt_error *err)
{
    double *weights = malloc(((size_t)process->count + 1) * sizeof *weights);
    if (!weights) {
        return no_memory(err);
    }
    vlt_process_weights(process, weights);
    memset(screen->weight, 0, (size_t)screen->points_max * sizeof *screen->weight);
    for (int i = 0; i < process->count; i++) {
        screen->weight[i] = (float)weights[i];
        screen->product[i] = 1;
    }
    free(weights);
    float *last = screen->product + (size_t)screen->axis_count * (size_t)screen->points_max;
    for (int i = process->count; i < screen->points_max; i++) {
        last[i] = 0; /* lanes behind the last point */
    }
    if (!screen->all) {
        draw(screen, scene, kernel);
    }
    gather(screen, kernel, process);
    return VLT_OK;
}

vlt_status vlt_screen_run(vlt_screen *screen, vlt_scene *scene, const vlt_kernel *kernel,
                          const vlt_process *process, const vlt_abroad *abroad, int wanted,
                          vlt_pool *pool, vlt_error *err)
{
    const uint16_t *before = NULL;
    size_t axes = (size_t)screen->axis_count;
    float deviation = (float)sqrt(process->variance);
    int kept = 0;
    scored *heap = malloc(((size_t)wanted + 1) * sizeof *heap);
    vlt_status status = heap ? prepare(screen, scene, kernel, process, err) : no_memory(err);
    for (int i = 0; i < screen->count && status == VLT_OK; i++) {
        const uint16_t *place = screen->place + (size_t)i * axes;
        float nearest;
        int first = 0;
        if (!vlt_history_is_new(scene->history, screen->setting[i])) {
            continue;
        }
        while (before && first < screen->axis_count && place[first] == before[first]) {
            first++;
        }
        multiply(screen, kernel, place, first, process->count);
        float expected = look(screen, process->count, &nearest);
        expected += (float)vlt_abroad_offset(abroad, screen->setting[i]);
        before = place;
        keep_lowest(heap, &kept, wanted,
                    (scored){expected - deviation * sqrtf(1 - nearest * nearest), i});
    }
    for (int i = 0; i < kept; i++) {
        uint64_t setting = screen->setting[heap[i].index];
        vlt_pool_add(pool, setting, screen->place + (size_t)heap[i].index * axes,
                     vlt_abroad_offset(abroad, setting));
    }
    free(heap);
    return status;
}
