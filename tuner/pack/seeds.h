/* seeds.h: settings that did well elsewhere: on another machine, in an earlier build.
 *
 * They come from a tuned config, a database, or a pack: a small TOML that keeps the best settings
 * of a class of machines (tuner/pack/ holds those of the classes that we met, compiled in). A
 * search tries them early and trusts none of them: they are measured like every other setting.
 *
 *     schema = 1
 *     machine = "x86-64 avx512 vnni, 2 threads"
 *     isa = "AVX2 AVX512 AVX512_VNNI"
 *     [[seed]]
 *     op = "resize"
 *     bucket = "src_h=512,..."
 *     variant = "avx512"
 *     knobs = "strip=32 threads=0"
 *     cost = 0.02           natural logarithm of its time over the best one's
 */
#ifndef VLT_TUNER_SEEDS_H
#define VLT_TUNER_SEEDS_H

#include "tuner/space/knob_domain.h"
#include "tuner/strategy/explorer.h"

enum {
    VLT_SEED_NAME_BYTES = 48,
    VLT_SEED_KNOBS_BYTES = 256,
    VLT_SEED_ISA_BYTES = 128,
    VLT_SEEDS_MAX = 1 << 16
};

typedef struct vlt_seed {
    char op[VLT_SEED_NAME_BYTES];
    char bucket[VLT_BUCKET_BYTES]; /* as vlt_problem_bucket, or "*" */
    char variant[VLT_SEED_NAME_BYTES];
    char knobs[VLT_SEED_KNOBS_BYTES];
    double cost; /* ln of its time over that of the best of its bucket; 0 and more */
} vlt_seed;

typedef struct vlt_seeds {
    char source[VLT_BUCKET_BYTES]; /* which machine, for people; "": not known */
    char isa[VLT_SEED_ISA_BYTES];  /* "AVX2 AVX512": what it can compute; "": nothing more, or not
                                      known */
    vlt_seed *seed;                /* owned */
    int count, capacity;
} vlt_seeds;

void vlt_seeds_release(vlt_seeds *seeds); /* fine on {0} */

/* Copies one in. LIMIT beyond VLT_SEEDS_MAX. */
vlt_status vlt_seeds_add(vlt_seeds *seeds, const vlt_seed *seed, vlt_error *err);

/* Reads a tuned config, a database or a pack, whatever machine it is of. INPUT names file and
 * place. */
vlt_status vlt_seeds_read(const char *path, vlt_seeds *out, vlt_error *err);

/* A pack from text[bytes]; names of operators and variants are not resolved. */
vlt_status vlt_seeds_parse(const char *text, size_t bytes, const char *name, vlt_seeds *out,
                           vlt_error *err);

/* The text of a pack: the `top` best of every bucket, as far as they did well, sorted, so that
 * equal content gives equal bytes. *text is the caller's (free). */
vlt_status vlt_seeds_format(const vlt_seeds *seeds, int top, char **text, size_t *bytes,
                            vlt_error *err);

/* The packs of this program. NULL behind the last. */
const char *vlt_seeds_pack_text(int index);

/* By how many instruction sets (VLT_ISA_*) their machine and one of `isa` differ. */
int vlt_seeds_distance(const vlt_seeds *seeds, uint32_t isa);

/* The packs of this program whose machines differ least from one of `isa`: out[*count], which has
 * room for all packs. On failure too *count of them are to be released. */
vlt_status vlt_seeds_nearest_packs(uint32_t isa, vlt_seeds *out, int *count, vlt_error *err);

/* How far a seed came with a problem; a later one is nearer to being of use. */
typedef enum vlt_seed_fit {
    VLT_SEED_OTHER_OP,
    VLT_SEED_NO_VARIANT,
    VLT_SEED_NO_KNOBS,
    VLT_SEED_NOT_HERE, /* the domain has not got it */
    VLT_SEED_FITS,
    VLT_SEED_FIT_COUNT
} vlt_seed_fit;

/* The setting that a seed names, FITS; else why there is none. */
vlt_seed_fit vlt_seed_setting(const vlt_seed *seed, const vlt_problem *problem, vlt_setting *out);

/* The same, and that it is in the domain; NULL: nothing may be tried. */
vlt_seed_fit vlt_seed_fits(const vlt_seed *seed, const vlt_problem *problem,
                           const vlt_knob_domain *domain);
const char *vlt_seed_fit_reason(vlt_seed_fit fit); /* of several: "of variants that ..." */

/* What the seeds say about a problem, as an explorer takes it. */
typedef struct vlt_seed_list {
    vlt_foreign foreign; /* its arrays are owned by the list */
} vlt_seed_list;

/* Settings of the domain that the seeds name: those of the problem's bucket, or of the nearest one
 * of its operator; best first. Seeds of operators, variants, knobs or values that this build or
 * machine does not have are passed over. out->foreign.count is 0 where nothing is left. */
vlt_status vlt_seeds_list(const vlt_seeds *seeds, const vlt_problem *problem,
                          const vlt_knob_domain *domain, vlt_seed_list *out, vlt_error *err);
void vlt_seed_list_release(vlt_seed_list *list); /* fine on {0} */

#endif
