#include "tests/support/stores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *test_store_path(int number)
{
    static char paths[8][64];
    snprintf(paths[number], sizeof paths[number], "/tmp/vltune-test-store-%d-%d.db", (int)getpid(),
             number);
    test_store_remove(paths[number]);
    return paths[number];
}

void test_store_remove(const char *path)
{
    char other[640];
    unlink(path);
    snprintf(other, sizeof other, "%s-wal", path);
    unlink(other);
    snprintf(other, sizeof other, "%s-shm", path);
    unlink(other);
    snprintf(other, sizeof other, "%s-journal", path);
    unlink(other);
}

vlt_store *test_store_open(const char *path, int64_t *session)
{
    static vlt_tuned_key key;
    vlt_store *store = NULL;
    vlt_error err = {0};
    const vlt_store_session info = {
        .kind = "tune", .key = &key, .model_name = "demo", .code_hash = 7, .threads = 2, .seed = 1};
    key = (vlt_tuned_key){.model_hash = 5};
    vlt_tuned_parts_add(&key.hard, "cpu", "a CPU");
    vlt_tuned_parts_add(&key.soft, "kernel", "6.1");
    if (vlt_store_open(path, VLT_STORE_CREATE, &store, &err) != VLT_OK ||
        vlt_store_begin_session(store, &info, session, &err) != VLT_OK) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    return store;
}

vlt_status test_store_add(vlt_store *store, int64_t session, const char *variant, double ratio,
                          int pairs, vlt_error *err)
{
    vlt_pair *pair = calloc((size_t)pairs, sizeof *pair);
    for (int i = 0; i < pairs; i++) {
        pair[i] = (vlt_pair){.wall_ns = {200000, (uint64_t)(200000 * ratio)}, .pressure = NAN};
    }
    const vlt_pair_run run = {.pair = pair,
                              .pair_count = pairs,
                              .used = pairs,
                              .iterations = 10,
                              .log_ratio = log(ratio),
                              .call_ns = {20000, 20000 * ratio},
                              .scatter = 0.01,
                              .pressure = NAN,
                              .steal = NAN,
                              .frequency_hz = NAN};
    const vlt_store_trial trial = {
        .workload = {.op = "norm", .bucket = "rows=1", .problem = "rows=1", .children = ""},
        .variant = variant,
        .knobs = "strip=64 policy=late",
        .stage = "search",
        .seed = 3,
        .outcome = VLT_OUTCOME_OK,
        .run = &run,
        .wall_s = 0.1};
    vlt_status status = vlt_store_add_trial(store, session, &trial, NULL, err);
    free(pair);
    return status;
}

vlt_status test_store_decide(vlt_store *store, int64_t session, vlt_error *err)
{
    const vlt_store_decision decision = {.workload = {"norm", "rows=1", "rows=1", ""},
                                         .variant = "avx2",
                                         .knobs = "",
                                         .verdict = "faster",
                                         .ratio = 0.5,
                                         .low = 0.4,
                                         .high = 0.6,
                                         .baseline_ns = 2,
                                         .tuned_ns = 1,
                                         .launches = 5,
                                         .reason = "sure"};
    return vlt_store_add_decision(store, session, &decision, NULL, err);
}
