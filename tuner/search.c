#include "tuner/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Draws from the whole space without a new best, or proposals of the explorer, before the search is
 * over. */
enum { DRAWS_MAX = 6, NEIGHBOUR_MAX = 64, MISSES_MAX = 25 };

/* What a default may save, what a step to a neighbour may, and how fast hope fades. */
static const double hope_default = 0.15, hope_neighbour = 0.08, hope_fading = 0.85;

/* Standard deviation of one trial's ln ratio, on a machine with others. */
static const double measuring_noise = 0.01;

void vlt_search_init(vlt_search *search, const vlt_space *space, const vlt_setting *incumbent,
                     bool plain, uint64_t seed)
{
    *search = (vlt_search){
        .space = *space, .incumbent = *incumbent, .plain = plain, .random = {seed}, .seed = seed};
}

void vlt_search_release(vlt_search *search)
{
    vlt_explorer_destroy(search->explorer);
    vlt_knob_domain_destroy(search->domain);
    free(search->tried);
    *search = (vlt_search){0};
}

static vlt_tried *find(const vlt_search *search, const vlt_setting *setting)
{
    for (int i = 0; i < search->count; i++) {
        if (vlt_setting_equal(&search->tried[i].setting, setting)) {
            return &search->tried[i];
        }
    }
    return NULL;
}

static bool is_new(const vlt_search *search, const vlt_setting *setting)
{
    bool wanted = search->plain || setting->variant != search->space.variant[0];
    return wanted && !vlt_setting_equal(setting, &search->incumbent) && !find(search, setting);
}

const vlt_tried *vlt_search_best(const vlt_search *search)
{
    const vlt_tried *best = NULL;
    for (int i = 0; i < search->count; i++) {
        const vlt_tried *tried = &search->tried[i];
        if (tried->outcome == VLT_OUTCOME_OK && tried->log_ratio < 0 &&
            (!best || tried->log_ratio < best->log_ratio)) {
            best = tried;
        }
    }
    return best;
}

static bool next_neighbour(const vlt_search *search, vlt_setting *out)
{
    vlt_setting near[NEIGHBOUR_MAX];
    const vlt_tried *best = vlt_search_best(search);
    const vlt_setting from = best ? best->setting : search->incumbent;
    int count = vlt_space_neighbours(&search->space, &from, near, NEIGHBOUR_MAX);
    for (int i = 0; i < count; i++) {
        if (is_new(search, &near[i])) {
            *out = near[i];
            return true;
        }
    }
    return false;
}

static bool next_draw(vlt_search *search, vlt_setting *out)
{
    while (search->draws < DRAWS_MAX) {
        search->draws++;
        for (int i = 0; i < NEIGHBOUR_MAX; i++) {
            if (vlt_space_draw(&search->space, &search->random, out) && is_new(search, out)) {
                return true;
            }
        }
    }
    return false;
}

/* Tells the explorer what a setting has shown so far. */
static void tell(const vlt_search *search, const vlt_setting *setting, double cost)
{
    uint64_t number = search->explorer ? vlt_knob_domain_find(search->domain, setting)
                                       : VLT_SETTING_NONE;
    if (number != VLT_SETTING_NONE && !isnan(cost)) {
        vlt_explorer_tell(search->explorer, number, cost, NULL); /* without memory it knows less */
    }
}

/* The explorer is made when the defaults have been tried: many problems never get that far. */
static void list_space(vlt_search *search)
{
    const vlt_explorer_options options = {
        .strategy = search->strategy, .seed = search->seed, .noise = measuring_noise};
    if (search->listed) {
        return;
    }
    search->listed = true;
    vlt_space proposed = search->space;
    if (!search->plain) { /* number 0 takes no part */
        proposed.variant_count--;
        memmove(proposed.variant, proposed.variant + 1,
                (size_t)proposed.variant_count * sizeof *proposed.variant);
    }
    if (vlt_knob_domain_create(&proposed, proposed.problem.op->name, NULL, &search->domain, NULL) !=
            VLT_OK ||
        vlt_explorer_create(vlt_knob_domain_domain(search->domain), &options, &search->explorer,
                            NULL) != VLT_OK) {
        return;
    }
    tell(search, &search->incumbent, 0);
    for (int i = 0; i < search->count; i++) {
        const vlt_tried *tried = &search->tried[i];
        tell(search, &tried->setting,
             tried->outcome == VLT_OUTCOME_OK ? tried->log_ratio : INFINITY);
    }
}

