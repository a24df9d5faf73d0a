/* engine_memory.h: where the memory of an engine lies: nodes of its weights, large pages, who
 * touches first. Options go before what `pipeline` is tuned to. All of it is kept in the engine.
 *
 *   what                                     weights                       huge pages  first touch
 *   packs made here (core/packs.h)           bound                         yes         yes
 *   packs mapped from disk (harness/packs)   read by a thread that wishes  no          no
 *   the checkpoint's mapping, exact quality  the same, when it is opened   no          no
 *   the same, rounded: read to be packed     as the system gives           no          no
 *   scratch of plans                         as the system gives           yes         by its users
 *   caches of keys and values                as the system gives           yes         yes
 *   tables of the vocabulary                 as the system gives           yes         no
 *   caches of words, results of texts        as the system gives           yes         no
 *
 * Of scratch every worker has a frame of its own, which nobody clears: it is touched first by who
 * works in it, with or without the knob. Vectors (norms, biases) and logits are too small for any
 * of it. Images and patches come from tensor_pool, which asks for large pages by a knob of its own,
 * and for none where the engine wants none.
 */
#ifndef VLT_HARNESS_ENGINE_MEMORY_H
#define VLT_HARNESS_ENGINE_MEMORY_H

#include "harness/infer/engine.h"

/* engine->tuned becomes what holds, threads' places included; before there are threads and packs.
 * UNSUPPORTED where an option or a forced knob asks for what this machine has not, USAGE for a
 * value that is none or first touch without pinned threads. A config that asks for it does not
 * apply (harness/config); what an option takes from under a tuned value (threads that are not
 * pinned after all) is left out with a message. */
vlt_status vlt_engine_memory_settle(vlt_engine *engine, const vlt_engine_options *options,
                                    vlt_error *err);

/* Policies for the threads, packs and tokenizer that there are now; weights of files are read as
 * wished. NOMEM. */
vlt_status vlt_engine_memory_apply(vlt_engine *engine, vlt_error *err);

/* One message where the system has refused a wish so far. */
void vlt_engine_memory_say(vlt_engine *engine);

void vlt_engine_memory_release(vlt_engine *engine); /* after the packs */

#endif
