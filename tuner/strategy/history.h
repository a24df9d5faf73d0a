/* history.h: what a search knows: which settings were asked, and what measuring them showed. */
#ifndef VLT_TUNER_HISTORY_H
#define VLT_TUNER_HISTORY_H

#include "optimizations/core/random.h"
#include "tuner/space/domain.h"

/* A setting that was told. Its cost is the natural logarithm of a time, or of a ratio of times: the
 * mean over its measurements. */
typedef struct vlt_told {
    uint64_t setting;
    double cost;  /* INFINITY: failed at least once */
    int measured; /* how often it was told */
    uint16_t digit[VLT_DOMAIN_PARAMETER_MAX];
} vlt_told;

/* Settings not asked yet: draws without replacement from any number of settings, by a shuffle that
 * stores only what it has moved. */
typedef struct vlt_untried {
    uint64_t left;
    uint64_t *key, *value; /* owned: hash table; of positions that moved (their settings), and of
                              settings that moved (their positions) */
    size_t capacity, used;
} vlt_untried;

typedef struct vlt_history {
    const vlt_domain *domain; /* borrowed */
    vlt_told **told;          /* owned, in the order of their first telling; they do not move */
    int count, capacity;
    int ok_count; /* of which did not fail */
    int *slot;    /* owned: hash table of indices of `told`, -1 where free */
    int slot_count;
    int best, second; /* by cost; -1: none yet */
    double worst;     /* cost of those that did not fail; -INFINITY */
    vlt_untried untried;
} vlt_history;

/* The domain must outlive the history. */
void vlt_history_init(vlt_history *history, const vlt_domain *domain);
void vlt_history_release(vlt_history *history); /* fine on {0} */

/* Was it never asked nor told? */
bool vlt_history_is_new(const vlt_history *history, uint64_t setting);

/* Marks a setting as asked. Fine where it was before. */
vlt_status vlt_history_ask(vlt_history *history, uint64_t setting, vlt_error *err);

/* Adds a measurement (cost INFINITY: it failed); again for a setting that was told before. */
vlt_status vlt_history_tell(vlt_history *history, uint64_t setting, double cost, vlt_error *err);

const vlt_told *vlt_history_find(const vlt_history *history, uint64_t setting); /* NULL: untold */

/* A uniform draw among those never asked nor told; VLT_SETTING_NONE when none is left. */
uint64_t vlt_history_draw(const vlt_history *history, vlt_random *random);
uint64_t vlt_history_left(const vlt_history *history);

#endif
