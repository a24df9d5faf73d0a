/* vltune preprocess: image files -> patch rows, as the model's image processor makes them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/engine_cli.h"
#include "harness/cli/plan_cli.h"
#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "harness/model/safetensors.h"
#include "harness/model/vision_input.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/sha256.h"
#include "optimizations/core/utf8_text.h"

static const char details[] =
    "DIR needs preprocessor_config.json or processor_config.json. Each image (JPEG, PNG, WebP) is\n"
    "decoded, resized and cut into patches; --json gives an array in the order of the arguments:\n"
    "    {\"file\", \"grid_thw\", \"shape\", \"sha256\"}   sha256 of the little-endian f32 "
    "values;\n"
    "                                              null, with a warning, without libcrypto\n"
    "    {\"file\", \"error\"}                         for one that is refused; then the exit code "
    "is 2\n"
    "--dump FILE writes the rows of all accepted images, one behind the other, as pixel_values, "
    "and\n"
    "their grids as image_grid_thw.";

static const vlt_option options[] = {
    {"min-pixels", "N", "the least area after resizing (default: as DIR says)", 0,
     VLT_INT(1, INT64_C(1) << 50)},
    {"max-pixels", "N", "the largest area after resizing (default: as DIR says)", 0,
     VLT_INT(1, INT64_C(1) << 50)},
    VLT_ENGINE_CLI_OPTIONS(NULL),
    {"dump", "FILE", "write the values to a safetensors file", 0, VLT_OUTPUT},
};

/* One image's answer. Patches are kept for --dump only. */
struct answer {
    vlt_vision_input input;
    char sha256[VLT_SHA256_HEX]; /* "": there is no libcrypto */
    vlt_error err;
};

static vlt_status read_options(vlt_cli *cli, vlt_processor *processor, vlt_vision_options *vision,
                               vlt_error *err)
{
    vlt_status status = vlt_vision_options_read(
        vlt_cli_text(cli, "reference", NULL), vlt_cli_text(cli, "exif", NULL),
        vlt_cli_text(cli, "alpha", NULL), vlt_cli_text(cli, "dialect", NULL),
        vlt_cli_flag(cli, "strict-images"), vision, err);
    vision->stop = vlt_cli_stop();
    if (status == VLT_OK) {
        status = vlt_processor_load(vlt_cli_operand(cli, 0), processor, err);
    }
    return status == VLT_OK
               ? vlt_processor_limit(&processor->image, vlt_cli_int(cli, "min-pixels", 0),
                                     vlt_cli_int(cli, "max-pixels", 0), err)
               : status;
}

static json_t *answer_to_json(const char *file, const struct answer *answer)
{
    json_t *name = vlt_json_name(file);
    const vlt_vision_input *input = &answer->input;
    if (answer->err.status != VLT_OK) {
        return vlt_json_make("{s:o, s:s}", "file", name, "error", answer->err.message);
    }
    return vlt_json_make(
        "{s:o, s:[I,I,I], s:[I,I], s:s?}", "file", name, "grid_thw", (json_int_t)input->grid[0],
        (json_int_t)input->grid[1], (json_int_t)input->grid[2], "shape", (json_int_t)input->rows,
        (json_int_t)input->row_values, "sha256", answer->sha256[0] ? answer->sha256 : NULL);
}

static void print_answer(const vlt_cli *cli, const char *file, const struct answer *answer)
{
    const vlt_vision_input *input = &answer->input;
    if (answer->err.status != VLT_OK) {
        vlt_cli_warn(cli, "%s", answer->err.message);
        return;
    }
    printf("%s  %lldx%lld -> %lld x %lld x %lld patches, %s\n", vlt_quoted_path(file).text,
           (long long)input->source_w, (long long)input->source_h, (long long)input->grid[0],
           (long long)input->grid[1], (long long)input->grid[2],
           answer->sha256[0] ? answer->sha256 : "no SHA-256");
}

/* pixel_values [rows of all images, values] and image_grid_thw [images, 3]. */
static vlt_status dump(const char *path, const struct answer *answers, int count, vlt_error *err)
{
    vlt_safetensors_writer *writer = NULL;
    int32_t *grids = calloc((size_t)count * 3 + 1, sizeof *grids);
    vlt_tensor tensors[2] = {{.name = "pixel_values", .dtype = VLT_DTYPE_F32, .rank = 2},
                             {.name = "image_grid_thw", .dtype = VLT_DTYPE_I32, .rank = 2}};
    int64_t images = 0;
    if (!grids) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path);
    }
    for (int i = 0; i < count; i++) {
        if (answers[i].err.status == VLT_OK) {
            for (int d = 0; d < 3; d++) {
                grids[images * 3 + d] = (int32_t)answers[i].input.grid[d];
            }
            tensors[0].shape[0] += answers[i].input.rows;
            tensors[0].shape[1] = answers[i].input.row_values;
            images++;
        }
    }
    tensors[1].shape[0] = images;
    tensors[1].shape[1] = 3;
    vlt_status status = vlt_safetensors_writer_create(path, tensors, 2, &writer, err);
    for (int i = 0; i < count && status == VLT_OK; i++) {
        const vlt_vision_input *input = &answers[i].input;
        if (input->patches) {
            status = vlt_safetensors_writer_append(
                writer, input->patches,
                (size_t)input->rows * (size_t)input->row_values * sizeof(float), err);
        }
    }
    if (status == VLT_OK) {
        status = vlt_safetensors_writer_append(writer, grids, (size_t)images * 3 * sizeof *grids,
                                               err);
    }
    if (status == VLT_OK) {
        status = vlt_safetensors_writer_finish(writer, err);
    }
    vlt_safetensors_writer_destroy(writer);
    free(grids);
    return status;
}

