/* replay.h: strategies on recorded spaces: what they find after so many evaluations.
 *
 * The rules: a strategy is told the mean of a setting's raw runs; a setting that is not correct
 * counts as an evaluation and shows a failure; only distinct settings count; the figure is the time
 * of the best correct setting over the best time found so far (0 while there is none), averaged
 * over seeds, then over spaces. A space with fewer settings than evaluations is searched to its
 * end. "Warm": the strategy is given the top lists of the other machines of the same kernel.
 */
#ifndef VLT_TUNER_REPLAY_H
#define VLT_TUNER_REPLAY_H

#include "tuner/replay/collection.h"

enum { VLT_REPLAY_POINT_MAX = 16 };

/* A figure after each number of evaluations, with a 95 % interval over the seeds. */
typedef struct vlt_replay_figure {
    double mean[VLT_REPLAY_POINT_MAX];
    double low[VLT_REPLAY_POINT_MAX], high[VLT_REPLAY_POINT_MAX];
} vlt_replay_figure;

typedef struct vlt_replay_row {
    const char *strategy;
    vlt_replay_figure over_spaces;
    vlt_replay_figure *space; /* owned [spaces] */
    vlt_replay_figure warm;   /* over the spaces with other machines; NAN where there are none */
    vlt_replay_figure *warm_space; /* owned [spaces]; NAN likewise */
} vlt_replay_row;

typedef struct vlt_replay_result {
    vlt_replay_row *row; /* owned, in the order of the strategies */
    int row_count;
    int points;      /* numbers of evaluations */
    int warm_points; /* of which the warm figures have the first ones */
} vlt_replay_result;

typedef struct vlt_replay_options {
    const char *strategy;                  /* NULL: all of them */
    int seeds;                             /* 1, 2 ... */
    int evaluations[VLT_REPLAY_POINT_MAX]; /* ascending */
    int points, warm_points;
    bool (*stop)(void);                                           /* NULL: never */
    void (*progress)(void *user, const char *what, double share); /* NULL: none */
    void *user;
} vlt_replay_options;

/* USAGE: an unknown strategy. INTERRUPTED: `stop` said so. The caller releases the result whatever
 * the status. */
vlt_status vlt_replay_run(const vlt_collection *collection, const vlt_replay_options *options,
                          vlt_replay_result *out, vlt_error *err);
void vlt_replay_result_release(vlt_replay_result *result); /* fine on {0} */

#endif
