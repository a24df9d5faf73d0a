/* A whole tower is replaced by one file and one line: this program is the library with a catalogue
 * of one line more (tests/CMakeLists.txt). The variant is verified, chosen, and answers. */
#include <stdio.h>
#include <string.h>

#include "harness/infer/engine.h"
#include "optimizations/vision_tower/vision_tower.h"
#include "tests/support/data.h"
#include "tests/support/variants.h"

static bool verified(void)
{
    static const int64_t dims[] = {72, 72, 16, 2, 33, 3, 12, 3, 27, 2, VLT_FORMAT_BF16};
    test_context test;
    test_context_init(&test);
    bool there = vlt_registry_find_variant(&vlt_op_vision_tower, "plain") != NULL;
    int pairs = test_variants(&test, &vlt_op_vision_tower, dims);
    test_context_release(&test);
    printf("vision_tower: %d variants with knobs verified\n", pairs);
    return there && pairs >= 1;
}

/* The ids of an answer about a picture, with the tower forced; false when it did not run. */
static bool answer(const char *force, int32_t ids[12])
{
    const vlt_engine_options options = {.no_config = true, .force = &force, .force_count = 1};
    const char *const images[] = {test_source("harness/model/demo/checkpoint/scene-000.jpg")};
    const vlt_request request = {.prompt = "Describe the image.",
                                 .images = images,
                                 .image_count = 1,
                                 .max_tokens = 12,
                                 .greedy = true,
                                 .ignore_eos = true};
    vlt_engine *engine = NULL;
    vlt_session *session = NULL;
    vlt_response response = {0};
    vlt_error err = {0};
    bool ran = false;
    vlt_status status = vlt_engine_open(test_source("harness/model/demo/checkpoint"), &options,
                                        &engine, &err);
    if (status == VLT_OK) {
        status = vlt_session_open(engine, NULL, &session, &err);
    }
    if (status == VLT_OK) {
        status = vlt_session_run(session, &request, &response, &err);
    }
    for (int i = 0; status == VLT_OK && i < engine->ledger.count; i++) {
        const vlt_ledger_entry *entry = &engine->ledger.entry[i];
        ran |= entry->op == &vlt_op_vision_tower &&
               !strcmp(entry->variant->name, strchr(force, '=') + 1);
    }
    if (status != VLT_OK) {
        fprintf(stderr, "%s: %s\n", force, err.message);
    } else if (response.id_count == 12) {
        memcpy(ids, response.ids, 12 * sizeof *ids);
    }
    vlt_response_release(&response);
    vlt_session_close(session);
    vlt_engine_close(engine);
    return ran && status == VLT_OK;
}

int main(void)
{
    int32_t plain[12] = {0}, baseline[12] = {1};
    if (!verified() || !answer("vision_tower=plain", plain) ||
        !answer("vision_tower=baseline", baseline)) {
        return 1;
    }
    return memcmp(plain, baseline, sizeof plain) != 0;
}
