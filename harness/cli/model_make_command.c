#include <sched.h>
#include <stdio.h>

#include "harness/cli/model_commands.h"
#include "harness/json/json.h"
#include "harness/model/make.h"

enum { THREADS_MAX = 64 };

static int usable_cpus(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : count;
}

static bool stop(void *user, double share)
{
    vlt_cli_progress(user, "weights  %3.0f %%", share * 100);
    return vlt_cli_interrupted();
}

static vlt_status print_result(const vlt_cli *cli, const vlt_make_options *options,
                               const vlt_make_result *result, vlt_error *err)
{
    static const char note[] = "random weights: the words of this model are noise, it is for "
                               "timing only";
    const char *directory = vlt_cli_operand(cli, 1);
    if (!vlt_cli_flag(cli, "json")) {
        printf("%s: %s, %.1f M weights in %d tensors, %.1f MB, %d tokens (%d rows), seed %llu\n",
               directory, options->size, (double)result->weights * 1e-6, result->tensors,
               (double)result->data_bytes * 1e-6, result->tokens, result->rows,
               (unsigned long long)options->seed);
        printf("%s\n", note);
        return VLT_OK;
    }
    json_t *object = json_pack("{s:s, s:s, s:I, s:i, s:I, s:I, s:i, s:i, s:s}", "directory",
                               directory, "size", options->size, "seed", (json_int_t)options->seed,
                               "tensors", result->tensors, "weights", (json_int_t)result->weights,
                               "data_bytes", (json_int_t)result->data_bytes, "tokens",
                               result->tokens, "rows", result->rows, "note", note);
    vlt_status status = vlt_json_print(object, false, stdout, err);
    json_decref(object);
    return status;
}

vlt_status vlt_model_make_command(vlt_cli *cli, vlt_error *err)
{
    vlt_make_options options = {
        .size = vlt_cli_text(cli, "size", "tiny"), .stop = stop, .user = cli};
    vlt_threads_options threads = {.spin_us = 20};
    vlt_make_result result;
    int64_t seed = 0, count = 0;
    vlt_status status = vlt_cli_int(cli, "seed", 0, INT64_MAX, 0, &seed, err);
    if (status == VLT_OK) {
        status = vlt_cli_int(cli, "threads", 1, 1024, usable_cpus(), &count, err);
    }
    threads.count = (int)count;
    if (status == VLT_OK) {
        status = vlt_threads_create(&threads, &options.threads, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    options.seed = (uint64_t)seed;
    status = vlt_model_make(vlt_cli_operand(cli, 1), &options, &result, err);
    vlt_cli_progress(cli, NULL);
    vlt_threads_destroy(options.threads);
    return status == VLT_OK ? print_result(cli, &options, &result, err) : status;
}
