/* A container of the test's own: one file that holds everything under names that nobody published.
 * What it takes is here: a reader and a table of names. Nothing above asks which container it is.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/infer/engine.h"
#include "harness/model/chat_template.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"

#define DEMO test_source("harness/model/demo/checkpoint")

/* -- the container ------------------------------------------------------------------------- */

static const char *const names[VLT_ROLE_COUNT] = {
#define NAME(code) [VLT_ROLE_##code] = #code,
    VLT_ROLE_MAP(NAME)
#undef NAME
};

/* "LAYER_Q 3": the file is safetensors inside; a reader of other bytes would fill vlt_tensor. */
static void own_name(const vlt_checkpoint *checkpoint, vlt_role role, int64_t index, char *text,
                     size_t text_bytes)
{
    (void)checkpoint;
    snprintf(text, text_bytes, "%s %lld", names[role], (long long)index);
}

static bool claims(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && !strcmp(dot, ".pile");
}

static vlt_status map(vlt_checkpoint *checkpoint, vlt_error *err)
{
    vlt_safetensors *tensors = NULL;
    vlt_status status = vlt_safetensors_open(checkpoint->path, &tensors, err);
    checkpoint->state = tensors;
    return status;
}

static void unmap(vlt_checkpoint *checkpoint)
{
    vlt_safetensors_close(checkpoint->state);
    checkpoint->state = NULL;
}

static const vlt_tensor *find(const vlt_checkpoint *checkpoint, const char *name)
{
    return vlt_safetensors_find(checkpoint->state, name);
}

static int count(const vlt_checkpoint *checkpoint)
{
    return vlt_safetensors_count(checkpoint->state);
}

static const vlt_tensor *at(const vlt_checkpoint *checkpoint, int index)
{
    return vlt_safetensors_at(checkpoint->state, index);
}

static int file_count(const vlt_checkpoint *checkpoint)
{
    (void)checkpoint;
    return 1;
}

static vlt_safetensors_file file_at(const vlt_checkpoint *checkpoint, int index)
{
    return vlt_safetensors_file_at(checkpoint->state, index);
}

static uint64_t claimed_bytes(const vlt_checkpoint *checkpoint)
{
    (void)checkpoint;
    return 0;
}

static uint64_t hash(const vlt_checkpoint *checkpoint)
{
    return vlt_safetensors_hash(checkpoint->state);
}

/* A real one would read these out of its own metadata. */
static vlt_status config(const vlt_checkpoint *checkpoint, vlt_model_config *out, vlt_error *err)
{
    (void)checkpoint;
    return vlt_model_config_load(DEMO, out, err);
}

static vlt_status generation(const vlt_checkpoint *checkpoint, const vlt_model_config *model,
                             vlt_generation_config *out, vlt_error *err)
{
    (void)checkpoint;
    return vlt_generation_config_load(DEMO, model, out, err);
}

static vlt_status tokenizer(const vlt_checkpoint *checkpoint, vlt_tokenizer **out, vlt_error *err)
{
    (void)checkpoint;
    return vlt_tokenizer_load(DEMO, out, err);
}

static vlt_status processor(const vlt_checkpoint *checkpoint, vlt_processor *out, vlt_error *err)
{
    (void)checkpoint;
    return vlt_processor_load(DEMO, out, err);
}

static vlt_status chat_template(const vlt_checkpoint *checkpoint, vlt_error *err)
{
    (void)checkpoint;
    return vlt_chat_template_check(DEMO, err);
}

static const vlt_container pile = {.kind = "pile",
                                   .claims = claims,
                                   .config = config,
                                   .generation = generation,
                                   .tokenizer = tokenizer,
                                   .processor = processor,
                                   .chat_template = chat_template,
                                   .map = map,
                                   .unmap = unmap,
                                   .name = own_name,
                                   .find = find,
                                   .count = count,
                                   .at = at,
                                   .file_count = file_count,
                                   .file_at = file_at,
                                   .claimed_bytes = claimed_bytes,
                                   .hash = hash};

/* -- its use ------------------------------------------------------------------------------- */

/* Which index of the role this tensor of the demo model is; -1: none. */
static int64_t index_of(const vlt_checkpoint *demo, vlt_role role, const vlt_tensor *tensor)
{
    for (int64_t i = 0; i < 32; i++) {
        if (vlt_checkpoint_tensor(demo, role, i) == tensor) {
            return i;
        }
    }
    return -1;
}

