/* A gate as an HTML page, what needs attention first. */
#include <stdlib.h>

#include "reports/gate/gate_format_internal.h"
#include "reports/page/comparison_page.h"

vlt_status vlt_gate_write_page(const vlt_gate *gate, const vlt_gate_facts *facts,
                               const char *trust_path, const char *path, vlt_error *err)
{
    int count = 0;
    json_t *trust = NULL, *document = NULL;
    vlt_comparison_line *lines = calloc((size_t)gate->stage_count + 1, sizeof *lines);
    if (!lines) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "'%s': no memory for the page", path);
    }
    for (int verdict = VLT_GATE_WRONG; verdict >= VLT_GATE_PASS; verdict--) {
        for (int i = 0; i < gate->stage_count; i++) {
            const vlt_gate_stage *stage = &gate->stage[i];
            if ((int)stage->verdict == verdict) {
                lines[count++] = (vlt_comparison_line){
                    .name = stage->name,
                    .row = &stage->screen,
                    .margin = stage->margin,
                    .verdict = vlt_gate_verdict_name(stage->verdict),
                    .reason = stage->reason};
            }
        }
    }
    vlt_status status = vlt_comparison_trust(trust_path, &trust, err);
    if (status == VLT_OK) {
        document = vlt_gate_to_json(gate, facts);
        const vlt_comparison_page page = {.title = "vltune gate",
                                          .baseline = facts->baseline,
                                          .candidate = facts->candidate,
                                          .machine = facts->machine,
                                          .verdict = vlt_gate_verdict_name(gate->verdict),
                                          .reason = gate->reason,
                                          .line = lines,
                                          .line_count = count,
                                          .trust = trust,
                                          .document = document};
        status = vlt_comparison_page_write(&page, path, err);
    }
    json_decref(document);
    json_decref(trust);
    free(lines);
    return status;
}
