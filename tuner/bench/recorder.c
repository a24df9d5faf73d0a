#include "tuner/bench/recorder.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/measure_abi.h"
#include "optimizations/core/hash.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/counters_told.h"
#include "tuner/store/store_runs.h"

enum { LIBRARY_BYTES_MAX = 256 << 20 };

struct vlt_recorder {
    vlt_store *store;
    int64_t session;
    char id[VLT_STORE_ID_BYTES];
    char stage[32];
    vlt_row row; /* texts of the current comparison */
    char bucket[VLT_BUCKET_BYTES];
    char problem[3 * VLT_ROW_TEXT_BYTES];
};

/* Hash of the file that holds this code; 0 where it cannot be read. */
static uint64_t hash_of_program(void)
{
    Dl_info info;
    void *symbol;
    char *bytes = NULL;
    size_t count = 0;
    const vlt_measure_abi *(*table)(void) = vlt_measure_abi_table;
    memcpy(&symbol, &table, sizeof symbol);
    uint64_t hash = 0;
    if (dladdr(symbol, &info) && info.dli_fname &&
        vlt_read_file(info.dli_fname, LIBRARY_BYTES_MAX, &bytes, &count, NULL) == VLT_OK) {
        hash = vlt_hash_bytes(bytes, count, 0);
    }
    free(bytes);
    return hash;
}

vlt_status vlt_recorder_open(const char *path, const char *kind, int threads, uint64_t seed,
                             vlt_recorder **out, vlt_error *err)
{
    vlt_tuned_key key;
    *out = NULL;
    vlt_recorder *recorder = calloc(1, sizeof *recorder);
    if (!recorder) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for a recorder");
    }
    vlt_utf8_format(recorder->stage, sizeof recorder->stage, "%s", kind);
    vlt_status status = vlt_tuned_key_here(0, &key, err);
    if (status == VLT_OK) {
        status = vlt_store_open(path, VLT_STORE_CREATE, &recorder->store, err);
    }
    if (status == VLT_OK) {
        const vlt_store_session session = {.kind = kind,
                                           .key = &key,
                                           .code_hash = hash_of_program(),
                                           .threads = threads,
                                           .seed = seed};
        status = vlt_store_begin_session(recorder->store, &session, &recorder->session, err);
    }
    if (status == VLT_OK) {
        status = vlt_store_session_id(recorder->store, recorder->session, recorder->id, err);
    }
    if (status != VLT_OK) {
        vlt_store_close(recorder->store);
        free(recorder);
        return status;
    }
    *out = recorder;
    return VLT_OK;
}

/* The store's trials are against an operator's baseline; what is measured against something else
 * says so in its problem, and never mixes with them. */
void vlt_recorder_row(vlt_recorder *recorder, const vlt_side side[2])
{
    vlt_problem problem[2];
    const vlt_variant *variant[2];
    vlt_binding binding;
    recorder->row = (vlt_row){0};
    recorder->bucket[0] = '\0';
    vlt_row_describe(&recorder->row, side);
    bool understood = true;
    for (int i = 1; i >= 0; i--) {
        understood = understood && vlt_what_parse(side[i].what, &problem[i], &variant[i], &binding,
                                                  NULL) == VLT_OK;
    }
    const char *dims = recorder->row.dims[0] ? recorder->row.dims : recorder->row.candidate;
    bool plain = understood && !side[0].library && variant[0] &&
                 variant[0] == vlt_registry_variant(problem[0].op, 0) &&
                 problem[0].op == problem[1].op &&
                 !memcmp(problem[0].dim, problem[1].dim, sizeof problem[0].dim);
    vlt_utf8_format(recorder->problem, sizeof recorder->problem, "%s%s%s", dims,
                    plain ? "" : " versus ", plain ? "" : recorder->row.baseline);
    if (understood) {
        vlt_problem_bucket(&problem[1], recorder->bucket, sizeof recorder->bucket);
    }
}

static vlt_status add_trial(vlt_recorder *recorder, vlt_store_trial *trial, vlt_error *err)
{
    trial->workload = (vlt_store_workload){.op = recorder->row.op,
                                           .bucket = recorder->bucket,
                                           .problem = recorder->problem,
                                           .children = ""};
    trial->variant = recorder->row.variant[0] ? recorder->row.variant : "untuned";
    trial->knobs = recorder->row.knobs;
    trial->stage = recorder->stage;
    return vlt_store_add_trial(recorder->store, recorder->session, trial, NULL, err);
}

vlt_status vlt_recorder_launch(void *user, int index, uint64_t seed, const vlt_launch *launch,
                               vlt_error *err)
{
    (void)index;
    vlt_store_counter counter[VLT_COUNTED_MAX];
    vlt_store_trial trial = {.seed = seed,
                             .outcome = VLT_OUTCOME_OK,
                             .run = &launch->run,
                             .counter = counter,
                             .counter_count = vlt_counters_stored(&launch->counted, counter)};
    return add_trial(user, &trial, err);
}

vlt_status vlt_recorder_failure(vlt_recorder *recorder, const vlt_row *row, vlt_error *err)
{
    vlt_store_trial trial = {.message = row->invalid_reason,
                             .outcome = row->status == VLT_STATUS_WRONG ? VLT_OUTCOME_WRONG
                                        : row->status == VLT_STATUS_UNMEASURED
                                            ? VLT_OUTCOME_CRASH
                                            : VLT_OUTCOME_INVALID};
    return add_trial(recorder, &trial, err);
}

const char *vlt_recorder_id(const vlt_recorder *recorder)
{
    return recorder->id;
}

void vlt_recorder_close(vlt_recorder *recorder, const char *end)
{
    if (recorder) {
        vlt_store_end_session(recorder->store, recorder->session, end, NULL);
        vlt_store_close(recorder->store);
        free(recorder);
    }
}
