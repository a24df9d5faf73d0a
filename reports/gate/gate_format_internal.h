/* gate_format_internal.h: one function a format. */
#ifndef VLT_REPORTS_GATE_FORMAT_INTERNAL_H
#define VLT_REPORTS_GATE_FORMAT_INTERNAL_H

#include "reports/gate/gate_format.h"

void vlt_gate_write_text(const vlt_gate *gate, const vlt_gate_facts *facts, FILE *stream);
void vlt_gate_write_junit(const vlt_gate *gate, const vlt_gate_facts *facts, FILE *stream);
void vlt_gate_write_markdown(const vlt_gate *gate, const vlt_gate_facts *facts, FILE *stream);
json_t *vlt_gate_to_json(const vlt_gate *gate, const vlt_gate_facts *facts);
json_t *vlt_gate_to_gbench(const vlt_gate *gate, const vlt_gate_facts *facts);

/* "1.031" and "[1.029, 1.033]" of a stage, "-" where unknown. */
void vlt_gate_format_ratio(const vlt_gate_stage *stage, char *ratio, size_t ratio_bytes,
                           char *interval, size_t interval_bytes);

#endif