/* *warned: that there are no digests has been said. */
static vlt_status answer_one(const vlt_cli *cli, vlt_vision_reader *reader, const char *file,
                             struct answer *answer, bool *warned, vlt_error *err)
{
    vlt_vision_input *input = &answer->input;
    vlt_status status = vlt_vision_read_file(reader, file, input, NULL, err);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_sha256_hex(input->patches,
                            (size_t)input->rows * (size_t)input->row_values * sizeof(float),
                            answer->sha256, err);
    if (status == VLT_STATUS_UNSUPPORTED) { /* the values are there all the same */
        if (!*warned) {
            vlt_cli_warn(cli, "%s", err->message);
        }
        *warned = true;
        return VLT_OK;
    }
    if (status != VLT_OK) {
        vlt_vision_input_release(input);
        return vlt_fail_in(err, status, "%s: ", file);
    }
    return VLT_OK;
}

/* Answers every image; a refused one does not stop the others. */
static vlt_status answer_all(vlt_cli *cli, vlt_vision_reader *reader, struct answer *answers,
                             int count, json_t **all, vlt_error *err)
{
    bool keep = vlt_cli_text(cli, "dump", NULL) != NULL;
    bool warned = false;
    int refused = 0;
    for (int i = 0; i < count && !vlt_cli_interrupted(); i++) {
        struct answer *answer = &answers[i];
        const char *file = vlt_cli_operand(cli, i + 1);
        vlt_cli_progress(cli, "image %d of %d", i + 1, count);
        answer->err.status = answer_one(cli, reader, file, answer, &warned, &answer->err);
        if (answer->err.status == VLT_STATUS_INTERRUPTED) {
            break;
        }
        refused += answer->err.status != VLT_OK;
        vlt_cli_progress(cli, NULL);
        if (all) {
            vlt_json_append(all, answer_to_json(file, answer));
        } else {
            print_answer(cli, file, answer);
        }
        if (!keep) {
            vlt_vision_input_release(&answer->input);
            answer->input.patches = NULL;
        }
    }
    if (vlt_cli_interrupted()) {
        return vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted");
    }
    return refused ? vlt_fail(err, VLT_STATUS_INPUT, "%d of %d images refused", refused, count)
                   : VLT_OK;
}

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    int count = vlt_cli_operand_count(cli) - 1;
    const char *path = vlt_cli_text(cli, "dump", NULL);
    vlt_plan_cli plan_cli = {0};
    vlt_processor processor;
    vlt_vision_options vision;
    vlt_vision_reader *reader = NULL;
    bool json = vlt_cli_flag(cli, "json");
    json_t *all = json ? json_array() : NULL;
    struct answer *answers = calloc((size_t)count, sizeof *answers);
    vlt_status status = VLT_OK;
    if (!answers) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "preprocess: out of memory");
        goto done;
    }
    status = read_options(cli, &processor, &vision, err);
    if (status == VLT_OK) {
        status = vlt_plan_cli_start(cli, vlt_cli_operand(cli, 0), &plan_cli, err);
    }
    if (status == VLT_OK) {
        status = vlt_vision_reader_create(&plan_cli.context, &processor, &vision, &reader, err);
    }
    if (status != VLT_OK) {
        goto done;
    }
    status = answer_all(cli, reader, answers, count, json ? &all : NULL, err);
    if (path && status == VLT_OK) { /* all of them, or none: the values have no names */
        status = dump(path, answers, count, err);
    }
    if (json) {
        vlt_status printed = vlt_json_print(all, false, stdout, status == VLT_OK ? err : NULL);
        status = status == VLT_OK ? printed : status;
    }
done:
    for (int i = 0; answers && i < count; i++) {
        vlt_vision_input_release(&answers[i].input);
    }
    free(answers);
    json_decref(all);
    vlt_vision_reader_destroy(reader);
    vlt_plan_cli_stop(&plan_cli, status);
    return status;
}

VLT_COMMAND(preprocess, .operands = "DIR IMAGE...",
            .summary = "image files to the patch rows that the model sees", .details = details,
            .examples =
                "preprocess DIR photo.jpg\n"
                "preprocess DIR photo.jpg --json --max-pixels 65536 --dump patches.safetensors",
            .options = options, .option_count = sizeof options / sizeof *options,
            .with = VLT_WITH_JSON | VLT_WITH_THREADS | VLT_WITH_CHOICES, .operand_min = 2,
            .operand_max = -1, .run = run);
