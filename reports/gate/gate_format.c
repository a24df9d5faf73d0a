#include "reports/gate/gate_format.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/gate/gate_format_internal.h"

enum { SUMMARY_MAX = 1000 * 1000 }; /* below GitHub's 1 MiB, whoever else writes into it */

static const struct {
    const char *name;
    vlt_gate_writer *write;
} formats[] = {
#define VLT_GATE_FORMAT_ROW(code, name) {#name, vlt_gate_write_##name},
    VLT_GATE_FORMAT_MAP(VLT_GATE_FORMAT_ROW)
#undef VLT_GATE_FORMAT_ROW
};

enum { FORMATS = sizeof formats / sizeof *formats };

vlt_status vlt_gate_format_parse(const char *text, vlt_gate_format *format, vlt_error *err)
{
    const char *names[FORMATS];
    for (int i = 0; i < FORMATS; i++) {
        names[i] = formats[i].name;
        if (!strcmp(text, names[i])) {
            *format = (vlt_gate_format)i;
            return VLT_OK;
        }
    }
    const char *near = vlt_nearest_name(text, names, FORMATS);
    return vlt_fail(err, VLT_STATUS_USAGE,
                    "format '%s', expected text, json, junit, markdown or gbench%s%s%s", text,
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

void vlt_gate_format_ratio(const vlt_gate_stage *stage, char *ratio, size_t ratio_bytes,
                           char *interval, size_t interval_bytes)
{
    const vlt_judgement *judgement = &stage->screen.experiment.result.judgement;
    snprintf(ratio, ratio_bytes, "-");
    snprintf(interval, interval_bytes, "-");
    if (isfinite(stage->instructions[0]) && isfinite(stage->instructions[1])) {
        snprintf(ratio, ratio_bytes, "%.4f", stage->instructions[1] / stage->instructions[0]);
        snprintf(interval, interval_bytes, "counted");
    }
    if (vlt_row_measured(&stage->screen)) {
        snprintf(ratio, ratio_bytes, "%.3f", judgement->ratio);
        if (isfinite(judgement->high)) {
            snprintf(interval, interval_bytes, "[%.3f, %.3f]", judgement->low, judgement->high);
        }
    }
}

vlt_status vlt_gate_write(const vlt_gate *gate, vlt_gate_format format, const vlt_gate_facts *facts,
                          FILE *stream, vlt_error *err)
{
    vlt_status status = formats[format].write(gate, facts, stream, err);
    if (status == VLT_OK && (fflush(stream) != 0 || ferror(stream))) {
        status = vlt_fail(err, VLT_STATUS_IO, "gate: cannot write the result: %s", strerror(errno));
    }
    return status;
}

vlt_status vlt_gate_step_summary(const vlt_gate *gate, const vlt_gate_facts *facts, vlt_error *err)
{
    const char *path = getenv("GITHUB_STEP_SUMMARY");
    char *text = NULL;
    size_t bytes = 0;
    vlt_status status = VLT_OK;
    if (!path || !*path) {
        return VLT_OK;
    }
    FILE *memory = open_memstream(&text, &bytes);
    FILE *file = fopen(path, "ae");
    if (!memory || !file) {
        status = vlt_fail(err, VLT_STATUS_IO, "GITHUB_STEP_SUMMARY '%s': %s", path,
                          strerror(errno));
        goto done;
    }
    status = vlt_gate_write_markdown(gate, facts, memory, err);
    fflush(memory);
    long used = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;
    if (used >= 0 && (size_t)used + bytes <= SUMMARY_MAX && text) {
        fwrite(text, 1, bytes, file);
    } else {
        fprintf(file, "vltune gate: %s\n", gate->reason);
    }
done:
    if (file && fclose(file) != 0 && status == VLT_OK) {
        status = vlt_fail(err, VLT_STATUS_IO, "GITHUB_STEP_SUMMARY '%s': %s", path,
                          strerror(errno));
    }
    if (memory) {
        fclose(memory);
    }
    free(text);
    return status;
}
