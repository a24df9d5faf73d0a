/* The folder of a run: drawn scenes for requests and for the check on unseen inputs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/media.h"
#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "harness/model/scenes.h"
#include "tuner/tune_internal.h"

enum { UNSEEN_SCENES = 100, UNSEEN_SEED = 7000 };

static vlt_status make_folder(vlt_tuner *tuner, vlt_error *err)
{
    vlt_status status = vlt_temp_folder_make("tune", &tuner->folder, err);
    if (status != VLT_OK) {
        return status;
    }
    const char *path = tuner->folder.path;
    if (asprintf(&tuner->scenes, "%s/request/scenes.jsonl", path) < 0) {
        tuner->scenes = NULL;
    }
    if (asprintf(&tuner->unseen, "%s/unseen/scenes.jsonl", path) < 0) {
        tuner->unseen = NULL;
    }
    if (asprintf(&tuner->provisional, "%s/tuned.toml", path) < 0) {
        tuner->provisional = NULL;
    }
    return tuner->scenes && tuner->unseen && tuner->provisional
               ? VLT_OK
               : vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path);
}

/* Draws scenes where the file `scenes` tells. */
static vlt_status draw(const char *scenes, const vlt_scenes_options *options, vlt_error *err)
{
    char *folder = strndup(scenes, (size_t)(strrchr(scenes, '/') - scenes));
    vlt_status status = folder ? vlt_scenes_write(folder, options, err)
                               : vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", scenes);
    free(folder);
    return status;
}

/* The user's own requests: a file of them, or one request with a picture and a question. */
static vlt_status write_workload(vlt_tuner *tuner, vlt_error *err)
{
    const vlt_tune_options *options = tuner->options;
    if (options->workload) {
        tuner->workload = strdup(options->workload);
        return tuner->workload ? VLT_OK : vlt_fail(err, VLT_STATUS_NOMEM, "tuning: out of memory");
    }
    if (!options->image && !options->prompt) {
        return VLT_OK;
    }
    char *image = options->image ? vlt_media_absolute(options->image, NULL) : NULL;
    json_t *line = vlt_json_make("{s:s}", "prompt",
                                 options->prompt ? options->prompt : "Describe the image.");
    if (options->image) {
        vlt_json_set(&line, "images", vlt_json_make("[s]", image ? image : ""));
    }
    char *text = vlt_json_dump(line, err);
    json_decref(line);
    vlt_status status = text ? VLT_OK : VLT_STATUS_NOMEM;
    if (status == VLT_OK && asprintf(&tuner->workload, "%s.jsonl", tuner->provisional) < 0) {
        tuner->workload = NULL;
        status = vlt_fail(err, VLT_STATUS_NOMEM, "tuning: out of memory");
    }
    if (status == VLT_OK) {
        status = vlt_write_file(tuner->workload, text, strlen(text), err);
    }
    free(image);
    free(text);
    return status;
}

vlt_status vlt_tuner_draw_scenes(vlt_tuner *tuner, vlt_error *err)
{
    int64_t wanted = tuner->options->scenes > 0 ? tuner->options->scenes : UNSEEN_SCENES;
    const vlt_scenes_options request = {
        .seed = tuner->options->seed, .count = 1, .width = 640, .height = 480};
    const vlt_scenes_options holdout = {.seed = UNSEEN_SEED + tuner->options->seed,
                                        .count = wanted};
    vlt_status status = make_folder(tuner, err);
    if (status == VLT_OK) {
        status = write_workload(tuner, err);
    }
    if (status == VLT_OK) {
        status = draw(tuner->scenes, &request, err);
    }
    return status == VLT_OK ? draw(tuner->unseen, &holdout, err) : status;
}
