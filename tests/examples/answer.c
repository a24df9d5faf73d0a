/* A whole program on the public API: answer CHECKPOINT IMAGE QUESTION. The second turn asks about
 * the same image and finds the first one in the cache. */
#include <stdio.h>

#include "harness/infer/vltune.h"

static bool show(void *user, const char *text, size_t bytes)
{
    return fwrite(text, 1, bytes, user) == bytes;
}

int main(int argc, char **argv)
{
    vlt_engine *engine = NULL;
    vlt_session *session = NULL;
    vlt_response response = {0};
    vlt_error err = {0};
    if (argc != 4) {
        return fprintf(stderr, "usage: answer CHECKPOINT IMAGE QUESTION\n"), 2;
    }
    vlt_request request = {.prompt = argv[3],
                           .images = (const char **)&argv[2],
                           .image_count = 1,
                           .greedy = true,
                           .on_text = show,
                           .user = stdout};
    vlt_status status = vlt_engine_open(argv[1], NULL, &engine, &err);
    if (status == VLT_OK) {
        status = vlt_session_open(engine, NULL, &session, &err);
    }
    for (int turn = 0; turn < 2 && status == VLT_OK; turn++) {
        status = vlt_session_run(session, &request, &response, &err);
        printf("\n%lld of %lld prompt tokens came from the cache\n",
               (long long)response.cached_count, (long long)response.prompt_count);
        vlt_response_release(&response);
        request.prompt = "Describe the image.";
        request.image_count = 0;
    }
    if (status != VLT_OK) {
        fprintf(stderr, "answer: %s\n", err.message);
    }
    vlt_session_close(session);
    vlt_engine_close(engine);
    return status == VLT_OK ? 0 : 1;
}
