/* doctor.h: what the machine has and lacks, as findings; printing them is the command's matter. */
#ifndef VLT_HARNESS_DOCTOR_H
#define VLT_HARNESS_DOCTOR_H

#include "harness/machine/machine.h"
#include "harness/machine/pressure.h"
#include "harness/measure/counters.h"

typedef enum vlt_finding_state {
    VLT_FINDING_HAS,
    VLT_FINDING_LACKS,  /* not there: something cannot be done or shown */
    VLT_FINDING_WARNING /* there, but times will suffer */
} vlt_finding_state;

const char *vlt_finding_state_name(vlt_finding_state state); /* "has", "lacks", "warning" */

typedef struct vlt_finding {
    const char *subject;
    vlt_finding_state state;
    char fact[256];
    const char *consequence; /* NULL for HAS */
    const char *repair;      /* likewise */
} vlt_finding;

enum { VLT_FINDINGS_MAX = 32 };

typedef struct vlt_doctor {
    vlt_finding finding[VLT_FINDINGS_MAX];
    int count;
} vlt_doctor;

/* Fills the findings; everything given is only read. */
void vlt_doctor_examine(const vlt_machine *machine, const vlt_pressure *pressure,
                        const vlt_metric *metric, int metric_count, vlt_doctor *doctor);

/* Adds how the device of --device answers: bytes to it, through a kernel, and back. NULL: none was
 * asked for. */
void vlt_doctor_examine_device(const char *name, vlt_doctor *doctor);

#endif
