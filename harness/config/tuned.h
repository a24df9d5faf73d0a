/* tuned.h: the tuned config: the file of decisions for one machine and one model.
 *
 * `vltune tune` writes it, the inference path loads it; reader and writer live together here. It is
 * TOML:
 *
 *     schema = 1
 *     quality = "int8"      what its choices may lose; absent: exact
 *     [model]               name and hash of the model
 *     [measured]            what the whole gains over what runs without a config, how that is
 *                           known, and with how many threads
 *     [fingerprint.hard]    what decides: cpu, isa, caches ... one key a part
 *     [fingerprint.soft]    what may shift it: kernel, governor ...
 *     [[decision]]          op, bucket, variant, knobs, baseline_ns, speedup with its interval
 *                           (over the baseline), default_ns, over_default, evidence (the id of the
 *                           decision in the store), reason
 *     [end]                 count of the decisions, XXH3 of every byte before the digest's line
 *
 * Equal decisions give equal bytes; the file appears whole or not at all. A file without its end
 * is cut; a digest that differs tells of editing by hand: then the choices hold, the claims about
 * speed do not.
 */
#ifndef VLT_HARNESS_TUNED_H
#define VLT_HARNESS_TUNED_H

#include "harness/config/tuned_key.h"
#include "optimizations/core/choices.h"

enum {
    VLT_TUNED_SCHEMA = 1,
    VLT_TUNED_BYTES_MAX = 4 << 20,
    VLT_TUNED_DECISIONS_MAX = 4096,
    VLT_TUNED_ID_BYTES = 37, /* a UUID in text */
    VLT_TUNED_KNOBS_BYTES = 256,
    VLT_TUNED_REASON_BYTES = 240,
    VLT_TUNED_PATH_BYTES = 4096,               /* PATH_MAX: what is longer cannot be opened */
    VLT_TUNED_SAID_BYTES = 2 * VLT_ERROR_BYTES /* one line with up to two paths, whole */
};

typedef struct vlt_tuned_decision {
    char op[VLT_TUNED_NAME_BYTES];
    char bucket[VLT_BUCKET_BYTES]; /* as vlt_problem_bucket, or "*" */
    char variant[VLT_TUNED_NAME_BYTES];
    char knobs[VLT_TUNED_KNOBS_BYTES]; /* "strip=64 threads=2", "" where there are none */
    double baseline_ns, default_ns;    /* of one run; NAN or 0: not measured */
    double over_default;               /* default time over tuned time; likewise */
    double speedup;                    /* baseline time over tuned time; NAN: the baseline itself */
    double speedup_low, speedup_high;  /* 95 % interval */
    char evidence[VLT_TUNED_ID_BYTES]; /* "" : none */
    char reason[VLT_TUNED_REASON_BYTES];
} vlt_tuned_decision;

typedef struct vlt_tuned_config {
    char model_name[VLT_TUNED_VALUE_BYTES];
    vlt_tuned_key key;
    vlt_quality quality;          /* what its choices may lose */
    vlt_tuned_decision *decision; /* owned */
    int count;
    int capacity;
    double over_default, over_default_low, over_default_high; /* of the whole; NAN or 0 */
    char how[16];                                             /* "measured", "composed"; "" */
    int threads;                                              /* 0: not noted */
    bool edited; /* read from a file whose digest or count differs */
} vlt_tuned_config;

/* Called for what is odd but no error; the message names file and line. */
typedef void vlt_tuned_warning(void *user, const char *message);

void vlt_tuned_config_release(vlt_tuned_config *config); /* fine on {0} */

/* Copies the decision in; one of the same operator and bucket is replaced. */
vlt_status vlt_tuned_config_set(vlt_tuned_config *config, const vlt_tuned_decision *decision,
                                vlt_error *err);
const vlt_tuned_decision *vlt_tuned_config_find(const vlt_tuned_config *config, const char *op,
                                                const char *bucket);

/* The file's text, malloc'ed; decisions sorted by operator and bucket, so equal content gives equal
 * bytes. */
vlt_status vlt_tuned_format(const vlt_tuned_config *config, char **text, size_t *bytes,
                            vlt_error *err);
vlt_status vlt_tuned_write(const vlt_tuned_config *config, const char *path, vlt_error *err);

/* Reads text[bytes]; `name` is for messages. INPUT for what is malformed, cut or contradictory. The
 * names of operators and variants are not resolved here: a config of another build can be shown. */
vlt_status vlt_tuned_parse(const char *text, size_t bytes, const char *name,
                           vlt_tuned_warning *warn, void *user, vlt_tuned_config *out,
                           vlt_error *err);
vlt_status vlt_tuned_read(const char *path, vlt_tuned_warning *warn, void *user,
                          vlt_tuned_config *out, vlt_error *err);

/* Adds the decisions to choices (not forced). INPUT names an operator, bucket, variant, knob or
 * value that this build does not have. */
vlt_status vlt_tuned_choices(const vlt_tuned_config *config, const char *name, vlt_choices *choices,
                             vlt_error *err);

/* What the inference path asks for. Texts are borrowed. */
typedef struct vlt_tuned_request {
    const char *config;    /* --config FILE; NULL: look in $XDG_CONFIG_HOME/vltune
                              (tuned_place.h), then for tuned.toml beside the model */
    const char *directory; /* of the model; NULL: none */
    uint64_t model_hash;
    vlt_quality quality;  /* permitted: a config that may lose more does not apply */
    const vlt_caps *caps; /* of this machine: a config whose memory cannot lie so does not apply;
                                 NULL: that is not looked at */
    const vlt_tuned_key *key; /* NULL: of this machine, with model_hash */
    bool no_config;           /* --no-config: status "default", nothing is looked for */
    bool baseline;            /* --baseline: status "baseline", likewise */
    bool require;             /* --require-tuned: everything but "tuned", for this very quality, is
                                 STALE or INPUT */
    vlt_tuned_warning *warn;  /* may be NULL */
    void *warn_user;
} vlt_tuned_request;

/* The config's fate, as `run --json` reports it. */
typedef struct vlt_tuned_loaded {
    int threads;                       /* that it was tuned with; 0: not known */
    vlt_quality quality;               /* that it was tuned for; exact where none is used */
    const char *status;                /* static: "tuned", "default", "baseline", "mismatch" */
    char path[VLT_TUNED_PATH_BYTES];   /* of the file that decided, its bytes; "": none */
    char reason[VLT_TUNED_SAID_BYTES]; /* one line; names both values and the repair on a mismatch;
                                          valid UTF-8 */
} vlt_tuned_loaded;

/* Finds, reads, checks and resolves the config; choices are added to *choices (which the caller
 * started as {0} or with forced entries, and releases). A file named by `config` that is missing,
 * malformed or cut is an error (IO, INPUT); one that was looked for and is broken gives a warning
 * and "default". */
vlt_status vlt_tuned_load(const vlt_tuned_request *request, vlt_choices *choices,
                          vlt_tuned_loaded *out, vlt_error *err);

#endif
