/* A model of the costs, asked where the best is expected (Bayesian optimisation).
 *
 * A Gaussian process learns from every label, also those of others; of the settings not tried yet
 * the one with the highest expected improvement is next. It begins with a few settings that are far
 * apart and round. Failures count as the worst cost seen. The kernel is fitted again as the labels
 * grow by an eighth; in between points are only added.
 *
 * Costs are kept in bounds, so that a run is linear in its proposals: the process has at most
 * POINTS_MAX points (the best half, and a spread of the others), the fit sees at most FIT_MAX, and
 * only POOL_MAX candidates, found by a quick look at many, are followed closely.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/strategy/screen.h"
#include "tuner/strategy/strategy.h"

enum {
    FIRST = 6,        /* settings before the model speaks */
    FIRST_ABROAD = 2, /* where costs of other machines are known */
    FIRST_DRAWS = 16, /* of which each is the best of so many draws */
    POINTS_MAX = 384,
    GROWTH_MAX = 64, /* points between two fits */
    FIT_MAX = 72,
    POOL_MAX = 256,
    SPREAD = 256,   /* draws beside them: the quick look sees the nearest point alone */
    NEAR_MAX = 1024 /* neighbours of the best that join the pool, by and by */
};

/* The improvement that is looked for, in deviations of the costs: keeps the search from polishing
 * the first good region. */
static const double ambition = 0.2;

/* What a round value is worth against a place far from those tried, in choosing the first ones. */
static const double round_worth = 0.3;

typedef struct model {
    vlt_kernel kernel;
    vlt_process process, fitted; /* fitted: with few points, for the fit */
    vlt_pool pool;
    vlt_screen screen;
    vlt_abroad abroad;
    const vlt_told **point; /* owned [POINTS_MAX + GROWTH_MAX]: the points of the process */
    int seen;               /* of the history that were points or passed over */
    int next_fit;           /* size of the history */
    double gain;            /* expected of the last proposal */
    double variance_min;    /* of costs: machines differ by that much */
} model;

static void release(void *state)
{
    model *m = state;
    vlt_kernel_release(&m->kernel);
    vlt_process_release(&m->process);
    vlt_process_release(&m->fitted);
    vlt_pool_release(&m->pool);
    vlt_screen_release(&m->screen);
    vlt_abroad_release(&m->abroad);
    free(m->point);
    *m = (model){0};
}

static vlt_status init(void *state, vlt_scene *scene, vlt_error *err)
{
    model *m = state;
    vlt_status status;
    int points = POINTS_MAX + GROWTH_MAX;
    m->gain = -1;
    m->point = calloc((size_t)points, sizeof *m->point);
    if (!m->point) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "model: out of memory");
    }
    if ((status = vlt_kernel_init(&m->kernel, scene->domain, err)) ||
        (status = vlt_process_init(&m->process, m->kernel.axis_count, points, err)) ||
        (status = vlt_process_init(&m->fitted, m->kernel.axis_count, FIT_MAX, err)) ||
        (status = vlt_pool_init(&m->pool, m->kernel.axis_count, POOL_MAX + SPREAD + NEAR_MAX,
                                points, err)) ||
        (status = vlt_screen_init(&m->screen, scene, &m->kernel, points, err)) ||
        (status = vlt_abroad_init(&m->abroad, scene->foreign, scene->foreign_count, err))) {
        return status;
    }
    m->variance_min = vlt_abroad_variance(&m->abroad);
    return VLT_OK;
}

/* 0 to 1: how near a place is to the nearest setting told. */
static double nearness(const model *m, const vlt_history *history, const uint16_t *place)
{
    double nearest = 0;
    for (int i = 0; i < history->count; i++) {
        uint16_t other[VLT_DOMAIN_PARAMETER_MAX];
        double apart = 0;
        vlt_kernel_place(&m->kernel, history->told[i]->digit, other);
        for (int a = 0; a < m->kernel.axis_count; a++) {
            const vlt_kernel_axis *axis = &m->kernel.axis[a];
            apart += axis->distance[0][place[a] * axis->values + other[a]] + (place[a] != other[a]);
        }
        nearest = fmax(nearest, exp(-4 * apart / m->kernel.axis_count));
    }
    return nearest;
}

/* Any setting; where others only say that some are good, not by how much, one of those. */
static uint64_t draw_first(const model *m, vlt_scene *scene)
{
    for (int i = 0; i < FIRST_DRAWS && scene->foreign_count && !m->abroad.count; i++) {
        const vlt_foreign *list = &scene->foreign[vlt_scene_below(scene, scene->foreign_count)];
        uint64_t setting = list->count ? list->setting[vlt_scene_below(scene, list->count)]
                                       : VLT_SETTING_NONE;
        if (setting != VLT_SETTING_NONE && vlt_history_is_new(scene->history, setting)) {
            return setting;
        }
    }
    return vlt_scene_draw(scene);
}

