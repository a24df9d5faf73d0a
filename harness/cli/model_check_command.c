/* vltune model check: reads all of a checkpoint, every weight included. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "harness/cli/engine_cli.h"
#include "harness/cli/model_commands.h"
#include "harness/json/json_make.h"
#include "optimizations/core/utf8_text.h"

/* The first element that is no finite number, or -1. Types that are not computed with are passed
 * over. */
static int64_t find_broken(const vlt_tensor *tensor, float *value)
{
    enum { CHUNK = 4096 };
    float chunk[CHUNK];
    const int64_t elements = vlt_tensor_elements(tensor);
    if (tensor->dtype != VLT_DTYPE_BF16 && tensor->dtype != VLT_DTYPE_F16 &&
        tensor->dtype != VLT_DTYPE_F32) {
        return -1;
    }
    for (int64_t first = 0; first < elements; first += CHUNK) {
        int64_t count = elements - first < CHUNK ? elements - first : CHUNK;
        vlt_tensor_to_f32(tensor, first, count, chunk);
        for (int64_t i = 0; i < count; i++) {
            if (!isfinite(chunk[i])) {
                *value = chunk[i];
                return first + i;
            }
        }
    }
    return -1;
}

static vlt_status check_values(const vlt_cli *cli, const vlt_checkpoint *checkpoint, vlt_error *err)
{
    for (int i = 0; i < checkpoint->container->count(checkpoint); i++) {
        const vlt_tensor *tensor = checkpoint->container->at(checkpoint, i);
        float value = 0;
        vlt_cli_progress(cli, "%d of %d tensors", i, checkpoint->container->count(checkpoint));
        int64_t broken = find_broken(tensor, &value);
        if (broken >= 0) {
            return vlt_fail(err, VLT_STATUS_INPUT,
                            "%s: tensor '%s': element %" PRId64 " is %g, expected a finite number",
                            tensor->file, tensor->name, broken, (double)value);
        }
        if (vlt_cli_interrupted()) {
            return vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted after %d tensors", i);
        }
    }
    return VLT_OK;
}

static vlt_status check_totals(const vlt_checkpoint *checkpoint, vlt_error *err)
{
    uint64_t claimed = checkpoint->container->claimed_bytes(checkpoint);
    uint64_t found = vlt_checkpoint_data_bytes(checkpoint);
    if (claimed && claimed != found) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "the index claims %" PRIu64 " bytes of tensors, the shards have %" PRIu64,
                        claimed, found);
    }
    return VLT_OK;
}

static json_t *tensor_to_json(const vlt_tensor *tensor)
{
    json_t *shape = json_array();
    for (int i = 0; i < tensor->rank; i++) {
        vlt_json_append(&shape, json_integer(tensor->shape[i]));
    }
    return vlt_json_make("{s:s, s:s, s:o, s:I, s:s}", "name", tensor->name, "dtype",
                         tensor->dtype_name, "shape", shape, "bytes", (json_int_t)tensor->bytes,
                         "file", tensor->file);
}

static vlt_status print_json(const vlt_engine *engine, vlt_error *err)
{
    const vlt_checkpoint *checkpoint = engine->checkpoint;
    const vlt_weights *weights = &engine->weights;
    json_t *list = json_array();
    for (int i = 0; i < checkpoint->container->count(checkpoint); i++) {
        vlt_json_append(&list, tensor_to_json(checkpoint->container->at(checkpoint, i)));
    }
    json_t *object = vlt_json_make(
        "{s:I, s:i, s:i, s:i, s:I, s:b, s:o}", "parameters", (json_int_t)weights->value_count,
        "tensor_count", checkpoint->container->count(checkpoint), "used_count",
        weights->tensor_count, "files", checkpoint->container->file_count(checkpoint), "bytes",
        (json_int_t)vlt_checkpoint_data_bytes(checkpoint), "tied", weights->tied, "tensors", list);
    vlt_status status = vlt_json_print(object, false, stdout, err);
    json_decref(object);
    return status;
}

static void print_text(const vlt_engine *engine)
{
    const vlt_checkpoint *checkpoint = engine->checkpoint;
    const vlt_text_config *text = &engine->config.text;
    const vlt_vision_config *vision = &engine->config.vision;
    for (int i = 0; i < checkpoint->container->count(checkpoint); i++) {
        const vlt_tensor *tensor = checkpoint->container->at(checkpoint, i);
        char shape[160];
        vlt_tensor_shape_format(tensor->shape, tensor->rank, shape, sizeof shape);
        printf("%-60s %-5s %-20s %12zu B\n", vlt_quoted_path(tensor->name).text, tensor->dtype_name,
               shape, tensor->bytes);
    }
    printf("text     %" PRId64 " layers x %" PRId64 ", %" PRId64 " / %" PRId64 " heads of %" PRId64
           ", %" PRId64 " tokens, %s head\n",
           text->layers, text->width, text->heads, text->kv_heads, text->head, text->vocab,
           engine->weights.tied ? "tied" : "own");
    printf("vision   %" PRId64 " blocks x %" PRId64 ", %" PRId64 " heads of %" PRId64 "\n",
           vision->blocks, vision->width, vision->heads, vision->width / vision->heads);
    printf("total    %" PRId64 " parameters in %d tensors (%d used), %" PRIu64 " B in %d file%s\n",
           engine->weights.value_count, checkpoint->container->count(checkpoint),
           engine->weights.tensor_count, vlt_checkpoint_data_bytes(checkpoint),
           checkpoint->container->file_count(checkpoint),
           checkpoint->container->file_count(checkpoint) == 1 ? "" : "s");
    printf("every weight is a finite number\n");
}

vlt_status vlt_model_check_command(vlt_cli *cli, vlt_error *err)
{
    vlt_engine *engine = NULL;
    vlt_status status = vlt_engine_cli_open(cli, vlt_cli_operand(cli, 1), &engine, err);
    if (status == VLT_OK) {
        status = check_totals(engine->checkpoint, err);
    }
    if (status == VLT_OK) {
        status = check_values(cli, engine->checkpoint, err);
    }
    vlt_cli_progress(cli, NULL);
    if (status == VLT_OK && vlt_cli_flag(cli, "json")) {
        status = print_json(engine, err);
    } else if (status == VLT_OK) {
        print_text(engine);
    }
    vlt_engine_close(engine);
    return status;
}
