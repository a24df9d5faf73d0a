#include <stdio.h>

#include "harness/cli/model_commands.h"
#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "harness/machine/machine.h"
#include "harness/model/make.h"
#include "optimizations/core/utf8_text.h"

static bool stop(void *user, double share)
{
    vlt_cli_progress(user, "weights  %3.0f %%", share * 100);
    return vlt_cli_interrupted();
}

static vlt_status print_result(const vlt_cli *cli, const vlt_make_options *options,
                               const vlt_make_result *result, vlt_error *err)
{
    static const char note[] = "random weights: what this model says is noise, use it for timing";
    const char *directory = vlt_cli_operand(cli, 1);
    if (!vlt_cli_flag(cli, "json")) {
        printf("made      %s\n", vlt_quoted_path(directory).text);
        printf("size      %s, seed %llu\n", options->size, (unsigned long long)options->seed);
        printf("weights   %.1f M in %d tensors, %.1f MB\n", (double)result->weights * 1e-6,
               result->tensors, (double)result->data_bytes * 1e-6);
        printf("tokens    %d, embedding of %d rows\n", result->tokens, result->rows);
        printf("note      %s\n", note);
        return VLT_OK;
    }
    json_t *object = vlt_json_make(
        "{s:s, s:s, s:I, s:i, s:I, s:I, s:i, s:i, s:s}", "directory", directory, "size",
        options->size, "seed", (json_int_t)options->seed, "tensors", result->tensors, "weights",
        (json_int_t)result->weights, "data_bytes", (json_int_t)result->data_bytes, "tokens",
        result->tokens, "rows", result->rows, "note", note);
    vlt_status status = vlt_json_print(object, false, stdout, err);
    json_decref(object);
    return status;
}

/* As many as --threads says, else as the machine has to offer. */
static vlt_status create_threads(const vlt_cli *cli, vlt_threads **out, vlt_error *err)
{
    vlt_threads_options options = {.spin_us = 20};
    int64_t count = vlt_cli_int(cli, "threads", 0);
    vlt_status status = VLT_OK;
    if (count == 0) {
        static const vlt_machine_sources sources = {.no_gpu = true};
        vlt_machine *machine = NULL;
        status = vlt_machine_probe(&sources, &machine, err);
        count = status == VLT_OK ? vlt_machine_thread_count(machine) : 0;
        vlt_machine_destroy(machine);
    }
    options.count = (int)count;
    return status == VLT_OK ? vlt_threads_create(&options, out, err) : status;
}

vlt_status vlt_model_make_command(vlt_cli *cli, vlt_error *err)
{
    vlt_make_options options = {.size = vlt_cli_text(cli, "size", "tiny"),
                                .seed = (uint64_t)vlt_cli_int(cli, "seed", 0),
                                .stop = stop,
                                .user = cli};
    vlt_make_result result;
    vlt_status status = create_threads(cli, &options.threads, err);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_model_make(vlt_cli_operand(cli, 1), &options, &result, err);
    vlt_cli_progress(cli, NULL);
    vlt_threads_destroy(options.threads);
    return status == VLT_OK ? print_result(cli, &options, &result, err) : status;
}
