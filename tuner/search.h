/* search.h: which setting of a problem to try next.
 *
 * Everything is relative to the incumbent: what runs without any config. First the best of every
 * list of seeds, then the defaults of the other variants, then what the explorer's strategy
 * proposes (strategy/explorer.h), which knows the seeds too. A restriction holds for all of them;
 * the incumbent alone may lie outside. No setting is tried twice. The search measures nothing: its
 * caller does, and tells it. Everything is determined by the seed and what was told.
 */
#ifndef VLT_TUNER_SEARCH_H
#define VLT_TUNER_SEARCH_H

#include "tuner/pack/seeds.h"
#include "tuner/store/store.h"

/* A setting with what its trials showed. */
typedef struct vlt_tried {
    vlt_setting setting;
    vlt_outcome outcome;
    double log_ratio;  /* ln(candidate / incumbent), mean of its trials; NAN when it failed */
    double call_ns[2]; /* incumbent, candidate; NAN */
    int trials;
} vlt_tried;

typedef struct vlt_search_options {
    bool plain; /* the plainest variant may be tried: it does not take long */
    uint64_t seed;
    const char *strategy;   /* of the explorer; NULL: "auto" */
    const vlt_seeds *seeds; /* [seed_count]; borrowed by the search */
    int seed_count;
    vlt_restriction *where; /* NULL: none; for the time of the call */
} vlt_search_options;

typedef struct vlt_search {
    vlt_space space;
    vlt_setting incumbent;
    vlt_search_options options;
    bool restricted;
    bool prepared;           /* what follows was tried to be made */
    vlt_knob_domain *domain; /* owned: what may be tried; NULL: nothing, or it cannot be listed */
    vlt_seed_list *list;     /* owned [options.seed_count] */
    vlt_explorer *explorer;  /* owned; NULL as long as the defaults suffice */
    bool explored;           /* it was tried to be made */
    vlt_tried *tried;        /* owned */
    int count, capacity;
    int firsts;       /* lists of seeds whose best has been proposed */
    int defaults;     /* variants whose default has been proposed */
    int misses;       /* proposals since the best one got better */
    int64_t proposed; /* seeds */
} vlt_search;

/* With a restriction the settings are found at once. INPUT: it leaves none, or cannot be computed;
 * LIMIT: there are too many. Release whatever the status. */
vlt_status vlt_search_init(vlt_search *search, const vlt_space *space, const vlt_setting *incumbent,
                           const vlt_search_options *options, vlt_error *err);
void vlt_search_release(vlt_search *search); /* fine on {0} */

/* May the setting be chosen: does the restriction leave it? True without one. */
bool vlt_search_permits(const vlt_search *search, const vlt_setting *setting);

/* A setting that was not tried; false when the search is over. */
bool vlt_search_next(vlt_search *search, vlt_setting *out);

/* What a trial of a setting showed; the setting need not come from vlt_search_next. */
vlt_status vlt_search_note(vlt_search *search, const vlt_setting *setting, vlt_outcome outcome,
                           double log_ratio, const double call_ns[2], vlt_error *err);

/* Fresh launches know better than the trials so far. */
void vlt_search_correct(vlt_search *search, const vlt_setting *setting, double log_ratio);

/* The fastest setting that is faster than the incumbent at face value; NULL when there is none. */
const vlt_tried *vlt_search_best(const vlt_search *search);

/* How much of the problem's present time another trial may be expected to save, 0 to 1: a prior,
 * for sharing the budget among problems. */
double vlt_search_potential(const vlt_search *search);

/* Distinct settings measured, the incumbent among them. */
int64_t vlt_search_settings(const vlt_search *search);

#endif
