/* recorded.h: a space that somebody measured setting by setting, with the raw runs of each.
 *
 * Written and read as T4 results ("schema_version" 1.0.0: an array "results" of configuration,
 * times.runtimes, invalidity), and read as Kernel Tuner cache files. The space is the set of
 * settings in the file; a setting that stands there several times counts once, with all its runs,
 * and is correct only if it always was.
 */
#ifndef VLT_TUNER_RECORDED_H
#define VLT_TUNER_RECORDED_H

#include "tuner/space/domain.h"
#include "tuner/space/restriction.h"

enum { VLT_RECORDED_UNIT_BYTES = 32, VLT_RECORDED_FACT_MAX = 64 };

/* X(code, name in T4) */
#define VLT_VALIDITY_MAP(X)       \
    X(CORRECT, "correct")         \
    X(TIMEOUT, "timeout")         \
    X(COMPILE, "compile")         \
    X(RUNTIME, "runtime")         \
    X(CORRECTNESS, "correctness") \
    X(CONSTRAINTS, "constraints")

typedef enum vlt_validity {
#define VLT_VALIDITY_ENUM(code, name) VLT_VALIDITY_##code,
    VLT_VALIDITY_MAP(VLT_VALIDITY_ENUM)
#undef VLT_VALIDITY_ENUM
} vlt_validity;

const char *vlt_validity_name(vlt_validity validity);
/* Any other name is a runtime failure. */
vlt_validity vlt_validity_find(const char *name, size_t bytes);

/* The measurements of one setting. */
typedef struct vlt_record {
    vlt_validity validity;
    double mean; /* of the runs, in the unit of the file; INFINITY where it is not correct */
    double *run; /* owned [run_count] */
    int run_count;
} vlt_record;

typedef struct vlt_recorded {
    vlt_domain *domain; /* its name: "convolution/A100" */
    char *kernel, *machine;
    char unit[VLT_RECORDED_UNIT_BYTES]; /* "ms"; "" where the file says none */
    vlt_record *record;                 /* owned [vlt_domain_count] */
    uint64_t best;                      /* the correct setting with the lowest mean */
    int64_t correct;                    /* settings that are */
} vlt_recorded;

void vlt_recorded_destroy(vlt_recorded *recorded); /* NULL is fine */

/* A space in the making: rows in any order. */
typedef struct vlt_recording vlt_recording;

vlt_status vlt_recording_create(const char *kernel, const char *machine, vlt_recording **out,
                                vlt_error *err);
void vlt_recording_destroy(vlt_recording *recording); /* NULL is fine */

/* The parameters, before any row. INPUT: one is named twice. `place` stands in messages. */
vlt_status vlt_recording_parameter(vlt_recording *recording, const char *name, const char *place,
                                   vlt_error *err);
int vlt_recording_parameter_count(const vlt_recording *recording);
const char *vlt_recording_parameter_name(const vlt_recording *recording, int index);

/* What the T1 file says about a parameter beside its values; unknown names are passed over. */
void vlt_recording_order(vlt_recording *recording, const char *name, vlt_order order);

/* Adds measurements of the setting values[parameters]; everything is copied. */
vlt_status vlt_recording_add(vlt_recording *recording, const vlt_scalar *values,
                             vlt_validity validity, const double *runs, int run_count,
                             vlt_error *err);

/* INPUT: two units that are not the same ("ms", "milliseconds" and "miliseconds" are). */
vlt_status vlt_recording_unit(vlt_recording *recording, const char *unit, const char *place,
                              vlt_error *err);

/* The fact that says how many settings the space has, recorded or not yet. */
#define VLT_RECORDED_SETTINGS_FACT "space_settings"

/* A text about the whole recording (machine, threads ...), written among the metadata and read
 * back; a later one of the same name replaces it. NULL: there is none of that name. */
vlt_status vlt_recording_set_fact(vlt_recording *recording, const char *name, const char *text,
                                  vlt_error *err);
const char *vlt_recording_fact(const vlt_recording *recording, const char *name);

/* The rows: values[parameters] of one, valid until the next row is added. */
size_t vlt_recording_row_count(const vlt_recording *recording);
int vlt_recording_row(const vlt_recording *recording, size_t row,
                      vlt_scalar *values); /* its runs */

/* Makes the space, of the settings that the restriction (may be NULL) leaves. INPUT: none is left,
 * or none of them is correct; `place` stands in front. The recording stays as it is. */
vlt_status vlt_recording_finish(const vlt_recording *recording, vlt_restriction *restriction,
                                const char *place, vlt_recorded **out, vlt_error *err);

/* Reads T4 results or a Kernel Tuner cache from text[bytes] into an empty recording. *kind says
 * what it was. INPUT begins "NAME: " and the place. A cache that Kernel Tuner has left open (its
 * last brackets are missing) is read as if they were there. */
typedef enum vlt_record_kind {
    VLT_RECORD_T4,
    VLT_RECORD_CACHE,
    VLT_RECORD_T1,   /* nothing read: parameters of a space */
    VLT_RECORD_OTHER /* nothing read: metadata */
} vlt_record_kind;
vlt_status vlt_recording_read(vlt_recording *recording, const char *text, size_t bytes,
                              const char *name, vlt_record_kind *kind, vlt_error *err);

/* T4 text of everything recorded; *out is the caller's (free). */
vlt_status vlt_recording_write(const vlt_recording *recording, char **out, size_t *bytes,
                               vlt_error *err);

#endif
