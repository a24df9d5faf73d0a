/* explorer.h: which setting of a domain to measure next. The one interface to every strategy.
 *
 * The caller asks, measures, and tells; an explorer measures nothing. Costs are natural logarithms
 * of times, or of ratios of times: a difference of 0.01 is 1 %. No setting is proposed twice as
 * new. The best setting known is never dropped: it stays what vlt_explorer_best gives until another
 * one is better, failed and repeated measurements included. Where measuring is noisy, the explorer
 * asks to measure again what looks best, and its label becomes the mean: a lucky single measurement
 * does not stay the best for long.
 *
 * Everything is determined by the domain, the options and what was told, in that order: equal seeds
 * give equal proposals. One thread at a time.
 */
#ifndef VLT_TUNER_EXPLORER_H
#define VLT_TUNER_EXPLORER_H

#include "tuner/space/domain.h"
#include "tuner/strategy/history.h"

typedef struct vlt_explorer vlt_explorer;

/* Settings that did well elsewhere, best first: on another machine, on another problem. */
typedef struct vlt_foreign {
    const uint64_t *setting; /* [count] */
    const double *cost;      /* [count], ascending; only differences count. NULL: the order is all
                                that is known */
    int count;
    bool whole; /* everything that was right there: what the list lacks is not known to be slow */
} vlt_foreign;

/* Foreign costs this near to the best of their list are ties. */
#define VLT_FOREIGN_TIE 0.02

typedef struct vlt_explorer_options {
    const char *strategy; /* NULL: "auto" */
    uint64_t seed;
    double noise;               /* standard deviation of one measurement's cost; 0: exact, and
                                   nothing is measured again */
    const vlt_foreign *foreign; /* [foreign_count]; tried early, never trusted; copied */
    int foreign_count;
} vlt_explorer_options;

typedef struct vlt_proposal {
    uint64_t setting;
    bool again;     /* it was measured before: refresh its label */
    const char *by; /* name of the strategy that proposes it */
} vlt_proposal;

/* The domain must outlive the explorer. USAGE: an unknown strategy, with the nearest name. */
vlt_status vlt_explorer_create(const vlt_domain *domain, const vlt_explorer_options *options,
                               vlt_explorer **out, vlt_error *err);
void vlt_explorer_destroy(vlt_explorer *explorer); /* NULL is fine */

/* *any is false when every setting was asked or told. Several settings may be out for measuring. */
vlt_status vlt_explorer_ask(vlt_explorer *explorer, vlt_proposal *out, bool *any, vlt_error *err);

/* What measuring a setting showed, asked for or not (an earlier run's trials may be told first).
 * INFINITY: it failed, and is never the best whatever it shows at other times. NAN is a bug. */
vlt_status vlt_explorer_tell(vlt_explorer *explorer, uint64_t setting, double cost, vlt_error *err);

/* The setting with the lowest cost that never failed; false while there is none. */
bool vlt_explorer_best(const vlt_explorer *explorer, uint64_t *setting, double *cost);

/* Everything told, in order. */
const vlt_history *vlt_explorer_history(const vlt_explorer *explorer);

/* How much of the best cost the next new setting is expected to save, 0 or more: for sharing a
 * budget among several explorers. */
double vlt_explorer_hope(const vlt_explorer *explorer);

/* USAGE: there is no strategy of that name, with the nearest one. */
vlt_status vlt_strategy_check(const char *name, vlt_error *err);

/* Names of the strategies, "auto" first; NULL behind the last. */
const char *vlt_strategy_name(int index);

#endif
