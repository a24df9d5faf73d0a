/* gate_format.h: the verdicts of a gate as people and CI systems read them. */
#ifndef VLT_REPORTS_GATE_FORMAT_H
#define VLT_REPORTS_GATE_FORMAT_H

#include <stdio.h>

#include "tuner/gate/gate.h"

/* X(code, name on the command line); the function vlt_gate_write_<name> writes it. */
#define VLT_GATE_FORMAT_MAP(X)                                                               \
    X(TEXT, text)         /* a terminal of 80 columns */                                     \
    X(JSON, json)         /* everything */                                                   \
    X(JUNIT, junit)       /* inconclusive is skipped, slower is a failure, wrong an error */ \
    X(MARKDOWN, markdown) /* for a job summary: verdicts first, what is fine folded away */  \
    X(GBENCH, gbench)     /* Google Benchmark's JSON, see gate_json.c */

typedef enum vlt_gate_format {
#define VLT_GATE_FORMAT_ENUM(code, name) VLT_GATE_##code,
    VLT_GATE_FORMAT_MAP(VLT_GATE_FORMAT_ENUM)
#undef VLT_GATE_FORMAT_ENUM
} vlt_gate_format;

vlt_status vlt_gate_format_parse(const char *text, vlt_gate_format *format, vlt_error *err);

/* What stands around the table. */
typedef struct vlt_gate_facts {
    const char *baseline; /* what A and B are, as given */
    const char *candidate;
    const char *machine; /* one line; NULL unknown */
    uint64_t seed;
    int side;     /* GBENCH: whose times, 0 baseline, 1 candidate */
    bool medians; /* GBENCH: one row a stage, else one a process */
} vlt_gate_facts;

/* Writes the whole document. IO when the stream fails. */
vlt_status vlt_gate_write(const vlt_gate *gate, vlt_gate_format format, const vlt_gate_facts *facts,
                          FILE *stream, vlt_error *err);

/* The gate as an HTML page (reports/page/comparison_page.h) with its forest plot; trust_path as
 * there, may be NULL. The file appears whole or not at all. */
vlt_status vlt_gate_write_page(const vlt_gate *gate, const vlt_gate_facts *facts,
                               const char *trust_path, const char *path, vlt_error *err);

/* Appends the markdown to the file that GITHUB_STEP_SUMMARY names; does nothing where it names
 * none. GitHub drops a summary above 1 MiB as a whole, so what does not fit is left out. */
vlt_status vlt_gate_step_summary(const vlt_gate *gate, const vlt_gate_facts *facts, vlt_error *err);

#endif