/* The demo model as a pile, without the tensor of `lost`. */
static void write_pile(const char *path, vlt_role lost)
{
    enum { TENSORS_MAX = 512 };
    static vlt_tensor tensor[TENSORS_MAX];
    static char name[TENSORS_MAX][48];
    vlt_checkpoint *demo = NULL;
    int used = 0;
    vlt_error err = {0};
    cr_assert_eq(vlt_checkpoint_open(DEMO, &demo, &err), VLT_OK, "%s", err.message);
    cr_assert_str_eq(demo->container->kind, "published");
    cr_assert_eq(demo->container->map(demo, &err), VLT_OK, "%s", err.message);
    const int total = demo->container->count(demo);
    cr_assert_lt(total, TENSORS_MAX);
    for (int i = 0; i < total; i++) {
        const vlt_tensor *from = demo->container->at(demo, i);
        for (int role = 0; role < VLT_ROLE_COUNT; role++) {
            int64_t index = index_of(demo, (vlt_role)role, from);
            if (index >= 0 && role != (int)lost) {
                tensor[used] = *from;
                own_name(demo, (vlt_role)role, index, name[used], sizeof name[used]);
                tensor[used].name = name[used];
                used++;
            }
        }
    }
    cr_assert_eq(used, lost == VLT_ROLE_COUNT ? total : total - 1, "every tensor has one role");
    cr_assert_eq(vlt_safetensors_write(path, tensor, used, &err), VLT_OK, "%s", err.message);
    vlt_checkpoint_close(demo);
}

static vlt_status open_pile(const char *path, vlt_engine **engine, vlt_error *err)
{
    const vlt_engine_options options = {.no_config = true, .threads = 1};
    vlt_checkpoint *checkpoint = NULL;
    cr_assert_eq(vlt_checkpoint_open_with(&pile, path, &checkpoint, err), VLT_OK);
    return vlt_engine_open_checkpoint(checkpoint, &options, engine, err);
}

static void answer(vlt_engine *engine, int32_t ids[8])
{
    const vlt_request request = {
        .prompt = "How many?", .max_tokens = 8, .greedy = true, .ignore_eos = true};
    vlt_session *session = NULL;
    vlt_response response = {0};
    vlt_error err = {0};
    cr_assert_eq(vlt_session_open(engine, NULL, &session, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_session_run(session, &request, &response, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(response.id_count, 8);
    memcpy(ids, response.ids, 8 * sizeof *ids);
    vlt_response_release(&response);
    vlt_session_close(session);
}

Test(checkpoint, another_container_answers_alike, .init = test_folder_make,
     .fini = test_folder_remove)
{
    const vlt_engine_options options = {.no_config = true, .threads = 1};
    int32_t ids[2][8];
    vlt_engine *engine = NULL;
    vlt_error err = {0};
    write_pile(test_folder_path("demo.pile"), VLT_ROLE_COUNT);
    cr_expect(pile.claims(test_folder_path("demo.pile")) && !pile.claims(DEMO));
    cr_assert_eq(vlt_engine_open(DEMO, &options, &engine, &err), VLT_OK, "%s", err.message);
    answer(engine, ids[0]);
    vlt_engine_close(engine);
    cr_assert_eq(open_pile(test_folder_path("demo.pile"), &engine, &err), VLT_OK, "%s",
                 err.message);
    answer(engine, ids[1]);
    vlt_engine_close(engine);
    cr_expect_arr_eq(ids[0], ids[1], sizeof ids[0]);
}

Test(checkpoint, what_is_missing_has_the_containers_own_name, .init = test_folder_make,
     .fini = test_folder_remove)
{
    vlt_engine *engine = NULL;
    vlt_error err = {0};
    write_pile(test_folder_path("lost.pile"), VLT_ROLE_MERGER_FC1);
    cr_expect_eq(open_pile(test_folder_path("lost.pile"), &engine, &err), VLT_STATUS_INPUT);
    cr_expect(strstr(err.message, "tensor 'MERGER_FC1 0' is missing"), "%s", err.message);
    cr_expect_null(engine);
}
