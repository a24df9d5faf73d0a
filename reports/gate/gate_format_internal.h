/* gate_format_internal.h: one function a format (VLT_GATE_FORMAT_MAP). */
#ifndef VLT_REPORTS_GATE_FORMAT_INTERNAL_H
#define VLT_REPORTS_GATE_FORMAT_INTERNAL_H

#include "reports/gate/gate_format.h"

/* NOMEM; the stream's own failures are looked at once, by vlt_gate_write. */
typedef vlt_status vlt_gate_writer(const vlt_gate *gate, const vlt_gate_facts *facts, FILE *stream,
                                   vlt_error *err);

#define VLT_GATE_FORMAT_WRITER(code, name) vlt_gate_writer vlt_gate_write_##name;
VLT_GATE_FORMAT_MAP(VLT_GATE_FORMAT_WRITER)
#undef VLT_GATE_FORMAT_WRITER

/* Everything, as JSON; new reference, NULL without memory. */
json_t *vlt_gate_to_json(const vlt_gate *gate, const vlt_gate_facts *facts);

/* "1.031" and "[1.029, 1.033]" of a stage, "-" where unknown. */
void vlt_gate_format_ratio(const vlt_gate_stage *stage, char *ratio, size_t ratio_bytes,
                           char *interval, size_t interval_bytes);

#endif
