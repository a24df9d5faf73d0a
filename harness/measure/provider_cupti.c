/* GPU activity through CUPTI, opened at run time in the version that fits the driver.
 *
 * CUPTI newer than the driver has failed in practice, so the library of the driver's own major
 * version is tried first, then older ones. Activity must be enabled before a context exists and is
 * best used in a child process: it slows launches down until the process ends.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/counters.h"
#include "harness/measure/cupti_records.h"
#include "optimizations/core/shared_library.h"
#include "optimizations/core/utf8_text.h"
#include "optimizations/device/activity.h"
#include "optimizations/device/cuda_driver.h"

enum {
    GPU_KERNEL_NS,
    GPU_COPY_NS,
    GPU_OVERLAP_NS,
    GPU_KERNELS,
    GPU_COPIES,
    GPU_COPY_BYTES,
    METRICS,
    BUFFER_BYTES = 1 << 20,
    ACTIVITY_MAX = 1 << 16
};

static const char *const names[METRICS] = {"gpu_kernel_ns", "gpu_copy_ns", "gpu_overlap_ns",
                                           "gpu_kernels",   "gpu_copies",  "gpu_copy_bytes"};

typedef int cupti_result;
typedef void cupti_request(uint8_t **buffer, size_t *bytes, size_t *max_records);
typedef void cupti_complete(void *context, uint32_t stream, uint8_t *buffer, size_t bytes,
                            size_t valid_bytes);

struct cupti {
    cupti_result (*version)(uint32_t *version);
    cupti_result (*register_callbacks)(cupti_request *request, cupti_complete *complete);
    cupti_result (*enable)(int kind);
    cupti_result (*disable)(int kind);
    cupti_result (*next_record)(uint8_t *buffer, size_t valid_bytes, void **record);
    cupti_result (*flush)(uint32_t flag);
    cupti_result (*dropped)(void *context, uint32_t stream, size_t *count);
    char reason[120]; /* why it cannot be used; empty when it can */
    vlt_metric_status status;
    int code;
    uint64_t dropped_records;
    int count;
    bool counted;
    vlt_activity *activity; /* [ACTIVITY_MAX] */
};

/* CUPTI's callbacks carry no user pointer: one provider at a time collects. */
static pthread_mutex_t collect_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cupti *collector;

static void on_request(uint8_t **buffer, size_t *bytes, size_t *max_records)
{
    *buffer = aligned_alloc(8, BUFFER_BYTES);
    *bytes = *buffer ? BUFFER_BYTES : 0;
    *max_records = 0;
}

static void on_complete(void *context, uint32_t stream, uint8_t *buffer, size_t bytes,
                        size_t valid_bytes)
{
    (void)bytes;
    pthread_mutex_lock(&collect_lock);
    struct cupti *cupti = collector;
    void *record = NULL;
    while (cupti && cupti->next_record(buffer, valid_bytes, &record) == 0) {
        if (cupti->count == ACTIVITY_MAX) {
            cupti->dropped_records++;
        } else if (vlt_cupti_record_read(record, &cupti->activity[cupti->count])) {
            cupti->count++;
        }
    }
    size_t dropped = 0;
    if (cupti && cupti->dropped(context, stream, &dropped) == 0) {
        cupti->dropped_records += dropped;
    }
    pthread_mutex_unlock(&collect_lock);
    free(buffer);
}

static void *open_library(int driver_version)
{
    static const char *const before_12[] = {"libcupti.so.11.8", "libcupti.so.11.7",
                                            "libcupti.so.11.6", "libcupti.so.11.5"};
    char name[32];
    for (int major = driver_version / 1000; major >= 12; major--) {
        snprintf(name, sizeof name, "libcupti.so.%d", major);
        void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
        if (library) {
            return library;
        }
    }
    for (size_t i = 0; i < sizeof before_12 / sizeof *before_12; i++) {
        void *library = dlopen(before_12[i], RTLD_NOW | RTLD_LOCAL);
        if (library) {
            return library;
        }
    }
    return NULL;
}

static bool resolve_all(void *library, struct cupti *cupti)
{
    return vlt_library_member(library, "cuptiGetVersion", &cupti->version) &&
           vlt_library_member(library, "cuptiActivityRegisterCallbacks",
                              &cupti->register_callbacks) &&
           vlt_library_member(library, "cuptiActivityEnable", &cupti->enable) &&
           vlt_library_member(library, "cuptiActivityDisable", &cupti->disable) &&
           vlt_library_member(library, "cuptiActivityGetNextRecord", &cupti->next_record) &&
           vlt_library_member(library, "cuptiActivityFlushAll", &cupti->flush) &&
           vlt_library_member(library, "cuptiActivityGetNumDroppedRecords", &cupti->dropped);
}

/* CUPTI_ERROR_INSUFFICIENT_PRIVILEGES and its virtualised relative. */
static vlt_metric_status status_of(cupti_result result)
{
    return result == 35 || result == 40 ? VLT_METRIC_NOT_PERMITTED : VLT_METRIC_ERROR;
}

static void refuse(struct cupti *cupti, vlt_metric_status status, int code, const char *reason)
{
    cupti->status = status;
    cupti->code = code;
    vlt_utf8_format(cupti->reason, sizeof cupti->reason, "%s", reason);
}