/* One of the first settings: of a few draws the one that is roundest and farthest from the others.
 * Powers of two divide most problems without a rest, and most machines are made of them. */
static uint64_t propose_first(model *m, vlt_scene *scene)
{
    uint64_t best = VLT_SETTING_NONE;
    double best_score = -INFINITY;
    for (int draw = 0; draw < FIRST_DRAWS; draw++) {
        uint16_t digits[VLT_DOMAIN_PARAMETER_MAX], place[VLT_DOMAIN_PARAMETER_MAX];
        uint64_t setting = draw_first(m, scene);
        double score = 0;
        vlt_domain_digits(scene->domain, setting, digits);
        vlt_kernel_place(&m->kernel, digits, place);
        for (int a = 0; a < m->kernel.axis_count; a++) {
            const vlt_kernel_axis *axis = &m->kernel.axis[a];
            score += axis->round && axis->round[place[a]] ? round_worth : 0;
        }
        score -= nearness(m, scene->history, place);
        if (score > best_score) {
            best = setting;
            best_score = score;
        }
    }
    return best;
}

static int compare_costs(const void *a, const void *b)
{
    const vlt_told *x = *(const vlt_told *const *)a, *y = *(const vlt_told *const *)b;
    return x->cost != y->cost ? (x->cost > y->cost) - (x->cost < y->cost)
                              : (x->setting > y->setting) - (x->setting < y->setting);
}

/* The best half and an even spread of the others: out[wanted] of the history. */
static int choose_points(const vlt_history *history, int wanted, const vlt_told **out,
                         vlt_error *err)
{
    int count = history->count, half = wanted / 2;
    const vlt_told **sorted = malloc(((size_t)count + 1) * sizeof *sorted);
    if (!sorted) {
        vlt_fail(err, VLT_STATUS_NOMEM, "model: out of memory");
        return -1;
    }
    memcpy(sorted, history->told, (size_t)count * sizeof *sorted);
    if (count > wanted) {
        qsort(sorted, (size_t)count, sizeof *sorted, compare_costs);
        for (int i = half; i < wanted; i++) {
            int64_t rest = count - half;
            sorted[i] = sorted[half + (i - half) * rest / (wanted - half)];
        }
        count = wanted;
    }
    memcpy(out, sorted, (size_t)count * sizeof *sorted);
    free(sorted);
    return count;
}

static double label_of(const model *m, const vlt_history *history, const vlt_told *told)
{
    double worst = isfinite(history->worst) ? history->worst : 0;
    return (isfinite(told->cost) ? told->cost : worst) -
           vlt_abroad_offset(&m->abroad, told->setting);
}

static void add_point(const model *m, vlt_process *process, const vlt_told *told)
{
    uint16_t place[VLT_DOMAIN_PARAMETER_MAX];
    vlt_kernel_place(&m->kernel, told->digit, place);
    vlt_process_add(process, &m->kernel, place);
}

/* How much other machines count, from the labels. */
static vlt_status fit_abroad(model *m, const vlt_history *history, vlt_error *err)
{
    if (!m->abroad.count) {
        return VLT_OK;
    }
    uint64_t *setting = malloc((size_t)history->count * sizeof *setting);
    double *label = malloc((size_t)history->count * sizeof *label);
    vlt_status status = setting && label ? VLT_OK
                                         : vlt_fail(err, VLT_STATUS_NOMEM, "model: out of memory");
    for (int i = 0; i < history->count && status == VLT_OK; i++) {
        const vlt_told *told = history->told[i];
        setting[i] = told->setting;
        label[i] = isfinite(told->cost) ? told->cost : history->worst;
    }
    if (status == VLT_OK && history->ok_count) {
        status = vlt_abroad_fit(&m->abroad, setting, label, history->count, err);
    }
    free(setting);
    free(label);
    return status;
}

/* Fits the kernel anew, on the best and a spread of the others. */
static vlt_status fit_kernel(model *m, const vlt_history *history, vlt_error *err)
{
    const vlt_told *point[FIT_MAX];
    int count = choose_points(history, FIT_MAX, point, err);
    if (count < 0) {
        return VLT_STATUS_NOMEM;
    }
    vlt_process_clear(&m->fitted);
    for (int i = 0; i < count; i++) {
        add_point(m, &m->fitted, point[i]);
        m->fitted.label[i] = label_of(m, history, point[i]);
    }
    return vlt_process_fit(&m->fitted, &m->kernel, history->count <= FIT_MAX ? 2 : 1, err);
}

static void label_points(model *m, const vlt_history *history)
{
    for (int i = 0; i < m->process.count; i++) {
        m->process.label[i] = label_of(m, history, m->point[i]);
    }
    vlt_process_label(&m->process);
}

