#include "tuner/replay/replay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/strategy/explorer.h"

enum { FOREIGN_MAX = 32 };

/* The top lists of the other machines of a kernel. */
typedef struct abroad {
    vlt_foreign list[FOREIGN_MAX];
    int count;
    uint64_t *setting; /* owned */
    double *cost;      /* owned */
} abroad;

typedef struct replay {
    const vlt_collection *collection;
    const vlt_replay_options *options;
    vlt_error *err;
    double *figure;     /* owned [spaces][seeds][points]: of the strategy at hand; NAN: not run */
    double done, total; /* evaluations, for the progress */
} replay;

static vlt_status no_memory(vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_NOMEM, "replay: out of memory");
}

static void release_abroad(abroad *others)
{
    free(others->setting);
    free(others->cost);
}

static vlt_status find_abroad(const replay *r, int space, abroad *out)
{
    const vlt_collection *collection = r->collection;
    const vlt_recorded *to = collection->space[space];
    *out = (abroad){0};
    out->setting = malloc(sizeof(uint64_t) * FOREIGN_MAX * VLT_TOP_MAX);
    out->cost = malloc(sizeof(double) * FOREIGN_MAX * VLT_TOP_MAX);
    if (!out->setting || !out->cost) {
        return no_memory(r->err);
    }
    for (int i = 0; i < collection->count && out->count < FOREIGN_MAX; i++) {
        const vlt_recorded *from = collection->space[i];
        if (i == space || strcmp(from->kernel, to->kernel) != 0) {
            continue;
        }
        uint64_t *setting = out->setting + out->count * VLT_TOP_MAX;
        double *cost = out->cost + out->count * VLT_TOP_MAX;
        int count = vlt_recorded_top(from, to, setting, cost, r->err);
        if (count < 0) {
            return VLT_STATUS_NOMEM;
        }
        if (count) {
            out->list[out->count++] = (vlt_foreign){setting, cost, count, count < VLT_TOP_MAX};
        }
    }
    return VLT_OK;
}

/* One run: out[points] */
static vlt_status run_once(const replay *r, const vlt_recorded *space, const char *strategy,
                           uint64_t seed, const abroad *others, int points, double *out)
{
    const vlt_replay_options *options = r->options;
    const vlt_explorer_options search = {.strategy = strategy,
                                         .seed = seed,
                                         .foreign = others ? others->list : NULL,
                                         .foreign_count = others ? others->count : 0};
    vlt_explorer *explorer;
    vlt_proposal proposal;
    bool any = true;
    double best = INFINITY, optimum = space->record[space->best].mean;
    vlt_status status = vlt_explorer_create(space->domain, &search, &explorer, r->err);
    for (int done = 0, point = 0; status == VLT_OK && point < points;) {
        if (any && (status = vlt_explorer_ask(explorer, &proposal, &any, r->err)) == VLT_OK &&
            any) {
            double mean = space->record[proposal.setting].mean;
            best = fmin(best, mean);
            status = vlt_explorer_tell(explorer, proposal.setting, log(mean), r->err);
            done++;
        }
        while (point < points && (!any || done >= options->evaluations[point])) {
            out[point++] = isfinite(best) ? optimum / best : 0;
        }
    }
    vlt_explorer_destroy(explorer);
    return status;
}

static double *figures_of(const replay *r, int space, int seed)
{
    return r->figure +
           ((size_t)space * (size_t)r->options->seeds + (size_t)seed) * VLT_REPLAY_POINT_MAX;
}

static vlt_status run_space(replay *r, const char *strategy, int index, bool warm)
{
    const vlt_replay_options *options = r->options;
    const vlt_recorded *space = r->collection->space[index];
    int points = warm ? options->warm_points : options->points;
    abroad others = {0};
    vlt_status status = warm ? find_abroad(r, index, &others) : VLT_OK;
    for (int seed = 0; seed < options->seeds && status == VLT_OK; seed++) {
        double *figures = figures_of(r, index, seed);
        for (int p = 0; p < points; p++) {
            figures[p] = NAN;
        }
        if (!warm || others.count) {
            status = run_once(r, space, strategy, (uint64_t)seed + 1, warm ? &others : NULL, points,
                              figures);
        }
        r->done += options->evaluations[points - 1];
        if (status == VLT_OK && options->stop && options->stop()) {
            status = vlt_fail(r->err, VLT_STATUS_INTERRUPTED, "stopped");
        }
        if (options->progress) {
            options->progress(options->user, strategy, r->done / r->total);
        }
    }
    release_abroad(&others);
    return status;
}

