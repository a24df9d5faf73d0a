/* record_internal.h: what the files of a recording run share. */
#ifndef VLT_TUNER_RECORD_INTERNAL_H
#define VLT_TUNER_RECORD_INTERNAL_H

#include "harness/json/file_lock.h"
#include "harness/machine/machine.h"
#include "tuner/record/record.h"
#include "tuner/replay/recorded.h"
#include "tuner/space/knob_domain.h"

/* A problem of the model. */
typedef struct vlt_record_problem {
    vlt_problem problem;
    char text[VLT_BUCKET_BYTES]; /* all dimensions, as contenders are written */
} vlt_record_problem;

/* The named problem; or those that one request to the model meets, each bucket once, of `only_op`
 * alone where it is not NULL; *out is the caller's (free). */
vlt_status vlt_record_problems(const vlt_record_options *options, const vlt_machine *machine,
                               vlt_record_problem **out, int *count, vlt_error *err);

/* The file of a space: rows that are there already, and new ones. */
typedef struct vlt_record_file {
    char *path, *t1_path; /* owned */
    vlt_file_lock *lock;  /* on path, from opening to release */
    vlt_recording *recording;
    bool *done;           /* owned [settings]: recorded, or failed */
    uint64_t t1_settings; /* of the T1 file that is there; 0: none */
} vlt_record_file;

/* Reads what is there. INPUT: it is no recording of this space and machine. IO: another process
 * records into it. */
vlt_status vlt_record_file_open(const char *directory, const char *kernel, const char *machine,
                                const vlt_machine *facts, int threads, const vlt_domain *domain,
                                vlt_record_file *out, vlt_error *err);

/* Adds what a setting showed. */
vlt_status vlt_record_file_add(vlt_record_file *file, const vlt_domain *domain, uint64_t setting,
                               vlt_validity validity, const double *run_ms, int count,
                               vlt_error *err);

/* Writes everything; both files appear whole. */
vlt_status vlt_record_file_write(const vlt_record_file *file, const vlt_domain *domain,
                                 vlt_error *err);
void vlt_record_file_release(vlt_record_file *file); /* fine on {0} */

/* Measures a setting: run_ms[VLT_RECORD_RUNS], none where it failed (*validity says how).
 * INTERRUPTED: nothing is known. */
vlt_status vlt_record_measure(const vlt_record_options *options, const vlt_machine *machine,
                              const vlt_record_problem *problem, const vlt_setting *setting,
                              uint64_t seed, double *run_ms, vlt_validity *validity,
                              vlt_error *err);

#endif