static void prepare(struct cupti *cupti)
{
    const vlt_cuda_driver *driver;
    vlt_error err = {0};
    if (vlt_cuda_driver_open(&driver, &err) != VLT_OK) {
        refuse(cupti, VLT_METRIC_UNSUPPORTED, 0, err.message);
        return;
    }
    void *library = open_library(driver->version);
    if (!library) {
        refuse(cupti, VLT_METRIC_UNSUPPORTED, 0, "no libcupti for the CUDA version of the driver");
        return;
    }
    if (!resolve_all(library, cupti)) {
        refuse(cupti, VLT_METRIC_UNSUPPORTED, 0, "libcupti lacks the activity functions");
        return;
    }
    cupti_result result = cupti->register_callbacks(on_request, on_complete);
    if (result == 0) {
        result = cupti->enable(VLT_CUPTI_KIND_MEMCPY);
    }
    if (result == 0) {
        result = cupti->enable(VLT_CUPTI_KIND_CONCURRENT_KERNEL);
    }
    if (result != 0) {
        refuse(cupti, status_of(result), result, "CUPTI refuses activity records");
    }
}

static vlt_status open_cupti(const vlt_counter_provider *provider, void **state, vlt_error *err)
{
    (void)provider;
    struct cupti *cupti = calloc(1, sizeof *cupti);
    *state = cupti;
    if (!cupti) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "cupti: out of memory");
    }
    prepare(cupti);
    if (!*cupti->reason) {
        cupti->activity = calloc(ACTIVITY_MAX, sizeof *cupti->activity);
        if (!cupti->activity) {
            refuse(cupti, VLT_METRIC_ERROR, 0, "no memory for activity records");
        }
    }
    return VLT_OK;
}

static int metric_count(const void *state)
{
    (void)state;
    return METRICS;
}

static int pass_count(const void *state)
{
    return *((const struct cupti *)state)->reason ? 0 : 1;
}

static vlt_status start(void *state, int pass, vlt_error *err)
{
    (void)pass, (void)err;
    struct cupti *cupti = state;
    cupti->flush(1); /* what ran before does not count */
    pthread_mutex_lock(&collect_lock);
    cupti->count = 0;
    cupti->dropped_records = 0;
    collector = cupti;
    pthread_mutex_unlock(&collect_lock);
    return VLT_OK;
}

/* The subject waits for its own GPU work; the flush then delivers all records. */
static vlt_status stop(void *state, int pass, vlt_error *err)
{
    (void)pass;
    struct cupti *cupti = state;
    cupti_result result = cupti->flush(1);
    pthread_mutex_lock(&collect_lock);
    collector = NULL;
    pthread_mutex_unlock(&collect_lock);
    cupti->counted = result == 0;
    cupti->code = result;
    return result == 0 ? VLT_OK
                       : vlt_fail(err, VLT_STATUS_INTERNAL, "cuptiActivityFlushAll: %d", result);
}

static void read_metrics(const void *state, vlt_metric *metric)
{
    const struct cupti *cupti = state;
    for (int i = 0; i < METRICS; i++) {
        if (*cupti->reason) {
            vlt_metric_missing(&metric[i], "cupti", names[i], cupti->status, cupti->code, "%s",
                               cupti->reason);
        } else {
            vlt_metric_missing(&metric[i], "cupti", names[i], VLT_METRIC_ERROR, cupti->code, "%s",
                               cupti->dropped_records ? "records were dropped"
                               : cupti->code          ? "records could not be read"
                                                      : "not measured yet");
        }
    }
    if (*cupti->reason || !cupti->counted || cupti->dropped_records) {
        return;
    }
    vlt_overlap overlap;
    double kernels = 0, bytes = 0;
    vlt_activity_overlap(cupti->activity, cupti->count, &overlap);
    for (int i = 0; i < cupti->count; i++) {
        kernels += cupti->activity[i].kind == VLT_ACTIVITY_KERNEL;
        bytes += (double)cupti->activity[i].bytes;
    }
    vlt_metric_set(&metric[GPU_KERNEL_NS], (double)overlap.kernel_ns);
    vlt_metric_set(&metric[GPU_COPY_NS], (double)overlap.copy_ns);
    vlt_metric_set(&metric[GPU_OVERLAP_NS], (double)overlap.both_ns);
    vlt_metric_set(&metric[GPU_KERNELS], kernels);
    vlt_metric_set(&metric[GPU_COPIES], (double)cupti->count - kernels);
    vlt_metric_set(&metric[GPU_COPY_BYTES], bytes);
}

static void close_cupti(void *state)
{
    struct cupti *cupti = state;
    if (cupti && !*cupti->reason) {
        cupti->disable(VLT_CUPTI_KIND_MEMCPY);
        cupti->disable(VLT_CUPTI_KIND_CONCURRENT_KERNEL);
        cupti->flush(1);
    }
    if (cupti) {
        free(cupti->activity);
    }
    free(cupti);
}

const vlt_counter_provider vlt_provider_cupti = {
    .name = "cupti",
    .open = open_cupti,
    .metric_count = metric_count,
    .pass_count = pass_count,
    .start = start,
    .stop = stop,
    .read = read_metrics,
    .close = close_cupti,
};
