/* services.h: what the sessions of an engine share beside computing: caches, texts, pictures, and
 * who gives memory back when it runs short. */
#ifndef VLT_HARNESS_SERVICES_H
#define VLT_HARNESS_SERVICES_H

#include "harness/infer/engine.h"

enum { VLT_PREFETCH_MAX = 1024, VLT_INTERVAL_MIN_MS = 10, VLT_INTERVAL_MAX_MS = 3600000 };

/* USAGE names the option and the two values that disagree. Without an engine, for who wants to know
 * before anything is read. */
vlt_status vlt_service_options_check(const vlt_service_options *options, vlt_error *err);

/* Into engine->embeddings, tokens, pictures and governor; options have been checked, contexts and
 * tokenizer are there. On failure the engine is closed by the caller. */
vlt_status vlt_services_open(vlt_engine *engine, const vlt_service_options *options,
                             vlt_error *err);
void vlt_services_close(vlt_engine *engine); /* also of an engine that was never whole */

/* Lines of a batch that may be prepared ahead now: of those asked for, or one while memory is
 * short. */
int vlt_services_ahead(const vlt_engine *engine);

/* Requests that may compute side by side now, of `count`: half while memory is tight, one while it
 * is critical. */
int vlt_services_side_by_side(const vlt_engine *engine, int count);

/* May the rows of an answered request stay, for the next one that begins alike? Not where nothing
 * is kept of pictures, beyond what may be kept of them, or while memory is short. */
bool vlt_services_keep_rows(const vlt_engine *engine, size_t bytes);

/* Forgets what was computed: the next request pays for its texts and pictures as the first one did.
 * For measuring. */
void vlt_services_forget_results(vlt_engine *engine);

/* Forgets everything that can be made again. */
void vlt_services_forget(vlt_engine *engine);

#endif
