#include "tuner/strategy/abroad.h"

#include <math.h>
#include <stdlib.h>

enum { SWEEPS = 50 };

/* Machines differ by 10 % at least, even where the lists say less: they only hold the best. */
static const double variance_min = 0.01;

/* What a list of the best does not have costs more than its last one: about so many times as much.
 */
static const double beyond_last = 2;

/* How far a weight may be from its prior, 1 / machines, before labels speak: a standard deviation.
 */
static const double weight_spread = 1;

static int compare_entries(const void *a, const void *b)
{
    uint64_t x = ((const vlt_abroad_entry *)a)->setting, y = ((const vlt_abroad_entry *)b)->setting;
    return (x > y) - (x < y);
}

/* Of a list of everything, what is missing was not there (it takes instructions that the machine
 * lacks): the mean says neither good nor bad of it. */
static double cost_beyond(const vlt_foreign *list)
{
    double sum = 0;
    for (int i = 0; i < list->count; i++) {
        sum += list->cost[i];
    }
    return list->whole ? sum / list->count : beyond_last * list->cost[list->count - 1];
}

vlt_status vlt_abroad_init(vlt_abroad *abroad, const vlt_foreign *foreign, int count,
                           vlt_error *err)
{
    *abroad = (vlt_abroad){0};
    for (int m = 0; m < count && abroad->count < VLT_ABROAD_MAX; m++) {
        const vlt_foreign *list = &foreign[m];
        if (!list->count || list->cost[list->count - 1] <= VLT_FOREIGN_TIE) {
            continue; /* an order without costs, or of ties, says nothing here */
        }
        int at = abroad->count++;
        vlt_abroad_entry *entry = calloc((size_t)list->count, sizeof *entry);
        abroad->entry[at] = entry;
        if (!entry) {
            vlt_abroad_release(abroad);
            return vlt_fail(err, VLT_STATUS_NOMEM, "model: out of memory");
        }
        for (int i = 0; i < list->count; i++) {
            entry[i] = (vlt_abroad_entry){list->setting[i], list->cost[i]};
        }
        qsort(entry, (size_t)list->count, sizeof *entry, compare_entries);
        abroad->entries[at] = list->count;
        abroad->beyond[at] = cost_beyond(list);
    }
    for (int m = 0; m < abroad->count; m++) {
        abroad->weight[m] = 1.0 / abroad->count;
    }
    return VLT_OK;
}

void vlt_abroad_release(vlt_abroad *abroad)
{
    for (int m = 0; m < abroad->count; m++) {
        free(abroad->entry[m]);
    }
    *abroad = (vlt_abroad){0};
}

static double cost_at(const vlt_abroad *abroad, int machine, uint64_t setting)
{
    const vlt_abroad_entry wanted = {setting, 0};
    const vlt_abroad_entry *found = bsearch(&wanted, abroad->entry[machine],
                                            (size_t)abroad->entries[machine], sizeof wanted,
                                            compare_entries);
    return found ? found->cost : abroad->beyond[machine];
}

double vlt_abroad_variance(const vlt_abroad *abroad)
{
    int machines = abroad->count, settings = 0;
    double sum = 0;
    for (int m = 0; m < machines; m++) {
        for (int i = 0; i < abroad->entries[m]; i++, settings++) {
            double mean = 0, square = 0;
            for (int other = 0; other < machines; other++) {
                double cost = cost_at(abroad, other, abroad->entry[m][i].setting);
                mean += cost / machines;
                square += cost * cost / machines;
            }
            sum += machines > 1 ? (square - mean * mean) * machines / (machines - 1) : square;
        }
    }
    return settings ? fmax(sum / settings, variance_min) : 0;
}

double vlt_abroad_offset(const vlt_abroad *abroad, uint64_t setting)
{
    double sum = 0;
    for (int m = 0; m < abroad->count; m++) {
        sum += abroad->weight[m] * cost_at(abroad, m, setting);
    }
    return sum;
}

/* residual = label - mean - sum of weighted costs; returns the mean square. */
static double residuals(const vlt_abroad *abroad, const double *costs, const double *label,
                        int count, double *residual)
{
    double mean = 0, square = 0;
    for (int i = 0; i < count; i++) {
        residual[i] = label[i];
        for (int m = 0; m < abroad->count; m++) {
            residual[i] -= abroad->weight[m] * costs[m * count + i];
        }
        mean += residual[i] / count;
    }
    for (int i = 0; i < count; i++) {
        residual[i] -= mean;
        square += residual[i] * residual[i] / count;
    }
    return square;
}

vlt_status vlt_abroad_fit(vlt_abroad *abroad, const uint64_t *setting, const double *label,
                          int count, vlt_error *err)
{
    int machines = abroad->count;
    if (!machines || !count) {
        return VLT_OK;
    }
    double *costs = malloc(((size_t)machines + 1) * (size_t)count * sizeof *costs);
    if (!costs) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "model: out of memory");
    }
    double *residual = costs + (size_t)machines * (size_t)count;
    for (int m = 0; m < machines; m++) {
        abroad->weight[m] = 1.0 / machines;
        for (int i = 0; i < count; i++) {
            costs[m * count + i] = cost_at(abroad, m, setting[i]);
        }
    }
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        double square = residuals(abroad, costs, label, count, residual) + 1e-4;
        double ridge = square / (weight_spread * weight_spread);
        for (int m = 0; m < machines; m++) {
            const double *cost = costs + m * count;
            double along = 0, across = 0, old = abroad->weight[m];
            for (int i = 0; i < count; i++) {
                along += cost[i] * (residual[i] + old * cost[i]);
                across += cost[i] * cost[i];
            }
            abroad->weight[m] = fmax(0, (along + ridge / machines) / (across + ridge));
            for (int i = 0; i < count; i++) {
                residual[i] -= (abroad->weight[m] - old) * cost[i];
            }
        }
    }
    free(costs);
    return VLT_OK;
}
