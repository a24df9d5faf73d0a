/* contender.h: what `compare` and `gate` accept on either side. */
#ifndef VLT_TUNER_CONTENDER_H
#define VLT_TUNER_CONTENDER_H

#include "optimizations/core/status.h"

typedef enum vlt_contender_kind {
    VLT_CONTENDER_VARIANT,  /* OP/VARIANT[@DIM=N,...][:KNOB=V,...], or OP[@...]: untuned */
    VLT_CONTENDER_CONFIG,   /* FILE.toml: a tuned config, end to end */
    VLT_CONTENDER_BASELINE, /* "baseline" */
    VLT_CONTENDER_DEFAULT,  /* "default": what runs without any config */
    VLT_CONTENDER_LIBRARY,  /* libvltune.so of another build; an executable stands for the library
                               beside it */
    VLT_CONTENDER_STORED    /* "db:RUN" */
} vlt_contender_kind;

enum { VLT_CONTENDER_PATH_BYTES = 4096 };

typedef struct vlt_contender {
    vlt_contender_kind kind;
    const char *text;                    /* as given */
    char path[VLT_CONTENDER_PATH_BYTES]; /* of the library or the config */
} vlt_contender;

/* INPUT or USAGE says what the text could not be. Files are looked at, not opened. */
vlt_status vlt_contender_parse(const char *text, vlt_contender *contender, vlt_error *err);

#endif
