/* gate_margins.h: what `vltune gate --margin` says, stage by stage. */
#ifndef VLT_REPORTS_GATE_MARGINS_H
#define VLT_REPORTS_GATE_MARGINS_H

#include "harness/cli/cli.h"
#include "tuner/gate/gate.h"

enum { VLT_GATE_MARGINS_MAX = 64 };

/* Shares: 0.01 for a stage and 0.03 end to end, unless --margin PERCENT sets all or STAGE=PERCENT
 * one. */
typedef struct vlt_gate_margins {
    double stage, whole;
    int count;
    struct {
        char name[VLT_GATE_NAME_BYTES]; /* an operator, a stage in full, or "end-to-end" */
        double margin;
        bool used;
    } own[VLT_GATE_MARGINS_MAX];
} vlt_gate_margins;

/* count: instructions are compared, which do not scatter. USAGE names what is not understood. */
vlt_status vlt_gate_margins_read(const vlt_cli *cli, bool count, vlt_gate_margins *margins,
                                 vlt_error *err);

/* The margin of a stage by its name, or of the whole request; remembers which were asked for. */
double vlt_gate_margins_of(vlt_gate_margins *margins, const char *stage, bool whole);

/* USAGE when one was given for a stage that nobody asked for. */
vlt_status vlt_gate_margins_check(const vlt_gate_margins *margins, vlt_error *err);

/* For VLT_OWN of --margin: one value of it. */
vlt_status vlt_gate_margin_check(const vlt_cli *cli, const char *text, vlt_error *err);

#endif
