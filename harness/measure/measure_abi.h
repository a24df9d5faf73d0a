/* measure_abi.h: how one build of vltune measures the code of another.
 *
 * Two libvltune.so are loaded side by side into a fresh process, each found by dlsym of one name,
 * vlt_measure_abi_table. Texts go in as JSON and buffers as plain memory, so that nothing but this
 * table has to stay equal between builds: fields are only ever added at the end, and size_bytes
 * says how many of them a build has.
 *
 * A request is one JSON object: "what" (see prepared.h), "seed", "threads", "device", "regime" and,
 * for what runs a model, "config" and "prompt".
 */
#ifndef VLT_HARNESS_MEASURE_ABI_H
#define VLT_HARNESS_MEASURE_ABI_H

#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/compiler.h"

enum { VLT_MEASURE_ABI_VERSION = 1, VLT_MEASURE_MESSAGE_BYTES = 1024 };

/* Names of the outputs of a whole request: token ids, and by how much each led the next one. */
#define VLT_MEASURE_IDS   "ids"
#define VLT_MEASURE_LEADS "leads"

/* What a run wrote, for comparing the outputs of two builds. */
typedef struct vlt_measure_output {
    const char *name;
    const void *data; /* count elements, valid until release */
    uint64_t count;
    int32_t dtype;    /* vlt_dtype */
    double tolerance; /* as vlt_output, and what the variant may lose */
} vlt_measure_output;

typedef struct vlt_measure_cost {
    double flops;
    double bytes;
    double work;
    const char *unit; /* static */
} vlt_measure_cost;

/* Every int is a vlt_status; message is VLT_MEASURE_MESSAGE_BYTES and filled on failure. */
typedef struct vlt_measure_abi {
    uint32_t version;
    uint32_t size_bytes;
    const char *build; /* version and compiler, for people */

    /* Makes the subject ready to run. take(user, bytes) gives shared buffers, see
     * vlt_buffer_source; NULL: none. */
    int (*prepare)(const char *request, void *(*take)(void *user, size_t bytes), void *user,
                   void **handle, char *message);
    /* Compares the subject's outputs with those of the build's own baseline. */
    int (*verify)(const char *request, char *message);
    int (*run)(void *handle, int64_t iterations);
    const char *(*failure)(void *handle); /* why the last run failed; "" */
    void (*reset)(void *handle);
    /* Output number `index` of the last run; 0 and *out filled, or 1: there is none. */
    int (*output)(void *handle, int32_t index, vlt_measure_output *out);
    void (*cost)(void *handle, vlt_measure_cost *out); /* NAN where unknown */
    int (*threads)(void *handle);                      /* that work in a run */
    void (*release)(void *handle);                     /* NULL is fine */
} vlt_measure_abi;

typedef const vlt_measure_abi *vlt_measure_abi_function(void);

/* This build's table; static. */
VLT_API const vlt_measure_abi *vlt_measure_abi_table(void);

#endif
