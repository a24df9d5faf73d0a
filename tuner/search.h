/* search.h: which setting of a problem to try next.
 *
 * Everything is relative to the incumbent: what runs without any config. First the defaults of the
 * other variants, then what the explorer's strategy `auto` proposes (strategy/explorer.h). Where a
 * space is too large to be listed for it: the neighbours of the best setting so far, from there
 * downhill; where that ends, a few draws from the whole space. No setting is tried twice. The
 * search measures nothing: its caller does, and tells it. Everything is determined by the seed and
 * what was told.
 */
#ifndef VLT_TUNER_SEARCH_H
#define VLT_TUNER_SEARCH_H

#include "tuner/space/knob_domain.h"
#include "tuner/store/store.h"
#include "tuner/strategy/explorer.h"

/* A setting with what its trials showed. */
typedef struct vlt_tried {
    vlt_setting setting;
    vlt_outcome outcome;
    double log_ratio;  /* ln(candidate / incumbent), mean of its trials; NAN when it failed */
    double call_ns[2]; /* incumbent, candidate; NAN */
    int trials;
} vlt_tried;

typedef struct vlt_search {
    vlt_space space;
    vlt_setting incumbent;
    bool plain; /* the plainest variant may be tried: it does not take long */
    vlt_random random;
    uint64_t seed;
    const char *strategy;    /* of the explorer; NULL: "auto" */
    bool listed;             /* the two below were tried to be made */
    vlt_knob_domain *domain; /* owned; NULL: the space is too large */
    vlt_explorer *explorer;  /* owned; NULL likewise */
    vlt_tried *tried;        /* owned */
    int count, capacity;
    int defaults; /* variants whose default has been proposed */
    int draws;    /* fruitless draws from the whole space so far */
    int misses;   /* proposals since the best one got better */
} vlt_search;

void vlt_search_init(vlt_search *search, const vlt_space *space, const vlt_setting *incumbent,
                     bool plain, uint64_t seed);
void vlt_search_release(vlt_search *search); /* fine on {0} */

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
