/* tokenize_future.h: texts handed to worker threads now, ids collected later, in order.
 *
 * The caller goes on while the workers encode. One thread submits and collects.
 */
#ifndef VLT_TOKENIZE_FUTURE_H
#define VLT_TOKENIZE_FUTURE_H

#include "optimizations/tokenize_batch/tokenize_batch_internal.h"

typedef struct vlt_token_futures vlt_token_futures;

/* Starts `workers` threads, each with an encoder of its own from the plan's context. At most
 * `depth` texts of at most text_max bytes are on their way at any time. */
vlt_status vlt_token_futures_create(vlt_plan *plan, int workers, int depth, size_t text_max,
                                    vlt_token_futures **out, vlt_error *err);
void vlt_token_futures_destroy(vlt_token_futures *futures); /* NULL is fine; waits */

/* Hands text number `index` over; it must stay until it is collected. False when `depth` are on
 * their way. */
bool vlt_token_futures_submit(vlt_token_futures *futures, const vlt_tokenize_batch_args *args,
                              int64_t index);

/* Waits for the oldest text that was submitted and not collected; there must be one. The ids are
 * valid until the next submit. */
vlt_status vlt_token_futures_collect(vlt_token_futures *futures, const int32_t **ids, size_t *count,
                                     vlt_error *err);

#endif
