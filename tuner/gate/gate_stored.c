/* Stages from a stored run; declared in gate.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/bench/stored.h"
#include "tuner/gate/gate.h"

/* "linear/avx2@m=1,n=2:unroll=4" of a setting; false when it was measured against something other
 * than its operator's baseline, or is none of this build's. */
static bool texts_of(const vlt_stored_setting *setting, char a[VLT_ROW_TEXT_BYTES],
                     char b[VLT_ROW_TEXT_BYTES])
{
    char knobs[sizeof setting->knobs];
    vlt_problem problem;
    const vlt_variant *variant;
    vlt_binding binding;
    memcpy(knobs, setting->knobs, sizeof knobs);
    for (char *c = knobs; *c; c++) {
        *c = *c == ' ' ? ',' : *c;
    }
    if (strstr(setting->problem, " versus ") || strlen(setting->problem) >= VLT_BUCKET_BYTES) {
        return false;
    }
    int written = snprintf(b, VLT_ROW_TEXT_BYTES, "%s/%s@%s%s%s", setting->op, setting->variant,
                           setting->problem, knobs[0] ? ":" : "", knobs);
    if (written < 0 || written >= VLT_ROW_TEXT_BYTES ||
        vlt_what_parse(b, &problem, &variant, &binding, NULL) != VLT_OK) {
        return false;
    }
    written = snprintf(a, VLT_ROW_TEXT_BYTES, "%s/%s@%s", setting->op,
                       vlt_registry_variant(problem.op, 0)->name, setting->problem);
    return written > 0 && written < VLT_ROW_TEXT_BYTES;
}

static vlt_status add_setting(vlt_gate *gate, const vlt_stored_setting *setting,
                              const char *library, double margin, vlt_error *err)
{
    char a[VLT_ROW_TEXT_BYTES], b[VLT_ROW_TEXT_BYTES];
    if (!texts_of(setting, a, b)) {
        return VLT_OK;
    }
    double *stored = malloc(((size_t)setting->launches + 1) * sizeof *stored);
    const vlt_side side[2] = {{.what = a, .library = library}, {.what = b, .library = library}};
    vlt_gate_stage *stage = stored ? vlt_gate_add(gate, b, side, margin, err) : NULL;
    if (!stage) {
        free(stored);
        return stored ? VLT_STATUS_LIMIT
                      : vlt_fail(err, VLT_STATUS_NOMEM, "no memory for stage '%s'", b);
    }
    for (int i = 0; i < setting->launches; i++) {
        stored[i] = setting->run[i].log_ratio;
    }
    stage->stored = stored;
    stage->stored_count = setting->launches;
    return VLT_OK;
}

vlt_status vlt_gate_add_stored(vlt_gate *gate, const char *db_path, const char *name,
                               const char *library, double margin, vlt_error *err)
{
    vlt_stored_run run;
    char here[VLT_STORE_HARD_BYTES], why[512];
    vlt_status status = vlt_stored_read(db_path, name, &run, err);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_store_machine_here(here, err);
    if (status == VLT_OK && !vlt_store_same_machine(run.info.hard, here, why, sizeof why)) {
        status = vlt_fail(err, VLT_STATUS_STALE,
                          "the baseline '%s' was measured on another machine: %s (then, here); "
                          "measure it here: vltune bench --db %s",
                          name, why, db_path);
    }
    for (int i = 0; i < run.count && status == VLT_OK; i++) {
        status = add_setting(gate, &run.setting[i], library, margin, err);
    }
    if (status == VLT_OK && gate->stage_count == 0) {
        status = vlt_fail(err, VLT_STATUS_UNMEASURED,
                          "run '%s' holds nothing that this build can measure", name);
    }
    vlt_stored_release(&run);
    return status;
}
