/* batch_output.h: where the answers of `vltune batch` go: standard output, or a file that may hold
 * the first of them already, which is gone on with.
 *
 * Lines of that file for which there was no memory are answered again before the rest: in a new
 * file, which takes the place of the old one when that is done, or was interrupted; what is killed
 * meanwhile leaves the old one.
 */
#ifndef VLT_HARNESS_BATCH_OUTPUT_H
#define VLT_HARNESS_BATCH_OUTPUT_H

#include <stdio.h>

#include "harness/cli/cli.h"
#include "harness/files/new_file.h"
#include "harness/infer/answer_json.h"
#include "harness/infer/batch.h"

/* Starts as {.cli = cli}. */
typedef struct vlt_batch_output {
    vlt_cli *cli;
    vlt_engine *engine; /* set before the first answer */
    FILE *stream;
    const char *path; /* NULL: standard output */
    vlt_answer_writer writer;
    vlt_buffer asked;     /* what the next answer answers */
    _Atomic int64_t done; /* answers; read by who tells of the progress */
    int64_t failed;       /* of them errors */

    bool continued;              /* a file that may hold answers: */
    vlt_batch_progress progress; /* those that it held */
    vlt_new_file renewed;        /* where lines are answered again */
    FILE *old;                   /* and what it is to replace */
    int64_t copied;              /* bytes of it */
    int64_t renewing;            /* lines answered so far of progress.again_count; -1: no more */
} vlt_batch_output;

/* Opens the file of --output, and reads its whole lines; batch->input stands behind theirs. */
vlt_status vlt_batch_output_open(vlt_batch_output *output, const vlt_batch *batch, vlt_error *err);

/* Behind the whole lines of the output, once the engine is there: what follows is of their kind, or
 * INPUT. */
vlt_status vlt_batch_output_continue(vlt_batch_output *output, vlt_error *err);

/* Lines without memory again; before the batch itself. STOPPED as vlt_batch_run. */
vlt_status vlt_batch_output_renew(vlt_batch_output *output, const vlt_batch *batch, vlt_error *err);

/* For vlt_batch, whose user is the output. */
vlt_status vlt_batch_output_answer(void *user, const char *id, const vlt_response *response,
                                   const vlt_error *error, vlt_error *err);
void vlt_batch_output_asked(void *user, const char *members);

/* Closes it; status: how the batch fared, which is the result unless closing fails. */
vlt_status vlt_batch_output_close(vlt_batch_output *output, vlt_status status, vlt_error *err);

#endif
