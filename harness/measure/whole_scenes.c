/* The scenes of a task: pictures, questions and truths, one JSON object a line. */
#include <stdlib.h>
#include <string.h>

#include "harness/measure/whole_internal.h"

void vlt_whole_scene_release(vlt_whole_scene *scene)
{
    json_decref(scene->line);
    free(scene->path);
    *scene = (vlt_whole_scene){0};
}

vlt_status vlt_whole_scene_read(const vlt_whole_job *job, FILE *file, vlt_whole_scene *scene,
                                bool *end, vlt_error *err)
{
    char text[8192];
    const char *image, *slash = strrchr(job->scenes, '/');
    *scene = (vlt_whole_scene){0};
    *end = !fgets(text, sizeof text, file);
    if (*end) {
        return VLT_OK;
    }
    vlt_status status = vlt_json_parse(text, strlen(text), job->scenes, &scene->line, err);
    if (status == VLT_OK &&
        (status = vlt_json_text(scene->line, job->scenes, "image", &image, NULL, err)) == VLT_OK &&
        (status = vlt_json_text(scene->line, job->scenes, "question", &scene->question, NULL,
                                err)) == VLT_OK) {
        status = vlt_json_text(scene->line, job->scenes, "answer", &scene->truth, NULL, err);
    }
    if (status == VLT_OK) {
        size_t folder = slash ? (size_t)(slash - job->scenes) + 1 : 0, name = strlen(image) + 1;
        scene->path = malloc(folder + name);
        if (!scene->path) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", job->scenes);
        }
        memcpy(scene->path, job->scenes, folder);
        memcpy(scene->path + folder, image, name);
    }
    return status;
}

vlt_status vlt_whole_scenes_open(const vlt_whole_job *job, FILE **file, vlt_error *err)
{
    *file = fopen(job->scenes, "re");
    return *file ? VLT_OK : vlt_fail(err, VLT_STATUS_IO, "%s: cannot be read", job->scenes);
}

vlt_status vlt_whole_scene_run(vlt_engine *engine, const vlt_whole_scene *scene,
                               vlt_request *request, vlt_response *response, vlt_error *err)
{
    vlt_session *session = NULL;
    const char *image = scene->path;
    request->prompt = scene->question;
    request->images = &image;
    request->image_count = 1;
    request->greedy = true;
    vlt_status status = vlt_session_open(engine, NULL, &session, err);
    if (status == VLT_OK) {
        status = vlt_session_run(session, request, response, err);
    }
    vlt_session_close(session);
    return status;
}
