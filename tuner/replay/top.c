/* The best settings of one machine, as settings of another one's space. */
#include <math.h>
#include <stdlib.h>

#include "tuner/replay/collection.h"

typedef struct ranked {
    uint64_t setting;
    double mean;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return x->mean != y->mean ? (x->mean > y->mean) - (x->mean < y->mean)
                              : (x->setting > y->setting) - (x->setting < y->setting);
}

/* The parameters of `from` in the order of `to`; false where they are not the same. */
static bool match(const vlt_domain *from, const vlt_domain *to, int *index)
{
    int count = vlt_domain_parameter_count(to);
    for (int i = 0; i < count; i++) {
        index[i] = vlt_domain_find_parameter(from, vlt_domain_parameter(to, i)->name);
        if (index[i] < 0) {
            return false;
        }
    }
    return count == vlt_domain_parameter_count(from);
}

static uint64_t translate(const vlt_domain *from, uint64_t setting, const vlt_domain *to,
                          const int *index)
{
    uint16_t digits[VLT_DOMAIN_PARAMETER_MAX], out[VLT_DOMAIN_PARAMETER_MAX];
    vlt_domain_digits(from, setting, digits);
    for (int i = 0; i < vlt_domain_parameter_count(to); i++) {
        const vlt_scalar *value = &vlt_domain_parameter(from, index[i])->value[digits[index[i]]];
        int digit = vlt_parameter_find(vlt_domain_parameter(to, i), value);
        if (digit < 0) {
            return VLT_SETTING_NONE;
        }
        out[i] = (uint16_t)digit;
    }
    return vlt_domain_find(to, out);
}

int vlt_recorded_top(const vlt_recorded *from, const vlt_recorded *to, uint64_t *setting,
                     double *cost, vlt_error *err)
{
    int index[VLT_DOMAIN_PARAMETER_MAX], count = 0;
    uint64_t settings = vlt_domain_count(from->domain);
    size_t correct = 0;
    if (!match(from->domain, to->domain, index)) {
        return 0;
    }
    ranked *rank = malloc((size_t)from->correct * sizeof *rank);
    if (!rank) {
        vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", vlt_domain_name(from->domain));
        return -1;
    }
    for (uint64_t i = 0; i < settings; i++) {
        if (isfinite(from->record[i].mean)) {
            rank[correct++] = (ranked){i, from->record[i].mean};
        }
    }
    qsort(rank, correct, sizeof *rank, compare_ranked);
    for (size_t i = 0; i < correct && count < VLT_TOP_MAX; i++) {
        setting[count] = translate(from->domain, rank[i].setting, to->domain, index);
        cost[count] = log(rank[i].mean / rank[0].mean);
        count += setting[count] != VLT_SETTING_NONE;
    }
    free(rank);
    return count;
}
