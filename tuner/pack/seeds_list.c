/* From seeds to settings of a problem's domain. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/pack/seeds.h"

typedef struct ranked {
    uint64_t setting;
    double cost;
    int order; /* in the file, for ties */
} ranked;

/* 0: the problem's own bucket; above: how far; negative: it says nothing about the problem. */
static double distance(const vlt_seed *seed, const vlt_problem *problem)
{
    char bucket[VLT_BUCKET_BYTES];
    vlt_bucket other;
    if (strcmp(seed->op, problem->op->name) != 0) {
        return -1;
    }
    vlt_problem_bucket(problem, bucket, sizeof bucket);
    if (!strcmp(seed->bucket, bucket)) {
        return 0;
    }
    if (vlt_bucket_parse(problem->op, seed->bucket, &other, NULL) != VLT_OK) {
        return -1;
    }
    return other.every ? HUGE_VAL : vlt_bucket_distance(&other, problem);
}

static double nearest(const vlt_seeds *seeds, const vlt_problem *problem)
{
    double best = -1;
    for (int i = 0; i < seeds->count; i++) {
        double away = distance(&seeds->seed[i], problem);
        best = away >= 0 && (best < 0 || away < best) ? away : best;
    }
    return best;
}

static uint64_t resolve(const vlt_seed *seed, const vlt_problem *problem,
                        const vlt_knob_domain *domain)
{
    vlt_setting setting;
    return vlt_seed_setting(seed, problem, &setting) == VLT_SEED_FITS
               ? vlt_knob_domain_find(domain, &setting)
               : VLT_SETTING_NONE;
}

static int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return x->cost != y->cost ? (x->cost > y->cost) - (x->cost < y->cost)
                              : (x->order > y->order) - (x->order < y->order);
}

/* Sorted, each setting once; returns how many. */
static int arrange(ranked *found, int count)
{
    int kept = 0;
    qsort(found, (size_t)count, sizeof *found, compare_ranked);
    for (int i = 0; i < count; i++) {
        bool known = false;
        for (int k = 0; k < kept && !known; k++) {
            known = found[k].setting == found[i].setting;
        }
        if (!known) {
            found[kept++] = found[i];
        }
    }
    return kept;
}

vlt_status vlt_seeds_list(const vlt_seeds *seeds, const vlt_problem *problem,
                          const vlt_knob_domain *domain, vlt_seed_list *out, vlt_error *err)
{
    size_t room = (size_t)seeds->count + 1;
    double near = nearest(seeds, problem);
    ranked *found = malloc(room * sizeof *found);
    uint64_t *setting = calloc(room, sizeof *setting);
    double *cost = calloc(room, sizeof *cost);
    int count = 0;
    *out = (vlt_seed_list){.foreign = {.setting = setting, .cost = cost}};
    if (!found || !setting || !cost) {
        free(found);
        vlt_seed_list_release(out);
        return vlt_fail(err, VLT_STATUS_NOMEM, "seeds: out of memory");
    }
    for (int i = 0; i < seeds->count && near >= 0; i++) {
        const vlt_seed *seed = &seeds->seed[i];
        uint64_t number = distance(seed, problem) == near ? resolve(seed, problem, domain)
                                                          : VLT_SETTING_NONE;
        if (number != VLT_SETTING_NONE) {
            found[count++] = (ranked){number, seed->cost, i};
        }
    }
    count = arrange(found, count);
    for (int i = 0; i < count; i++) {
        setting[i] = found[i].setting;
        cost[i] = found[i].cost - found[0].cost;
    }
    out->foreign.count = count;
    free(found);
    return VLT_OK;
}

void vlt_seed_list_release(vlt_seed_list *list)
{
    free((void *)list->foreign.setting);
    free((void *)list->foreign.cost);
    *list = (vlt_seed_list){.foreign = {.count = 0}};
}
