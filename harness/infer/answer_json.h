/* answer_json.h: answers as JSON, one half of what a front end of the engine speaks; the other
 * half, requests from JSON, is batch_line.h. The members are those of `run --json`
 * (reports/cli/README.md#run).
 */
#ifndef VLT_HARNESS_ANSWER_JSON_H
#define VLT_HARNESS_ANSWER_JSON_H

#include "harness/infer/engine.h"
#include "harness/json/buffer.h"

/* Writes answers as text; what they have in common is kept between them, memory too. {0} is ready.
 */
typedef struct vlt_answer_writer {
    vlt_buffer text; /* of the last answer */
    char *choices;   /* owned: members that are the same until more plans are made */
    int counts[2];   /* plans of when they were written */
} vlt_answer_writer;

/* The object of `run --json` (reports/cli/README.md#run) into writer->text, behind the member `id`
 * (JSON text) unless it is NULL. */
vlt_status vlt_answer_write(vlt_answer_writer *writer, const char *id, vlt_engine *engine,
                            const vlt_response *response, vlt_error *err);
void vlt_answer_writer_release(vlt_answer_writer *writer);

/* Most memory this process ever had resident; 0 when unknown. */
int64_t vlt_peak_rss_bytes(void);

/* The members "caches", "pool" and "pressure". */
void vlt_services_put_json(vlt_buffer *out, vlt_engine *engine);

#endif
