/* batch_stats.h: one line about a running batch every so often, on stderr (--stats TIME). */
#ifndef VLT_HARNESS_BATCH_STATS_H
#define VLT_HARNESS_BATCH_STATS_H

#include "harness/cli/cli.h"
#include "harness/infer/engine.h"

typedef struct vlt_batch_stats vlt_batch_stats;

/* Starts who tells; *out is NULL where --stats is not given. *answers is counted by the caller. */
vlt_status vlt_batch_stats_start(const vlt_cli *cli, vlt_engine *engine,
                                 const _Atomic int64_t *answers, vlt_batch_stats **out,
                                 vlt_error *err);
void vlt_batch_stats_stop(vlt_batch_stats *stats); /* NULL is fine */

#endif
