/* launch.h: one comparison in one fresh process.
 *
 * Byte-identical code differs by up to several per cent from process to process, because memory
 * layout differs (Mytkowicz et al., ASPLOS 2009). A launch therefore starts this program anew
 * with its internal command _launch, an environment of random size and address randomisation on;
 * the child loads both sides in random order, lays them over the same buffers, verifies, measures
 * pairs and writes them back as JSON. A child that crashes, hangs or is killed costs one launch.
 */
#ifndef VLT_HARNESS_LAUNCH_H
#define VLT_HARNESS_LAUNCH_H

#include <stdio.h>

#include "harness/measure/child.h"
#include "harness/measure/counted.h"
#include "harness/measure/pair.h"
#include "harness/measure/prepared.h"

enum { VLT_LAUNCH_NOTE_BYTES = 200 };

/* One side of a comparison; texts are borrowed. */
typedef struct vlt_side {
    const char *library; /* path of another build's libvltune.so; NULL: this build */
    const char *what;    /* as in prepared.h */
} vlt_side;

typedef struct vlt_launch_options {
    const char *program; /* NULL: /proc/self/exe; a program that knows the command _launch */
    uint64_t seed;       /* of layout, order and coins */
    uint64_t data_seed;  /* of the inputs */
    int pairs;           /* wanted; 0: verify only */
    double limit_s;      /* of measuring; the child is killed after timeout_s */
    double timeout_s;
    uint64_t memory_bytes; /* resident, of the child; 0: no limit */
    int threads;           /* 0: one per usable core */
    vlt_quality quality;   /* what variants may lose */
    const char *device;    /* that variants may use (device_open.h), borrowed; NULL: none */
    vlt_regime regime;
    size_t cold_bytes;
    bool verify; /* each side against its build's baseline, then B against A, before any timing */
    bool a_is_reference; /* A is what B is verified against anyway: verify B alone */
    bool count;          /* B's counters, behind the timing */
    bool (*stop)(void);
} vlt_launch_options;

/* Can the side run on this machine, as far as that is known without preparing it? UNSUPPORTED names
 * its variant and what that lacks (an instruction set, and the mask that took it away); USAGE,
 * INPUT: its text is no problem. Of another build's library only the instruction set is known. */
vlt_status vlt_side_check(const vlt_side *side, vlt_quality quality, vlt_error *err);

/* What is known of a call's cost (vlt_cost), as numbers. Another build's code does not say what
 * arithmetic it does. */
enum {
    VLT_LAUNCH_FLOPS,
    VLT_LAUNCH_BYTES,
    VLT_LAUNCH_WORK,
    VLT_LAUNCH_COMPUTE,  /* vlt_compute */
    VLT_LAUNCH_PRODUCTS, /* of that kind behind each multiply-add */
    VLT_LAUNCH_COSTS
};

typedef struct vlt_launch {
    vlt_pair_run run;
    double cost[2][VLT_LAUNCH_COSTS]; /* of one call; NAN unknown */
    char unit[16];                    /* of work */
    char note[VLT_LAUNCH_NOTE_BYTES]; /* "" or what was special: buffers not shared ... */
    vlt_counted counted;              /* of B; empty where nobody asked */
    vlt_child_end end;                /* filled also when the launch failed */
} vlt_launch;

/* WRONG: verification failed. UNSUPPORTED, USAGE ...: as the child said. STOPPED: the child was
 * ended from outside or ran out of time (*run is empty); worth another try. */
vlt_status vlt_launch_run(const vlt_side side[2], const vlt_launch_options *options,
                          vlt_launch *launch, vlt_error *err);
void vlt_launch_release(vlt_launch *launch);

/* What the child does: reads a request from the stream, writes its answer. The status is in the
 * answer; the return value says only whether it could be written. */
vlt_status vlt_launch_serve(FILE *in, FILE *out, vlt_error *err);

#endif
