#include "tuner/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Proposals without a new best before the search is over; proposals that were known already, one
 * after the other. */
enum { MISSES_MAX = 25, KNOWN_MAX = 64 };

/* What a default may save, what a step to a neighbour may, and how fast hope fades. */
static const double hope_default = 0.15, hope_neighbour = 0.08, hope_fading = 0.85;

/* Standard deviation of one trial's ln ratio, on a machine with others. */
static const double measuring_noise = 0.01;

/* The domain of what may be tried: without the plainest variant, number 0, where it takes long. */
static vlt_status make_domain(vlt_search *search, vlt_restriction *where, vlt_error *err)
{
    vlt_space proposed = search->space;
    const char *name = proposed.problem.op->name;
    if (search->options.plain) {
        return vlt_knob_domain_create(&proposed, name, where, &search->domain, err);
    }
    proposed.variant_count--;
    memmove(proposed.variant, proposed.variant + 1,
            (size_t)proposed.variant_count * sizeof *proposed.variant);
    vlt_status status = vlt_knob_domain_create(&proposed, name, where, &search->domain, err);
    if (status == VLT_STATUS_INPUT) { /* is the plainest left, or nothing at all? */
        vlt_knob_domain *whole;
        status = where ? vlt_knob_domain_create(&search->space, name, where, &whole, err) : VLT_OK;
        if (where) {
            vlt_knob_domain_destroy(whole);
        }
    }
    return status;
}

/* Which settings there are, and which of them the seeds name. */
static vlt_status prepare(vlt_search *search, vlt_restriction *where, vlt_error *err)
{
    search->prepared = true;
    vlt_status status = make_domain(search, where, err);
    if (status != VLT_OK || !search->domain) {
        return status;
    }
    search->list = calloc((size_t)search->options.seed_count + 1, sizeof *search->list);
    if (!search->list) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "search: out of memory");
    }
    for (int i = 0; i < search->options.seed_count && status == VLT_OK; i++) {
        status = vlt_seeds_list(&search->options.seeds[i], &search->space.problem, search->domain,
                                &search->list[i], err);
    }
    return status;
}

vlt_status vlt_search_init(vlt_search *search, const vlt_space *space, const vlt_setting *incumbent,
                           const vlt_search_options *options, vlt_error *err)
{
    *search = (vlt_search){.space = *space,
                           .incumbent = *incumbent,
                           .options = *options,
                           .restricted = options->where != NULL};
    search->options.where = NULL;
    return options->where ? prepare(search, options->where, err) : VLT_OK;
}

void vlt_search_release(vlt_search *search)
{
    for (int i = 0; search->list && i < search->options.seed_count; i++) {
        vlt_seed_list_release(&search->list[i]);
    }
    vlt_explorer_destroy(search->explorer);
    vlt_knob_domain_destroy(search->domain);
    free(search->list);
    free(search->tried);
    *search = (vlt_search){0};
}

static uint64_t number_of(const vlt_search *search, const vlt_setting *setting)
{
    return search->domain ? vlt_knob_domain_find(search->domain, setting) : VLT_SETTING_NONE;
}

bool vlt_search_permits(const vlt_search *search, const vlt_setting *setting)
{
    return !search->restricted || number_of(search, setting) != VLT_SETTING_NONE;
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
    bool wanted = search->options.plain || setting->variant != search->space.variant[0];
    return wanted && vlt_search_permits(search, setting) &&
           !vlt_setting_equal(setting, &search->incumbent) && !find(search, setting);
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

/* Tells the explorer what a setting has shown so far. */
static void tell(const vlt_search *search, const vlt_setting *setting, double cost)
{
    uint64_t number = search->explorer ? number_of(search, setting) : VLT_SETTING_NONE;
    if (number != VLT_SETTING_NONE && !isnan(cost)) {
        vlt_explorer_tell(search->explorer, number, cost, NULL); /* without memory it knows less */
    }
}

/* Lists of seeds that say something about the problem. */
static int gather_foreign(const vlt_search *search, vlt_foreign *out)
{
    int count = 0;
    for (int i = 0; i < search->options.seed_count; i++) {
        out[count] = search->list[i].foreign;
        count += out[count].count > 0;
    }
    return count;
}

/* The explorer is made when the defaults have been tried: many problems never get that far. */
static void explore(vlt_search *search)
{
    search->explored = true;
    vlt_foreign *foreign = calloc((size_t)search->options.seed_count + 1, sizeof *foreign);
    if (search->domain && search->list && foreign) {
        const vlt_explorer_options options = {.strategy = search->options.strategy,
                                              .seed = search->options.seed,
                                              .noise = measuring_noise,
                                              .foreign = foreign,
                                              .foreign_count = gather_foreign(search, foreign)};
        vlt_explorer_create(vlt_knob_domain_domain(search->domain), &options, &search->explorer,
                            NULL);
    }
    free(foreign);
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
    for (int i = 0; i < KNOWN_MAX && search->misses < MISSES_MAX; i++) {
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

/* The best of each list. */
static bool next_seed(vlt_search *search, vlt_setting *out)
{
    while (search->list && search->firsts < search->options.seed_count) {
        const vlt_foreign *foreign = &search->list[search->firsts++].foreign;
        if (foreign->count) {
            vlt_knob_domain_setting(search->domain, foreign->setting[0], out);
            if (is_new(search, out)) {
                return true;
            }
        }
    }
    return false;
}

/* Of each variant; the plainest one, number 0, comes last. */
static bool next_default(vlt_search *search, vlt_setting *out)
{
    while (search->defaults < search->space.variant_count) {
        int index = ++search->defaults % search->space.variant_count;
        if (vlt_space_default(&search->space, index, out) && is_new(search, out)) {
            return true;
        }
    }
    return false;
}

static bool is_seed(const vlt_search *search, const vlt_setting *setting)
{
    uint64_t number = number_of(search, setting);
    for (int i = 0; search->list && i < search->options.seed_count; i++) {
        const vlt_foreign *foreign = &search->list[i].foreign;
        for (int k = 0; k < foreign->count; k++) {
            if (foreign->setting[k] == number) {
                return true;
            }
        }
    }
    return false;
}

bool vlt_search_next(vlt_search *search, vlt_setting *out)
{
    if (!search->prepared) {
        prepare(search, NULL, NULL); /* what cannot be listed has its variants' defaults */
    }
    bool any = next_seed(search, out) || next_default(search, out);
    if (!any && !search->explored) {
        explore(search);
    }
    any = any || (search->explorer && next_proposal(search, out));
    search->proposed += any && is_seed(search, out);
    return any;
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
