/* Two engines that build the same packed weights at once, in one folder, then more that find them:
 * all give the answer of one that keeps none. And one cache that several threads use. Has its own
 * main so that ThreadSanitizer can run it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/engine.h"
#include "optimizations/core/utf8_text.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"
#include "tests/support/shelf.h"

enum { BUILDERS = 2, ROUNDS = 3, TOKENS = 12 };

static char model[512];

struct builder {
    int64_t pack_cache;
    int32_t ids[TOKENS];
    vlt_packs_stats packs;
    char error[256];
};

static vlt_status answer(struct builder *builder, vlt_engine *engine, vlt_error *err)
{
    const vlt_request request = {
        .prompt = "How many?", .max_tokens = TOKENS, .greedy = true, .ignore_eos = true};
    vlt_session *session = NULL;
    vlt_response response = {0};
    vlt_status status = vlt_session_open(engine, NULL, &session, err);
    if (status == VLT_OK) {
        status = vlt_session_run(session, &request, &response, err);
    }
    if (status == VLT_OK) {
        memcpy(builder->ids, response.ids, sizeof builder->ids);
        builder->packs = vlt_packs_look(engine->packs);
    }
    vlt_response_release(&response);
    vlt_session_close(session);
    return status;
}

static void *build(void *argument)
{
    struct builder *builder = argument;
    const vlt_engine_options options = {
        .threads = 2, .no_config = true, .quality = "int8", .pack_cache = builder->pack_cache};
    vlt_engine *engine = NULL;
    vlt_error err = {0};
    if (vlt_engine_open(model, &options, &engine, &err) != VLT_OK ||
        answer(builder, engine, &err) != VLT_OK) {
        vlt_utf8_format(builder->error, sizeof builder->error, "%s", err.message);
    }
    vlt_engine_close(engine);
    return NULL;
}

static int check(const struct builder *builder, const struct builder *alone, bool found)
{
    if (builder->error[0] || memcmp(builder->ids, alone->ids, sizeof alone->ids) != 0) {
        fprintf(stderr, "another answer %s\n", builder->error);
        return 1;
    }
    if (found && (builder->packs.made || builder->packs.found != alone->packs.made)) {
        fprintf(stderr, "%d made, %d found, expected %d\n", builder->packs.made,
                builder->packs.found, alone->packs.made);
        return 1;
    }
    return 0;
}

/* ------------------------------------------------------------------------ one cache, all threads
 */

static test_shelf shared;

static vlt_status fill(const vlt_pack_request *request, void *out, vlt_error *err)
{
    (void)err;
    memcpy(out, request->matrix->data, request->bytes);
    return VLT_OK;
}

static void *take_all(void *argument)
{
    static const char *const kinds[] = {"one/1", "two/1", "one/1", "three/1"};
    int *failed = argument;
    for (int i = 0; i < 24; i++) {
        int index = i % TEST_SHELF_WEIGHTS;
        const vlt_tensor *tensor = shared.checkpoint->container->at(shared.checkpoint, index);
        vlt_matrix matrix = vlt_matrix_of(VLT_FORMAT_F32, tensor->data, TEST_SHELF_ROWS,
                                          TEST_SHELF_COLUMNS);
        matrix.id = (uint64_t)index + 1;
        const vlt_pack_request request = {.matrix = &matrix,
                                          .kind = kinds[(i / TEST_SHELF_WEIGHTS) % 4],
                                          .bytes = tensor->bytes,
                                          .lossy = true,
                                          .fill = fill};
        const vlt_pack *pack = NULL;
        if (vlt_packs_take(shared.packs, &request, &pack, NULL) != VLT_OK ||
            memcmp(vlt_pack_data(pack), tensor->data, tensor->bytes) != 0) {
            *failed = 1;
        }
        vlt_packs_drop(pack);
    }
    return NULL;
}

static int share(void)
{
    enum { TAKERS = 4 };
    pthread_t thread[TAKERS];
    int failed[TAKERS] = {0}, sum = 0;
    test_shelf_open(&shared, "model", 0, 0);
    for (int i = 0; i < TAKERS; i++) {
        if (pthread_create(&thread[i], NULL, take_all, &failed[i]) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < TAKERS; i++) {
        pthread_join(thread[i], NULL);
        sum += failed[i];
    }
    test_shelf_close(&shared);
    if (shared.said_count != 1 || !test_shelf_said(&shared, "packed weights kept: ")) {
        fprintf(stderr, "shared: %d lines, '%s'\n", shared.said_count, shared.said[0]);
        sum++;
    }
    return sum;
}

int main(void)
{
    static struct builder alone = {.pack_cache = -1};
    int failed = 0;
    test_shelf_make();
    snprintf(model, sizeof model, "%s", test_source("harness/model/demo/checkpoint"));
    build(&alone);
    if (alone.error[0] || !alone.packs.made || alone.packs.found) {
        fprintf(stderr, "alone: %d made, %d found %s\n", alone.packs.made, alone.packs.found,
                alone.error);
        failed = 1;
    }
    for (int round = 0; round < ROUNDS && !failed; round++) {
        struct builder builder[BUILDERS] = {{0}};
        pthread_t thread[BUILDERS];
        for (int i = 0; i < BUILDERS; i++) {
            if (pthread_create(&thread[i], NULL, build, &builder[i]) != 0) {
                return 1;
            }
        }
        for (int i = 0; i < BUILDERS; i++) {
            pthread_join(thread[i], NULL);
            failed += check(&builder[i], &alone, round > 0);
        }
    }
    failed += share();
    test_shelf_remove();
    return failed != 0;
}