/* Repeated measurements are the deciding stage's matter: what was tried is not asked again here. */
static bool next_proposal(vlt_search *search, vlt_setting *out)
{
    for (int i = 0; i < NEIGHBOUR_MAX && search->misses < MISSES_MAX; i++) {
        vlt_proposal proposal;
        bool any = false;
        if (vlt_explorer_ask(search->explorer, &proposal, &any, NULL) != VLT_OK || !any) {
            return false;
        }
        vlt_knob_domain_setting(search->domain, proposal.setting, out);
        if (is_new(search, out)) {
            return true;
        }
        const vlt_tried *tried = find(search, out);
        vlt_explorer_tell(search->explorer, proposal.setting,
                          !tried                             ? 0
                          : tried->outcome == VLT_OUTCOME_OK ? tried->log_ratio
                                                             : INFINITY,
                          NULL);
    }
    return false;
}

bool vlt_search_next(vlt_search *search, vlt_setting *out)
{
    /* the plainest one, number 0, comes last */
    while (search->defaults < search->space.variant_count) {
        int index = ++search->defaults % search->space.variant_count;
        if (vlt_space_default(&search->space, index, out) && is_new(search, out)) {
            return true;
        }
    }
    list_space(search);
    return search->explorer ? next_proposal(search, out)
                            : next_neighbour(search, out) || next_draw(search, out);
}

static vlt_tried *append(vlt_search *search, const vlt_setting *setting, vlt_error *err)
{
    if (search->count == search->capacity) {
        int capacity = search->capacity ? search->capacity * 2 : 32;
        void *grown = realloc(search->tried, (size_t)capacity * sizeof *search->tried);
        if (!grown) {
            vlt_fail(err, VLT_STATUS_NOMEM, "search: out of memory after %d settings",
                     search->count);
            return NULL;
        }
        search->tried = grown;
        search->capacity = capacity;
    }
    vlt_tried *tried = &search->tried[search->count++];
    *tried = (vlt_tried){.setting = *setting, .log_ratio = NAN, .call_ns = {NAN, NAN}};
    return tried;
}

vlt_status vlt_search_note(vlt_search *search, const vlt_setting *setting, vlt_outcome outcome,
                           double log_ratio, const double call_ns[2], vlt_error *err)
{
    const vlt_tried *best = vlt_search_best(search);
    double before = best ? best->log_ratio : 0;
    vlt_tried *tried = find(search, setting);
    tried = tried ? tried : append(search, setting, err);
    if (!tried) {
        return VLT_STATUS_NOMEM;
    }
    /* a setting that failed once is never chosen, whatever it shows at other times */
    tried->outcome = tried->trials && tried->outcome != VLT_OUTCOME_OK ? tried->outcome : outcome;
    if (outcome == VLT_OUTCOME_OK) {
        double weight = 1.0 / (tried->trials + 1);
        tried->log_ratio = tried->trials && isfinite(tried->log_ratio)
                               ? tried->log_ratio + weight * (log_ratio - tried->log_ratio)
                               : log_ratio;
        memcpy(tried->call_ns, call_ns, sizeof tried->call_ns);
    }
    tried->trials++;
    tell(search, setting, outcome == VLT_OUTCOME_OK ? log_ratio : INFINITY);
    best = vlt_search_best(search);
    bool better = best && best->log_ratio < before - 0.01;
    search->misses = better ? 0 : search->misses + 1;
    search->draws = better ? 0 : search->draws;
    return VLT_OK;
}

void vlt_search_correct(vlt_search *search, const vlt_setting *setting, double log_ratio)
{
    vlt_tried *tried = find(search, setting);
    if (tried && isfinite(log_ratio)) {
        tried->log_ratio = log_ratio;
    }
}

double vlt_search_potential(const vlt_search *search)
{
    int left = search->space.variant_count - search->defaults;
    return left > 0 ? hope_default : hope_neighbour * pow(hope_fading, search->misses);
}

int64_t vlt_search_settings(const vlt_search *search)
{
    int64_t count = 1;
    for (int i = 0; i < search->count; i++) {
        count += isfinite(search->tried[i].log_ratio);
    }
    return count;
}