/* Everything anew: kernel, points, candidates. */
static vlt_status refit(model *m, vlt_scene *scene, vlt_error *err)
{
    const vlt_history *history = scene->history;
    vlt_status status = fit_abroad(m, history, err);
    status = status == VLT_OK ? fit_kernel(m, history, err) : status;
    if (status != VLT_OK) {
        return status;
    }
    int count = choose_points(history, POINTS_MAX, m->point, err);
    if (count < 0) {
        return VLT_STATUS_NOMEM;
    }
    vlt_process_clear(&m->process);
    for (int i = 0; i < count; i++) {
        add_point(m, &m->process, m->point[i]);
    }
    label_points(m, history);
    vlt_pool_clear(&m->pool);
    m->seen = history->count;
    int growth = history->count / 8;
    growth = growth < 3 ? 3 : growth > GROWTH_MAX ? GROWTH_MAX : growth;
    m->next_fit = history->count + growth;
    status = vlt_screen_run(&m->screen, scene, &m->kernel, &m->process, &m->abroad, POOL_MAX,
                            &m->pool, err);
    for (int i = 0; i < SPREAD && status == VLT_OK && vlt_history_left(history); i++) {
        uint16_t digits[VLT_DOMAIN_PARAMETER_MAX], place[VLT_DOMAIN_PARAMETER_MAX];
        uint64_t setting = vlt_scene_draw(scene);
        vlt_domain_digits(scene->domain, setting, digits);
        vlt_kernel_place(&m->kernel, digits, place);
        vlt_pool_add(&m->pool, setting, place, vlt_abroad_offset(&m->abroad, setting));
    }
    return status;
}

/* The neighbours of the best join the pool. */
static void add_neighbours(model *m, vlt_scene *scene)
{
    const vlt_history *history = scene->history;
    if (history->best < 0) {
        return;
    }
    int count = vlt_domain_near(scene->domain, history->told[history->best]->setting, VLT_REACH_ANY,
                                scene->near);
    for (int i = 0; i < count; i++) {
        uint16_t digits[VLT_DOMAIN_PARAMETER_MAX], place[VLT_DOMAIN_PARAMETER_MAX];
        if (vlt_history_is_new(history, scene->near[i])) {
            vlt_domain_digits(scene->domain, scene->near[i], digits);
            vlt_kernel_place(&m->kernel, digits, place);
            vlt_pool_add(&m->pool, scene->near[i], place,
                         vlt_abroad_offset(&m->abroad, scene->near[i]));
        }
    }
}

/* Candidates that were asked leave. */
static void drop_tried(model *m, const vlt_history *history)
{
    for (int i = m->pool.count - 1; i >= 0; i--) {
        if (!vlt_history_is_new(history, m->pool.setting[i])) {
            vlt_pool_remove(&m->pool, i);
        }
    }
}

/* How much a cost with this mean and deviation is expected to be below `target`. */
static double improvement(double target, double mean, double deviation)
{
    double z = (target - mean) / deviation;
    return deviation * (z * 0.5 * erfc(-z * M_SQRT1_2) + exp(-0.5 * z * z) / sqrt(2 * M_PI));
}

static uint64_t choose(model *m, const vlt_history *history)
{
    double deviation = sqrt(fmax(m->process.variance, m->variance_min));
    double best = history->told[history->best]->cost;
    /* where others have found good regions, polishing them is what is wanted */
    double target = best - (m->abroad.count ? 0 : ambition) * deviation, best_score = -INFINITY;
    int pick = -1;
    for (int i = 0; i < m->pool.count; i++) {
        double own = deviation * sqrt(fmax(m->pool.left[i], 1e-9));
        double score = improvement(target, m->pool.mean[i], own);
        if (score > best_score) {
            best_score = score;
            pick = i;
        }
    }
    if (pick < 0) {
        return VLT_SETTING_NONE;
    }
    m->gain = improvement(best, m->pool.mean[pick],
                          deviation * sqrt(fmax(m->pool.left[pick], 1e-9)));
    return m->pool.setting[pick];
}

static vlt_status propose(void *state, vlt_scene *scene, uint64_t *out, vlt_error *err)
{
    model *m = state;
    const vlt_history *history = scene->history;
    int first = m->abroad.count ? FIRST_ABROAD : FIRST;
    if (history->count < first || history->ok_count < 2) {
        *out = propose_first(m, scene);
        return VLT_OK;
    }
    if (history->count >= m->next_fit || m->process.count == m->process.capacity) {
        vlt_status status = refit(m, scene, err);
        if (status != VLT_OK) {
            return status;
        }
    }
    for (; m->seen < history->count && m->process.count < m->process.capacity; m->seen++) {
        m->point[m->process.count] = history->told[m->seen];
        add_point(m, &m->process, history->told[m->seen]);
    }
    label_points(m, history);
    drop_tried(m, history);
    add_neighbours(m, scene);
    vlt_pool_update(&m->pool, &m->process, &m->kernel);
    *out = choose(m, history);
    return VLT_OK;
}

static double hope(const void *state)
{
    return ((const model *)state)->gain;
}

VLT_STRATEGY(model, .state_bytes = sizeof(model), .init = init, .release = release,
             .propose = propose, .hope = hope);