/* Mean and interval of values[count], fractions of an optimum, that lie `stride` apart. */
static void summarise(const double *values, int count, int stride, double *mean, double *low,
                      double *high)
{
    double sum = 0, square = 0;
    for (int i = 0; i < count; i++) {
        sum += values[i * stride];
    }
    *mean = sum / count;
    for (int i = 0; i < count; i++) {
        double apart = values[i * stride] - *mean;
        square += apart * apart;
    }
    double error = count > 1 ? 1.96 * sqrt(square / (count - 1) / count) : NAN;
    *low = *mean - error;
    *high = *mean + error > 1 ? 1 : *mean + error;
}

/* From the figures of every space and seed to those of every space, and over spaces. */
static vlt_status summarise_strategy(const replay *r, int points, vlt_replay_figure *space,
                                     vlt_replay_figure *over)
{
    int seeds = r->options->seeds, spaces = r->collection->count;
    double *mean = malloc((size_t)seeds * sizeof *mean);
    if (!mean) {
        return no_memory(r->err);
    }
    for (int p = 0; p < points; p++) {
        int counted = 0;
        for (int seed = 0; seed < seeds; seed++) {
            mean[seed] = 0;
        }
        for (int s = 0; s < spaces; s++) {
            const double *figures = figures_of(r, s, 0) + p;
            summarise(figures, seeds, VLT_REPLAY_POINT_MAX, &space[s].mean[p], &space[s].low[p],
                      &space[s].high[p]);
            for (int seed = 0; seed < seeds && !isnan(figures[0]); seed++) {
                mean[seed] += figures[seed * VLT_REPLAY_POINT_MAX];
            }
            counted += !isnan(figures[0]);
        }
        for (int seed = 0; seed < seeds; seed++) {
            mean[seed] /= counted; /* none: NAN */
        }
        summarise(mean, seeds, 1, &over->mean[p], &over->low[p], &over->high[p]);
    }
    free(mean);
    return VLT_OK;
}

static vlt_status run_strategy(replay *r, vlt_replay_row *row)
{
    int spaces = r->collection->count;
    vlt_status status = VLT_OK;
    row->space = calloc((size_t)spaces, sizeof *row->space);
    row->warm_space = calloc((size_t)spaces, sizeof *row->warm_space);
    if (!row->space || !row->warm_space) {
        return no_memory(r->err);
    }
    for (int warm = 0; warm < 2 && status == VLT_OK; warm++) {
        for (int i = 0; i < spaces && status == VLT_OK; i++) {
            status = run_space(r, row->strategy, i, warm);
        }
        if (status == VLT_OK) {
            status = summarise_strategy(r, warm ? r->options->warm_points : r->options->points,
                                        warm ? row->warm_space : row->space,
                                        warm ? &row->warm : &row->over_spaces);
        }
    }
    return status;
}

static vlt_status add_rows(const vlt_replay_options *options, vlt_replay_result *out,
                           vlt_error *err)
{
    int count = 0;
    while (vlt_strategy_name(count)) {
        count++;
    }
    out->points = options->points;
    out->warm_points = options->warm_points;
    out->row = calloc((size_t)count + 1, sizeof *out->row);
    if (!out->row) {
        return no_memory(err);
    }
    if (options->strategy) {
        out->row[out->row_count++].strategy = options->strategy;
        return VLT_OK;
    }
    for (int i = 0; i < count; i++) {
        out->row[out->row_count++].strategy = vlt_strategy_name(i);
    }
    return VLT_OK;
}

vlt_status vlt_replay_run(const vlt_collection *collection, const vlt_replay_options *options,
                          vlt_replay_result *out, vlt_error *err)
{
    replay r = {.collection = collection, .options = options, .err = err};
    *out = (vlt_replay_result){0};
    vlt_status status = add_rows(options, out, err);
    size_t figures = (size_t)collection->count * (size_t)options->seeds * VLT_REPLAY_POINT_MAX;
    r.figure = malloc(figures * sizeof *r.figure);
    if (status == VLT_OK && !r.figure) {
        status = no_memory(err);
    }
    double each = options->evaluations[options->points - 1];
    each += options->evaluations[options->warm_points - 1];
    r.total = each * options->seeds * collection->count * out->row_count;
    for (int i = 0; i < out->row_count && status == VLT_OK; i++) {
        status = run_strategy(&r, &out->row[i]);
    }
    free(r.figure);
    return status;
}

void vlt_replay_result_release(vlt_replay_result *result)
{
    for (int i = 0; i < result->row_count; i++) {
        free(result->row[i].space);
        free(result->row[i].warm_space);
    }
    free(result->row);
    *result = (vlt_replay_result){0};
}
