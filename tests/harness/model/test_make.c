#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/model/generation_config.h"
#include "harness/model/make_internal.h"
#include "harness/model/tokenizer.h"
#include "harness/model/weights.h"
#include "optimizations/bpe_encode/decode.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"

static void make(const char *name, uint64_t seed, int threads)
{
    vlt_error err = {0};
    vlt_threads_options pool = {.count = threads};
    vlt_make_options options = {.size = "tiny", .seed = seed};
    cr_assert_eq(vlt_threads_create(&pool, &options.threads, &err), VLT_OK);
    cr_assert_eq(vlt_model_make(test_folder_path(name), &options, NULL, &err), VLT_OK, "%s",
                 err.message);
    vlt_threads_destroy(options.threads);
}

static bool equal_files(const char *a, const char *b)
{
    size_t a_bytes = 0, b_bytes = 0;
    char *a_data = test_read_file(test_folder_path(a), &a_bytes);
    char *b_data = test_read_file(test_folder_path(b), &b_bytes);
    cr_assert(a_data && b_data, "%s %s", a, b);
    bool equal = a_bytes == b_bytes && !memcmp(a_data, b_data, a_bytes);
    free(a_data);
    free(b_data);
    return equal;
}

Test(make, equal_seeds_give_equal_bytes, .init = test_folder_make, .fini = test_folder_remove)
{
    static const char *const files[] = {"config.json",
                                        "generation_config.json",
                                        "preprocessor_config.json",
                                        "video_preprocessor_config.json",
                                        "tokenizer.json",
                                        "tokenizer_config.json",
                                        "vocab.json",
                                        "merges.txt",
                                        "chat_template.json",
                                        "model.safetensors",
                                        "README.md"};
    make("a", 5, 1);
    make("b", 5, 3);
    make("c", 6, 2);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char a[64], b[64], c[64];
        snprintf(a, sizeof a, "a/%s", files[i]);
        snprintf(b, sizeof b, "b/%s", files[i]);
        snprintf(c, sizeof c, "c/%s", files[i]);
        cr_assert(equal_files(a, b), "%s", files[i]);
        bool seeded = !strcmp(files[i], "config.json") || !strcmp(files[i], "README.md") ||
                      !strcmp(files[i], "model.safetensors");
        cr_assert_eq(equal_files(a, c), !seeded, "%s", files[i]);
    }
    cr_assert_eq(test_folder_entries(), 3);
}

/* The bytes of one seed, so that a made checkpoint means the same on every machine: FNV-1a over the
 * words of eight bytes. */
Test(make, the_weights_are_the_same_everywhere, .init = test_folder_make,
     .fini = test_folder_remove)
{
    make("a", 0, 2);
    size_t bytes;
    char *data = test_read_file(test_folder_path("a/model.safetensors"), &bytes);
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t at = 0; at + 8 <= bytes; at += 8) {
        uint64_t word;
        memcpy(&word, data + at, 8);
        hash = (hash ^ word) * 0x100000001B3u;
    }
    cr_assert_eq(hash, 0x84d9ad8cbb5836e1u, "%llx", (unsigned long long)hash);
    free(data);
}

/* harness/model/README.md#totals: they pin every shape. */
Test(make, size_2b_has_the_published_tensors)
{
    vlt_make_model model;
    vlt_make_list list;
    cr_assert_eq(vlt_make_model_init(&model, "2b", 0, NULL), VLT_OK);
    cr_assert_eq(vlt_make_list_init(&list, &model.config, 2881, NULL), VLT_OK);
    int64_t weights = 0;
    for (int i = 0; i < list.count; i++) {
        weights += vlt_tensor_elements(&list.entry[i].tensor);
    }
    cr_assert_eq(list.count, 625);
    cr_assert_eq(weights, 2127532032);
    vlt_make_list_release(&list);
}

Test(make, readers_take_what_was_made, .init = test_folder_make, .fini = test_folder_remove)
{
    vlt_error err = {0};
    vlt_model_config config;
    vlt_tokenizer *tokenizer = NULL;
    vlt_checkpoint *checkpoint = NULL;
    make("a", 1, 2);
    cr_assert_eq(vlt_model_config_load(test_folder_path("a"), &config, &err), VLT_OK, "%s",
                 err.message);
    cr_assert_eq(vlt_tokenizer_load(test_folder_path("a"), &tokenizer, &err), VLT_OK, "%s",
                 err.message);
    cr_assert_eq(vlt_checkpoint_open(test_folder_path("a"), &checkpoint, &err), VLT_OK, "%s",
                 err.message);
    cr_assert_eq(checkpoint->container->map(checkpoint, &err), VLT_OK, "%s", err.message);
    const vlt_vocab *vocab = vlt_tokenizer_vocab(tokenizer);
    cr_assert_leq(vlt_vocab_size(vocab), config.text.vocab);
    cr_assert_eq(config.text.vocab % 64, 0);
    cr_assert_eq(vlt_vocab_find_added(vocab, "<|image_pad|>", 13), config.image_token);
    cr_assert_eq(vlt_vocab_find_added(vocab, "<|video_pad|>", 13), config.video_token);
    cr_assert_eq(vlt_vocab_find_added(vocab, "<|vision_start|>", 16), config.vision_start_token);
    cr_assert_eq(vlt_vocab_find_added(vocab, "<|im_end|>", 10), config.eos.id[0]);

    vlt_weights weights = {0};
    cr_assert_eq(vlt_weights_init(checkpoint, &config, &weights, &err), VLT_OK, "%s", err.message);
    cr_assert(weights.tied);
    /* Padding: zero from the first id without a token on. */
    int64_t width = config.text.width, tokens = vlt_vocab_size(vocab);
    float row[192];
    cr_assert_eq(width, 192);
    for (int64_t id = 0; id < config.text.vocab; id++) {
        vlt_matrix_row(&weights.decoder.embed, id, row);
        bool zero = true;
        for (int64_t i = 0; i < width; i++) {
            zero = zero && row[i] == 0;
        }
        cr_assert_eq(zero, id >= tokens, "row %lld", (long long)id);
    }
    vlt_weights_release(&weights);
    vlt_checkpoint_close(checkpoint);
    vlt_tokenizer_destroy(tokenizer);
}

Test(make, weights_are_normal_with_the_deviation_of_their_fan_in, .init = test_folder_make,
     .fini = test_folder_remove)
{
    vlt_safetensors *tensors = NULL;
    make("a", 2, 2);
    cr_assert_eq(vlt_safetensors_open_checkpoint(test_folder_path("a"), &tensors, NULL), VLT_OK);
    for (int i = 0; i < vlt_safetensors_count(tensors); i++) {
        const vlt_tensor *tensor = vlt_safetensors_at(tensors, i);
        int64_t count = vlt_tensor_elements(tensor);
        float *value = malloc((size_t)count * sizeof *value);
        vlt_tensor_to_f32(tensor, 0, count, value);
        double sum = 0, square = 0;
        int64_t beyond = 0;
        for (int64_t k = 0; k < count; k++) {
            sum += (double)value[k];
            square += (double)value[k] * (double)value[k];
        }
        double deviation = sqrt(square / (double)count);
        for (int64_t k = 0; k < count; k++) {
            beyond += fabs((double)value[k]) > 2 * deviation;
        }
        if (strstr(tensor->name, "_proj.weight") && tensor->rank == 2) {
            double expected = 1 / sqrt((double)tensor->shape[1]);
            cr_assert_float_eq(deviation, expected, 0.03 * expected, "%s", tensor->name);
            cr_assert_float_eq(sum / (double)count, 0, 0.03 * expected, "%s", tensor->name);
            cr_assert_float_eq((double)beyond / (double)count, 0.0455, 0.01, "%s", tensor->name);
        } else if (strstr(tensor->name, "norm") && strstr(tensor->name, "weight")) {
            cr_assert(square == (double)count && sum == (double)count, "%s", tensor->name);
        }
        free(value);
    }
    vlt_safetensors_close(tensors);
}

Test(make, tokenizer_encodes_and_decodes_every_script, .init = test_folder_make,
     .fini = test_folder_remove)
{
    static const char text[] =
        "How's it going? 1234 \t\n\n Größe, Ёлка, 测试 टेस्ट 🙂 \x01 int "
        "main(void)";
    vlt_error err = {0};
    vlt_tokenizer *tokenizer = NULL;
    vlt_caps caps = {.cpu_count = 1};
    vlt_context context = {.caps = &caps};
    int32_t *ids = NULL;
    size_t count = 0, bytes = 0;
    char *decoded = NULL;
    make("a", 1, 1);
    cr_assert_eq(vlt_tokenizer_load(test_folder_path("a"), &tokenizer, &err), VLT_OK, "%s",
                 err.message);
    cr_assert_eq(
        vlt_tokenizer_encode(tokenizer, &context, text, sizeof text - 1, NULL, &ids, &count, &err),
        VLT_OK, "%s", err.message);
    cr_assert_lt(count, (sizeof text - 1) * 2 / 3);
    cr_assert_eq(
        vlt_decode(vlt_tokenizer_vocab(tokenizer), ids, count, false, &decoded, &bytes, &err),
        VLT_OK);
    cr_assert_str_eq(decoded, text);
    free(decoded);
    free(ids);
    vlt_tokenizer_destroy(tokenizer);
}

static bool stop_early(void *user, double share)
{
    int *calls = user;
    return ++*calls > 40 && share < 1;
}

Test(make, nothing_half_written_is_left, .init = test_folder_make, .fini = test_folder_remove)
{
    vlt_error err = {0};
    int calls = 0;
    vlt_make_options options = {.size = "tiny", .stop = stop_early, .user = &calls};
    cr_assert_eq(vlt_model_make(test_folder_path("a"), &options, NULL, &err),
                 VLT_STATUS_INTERRUPTED);
    cr_assert_gt(calls, 40);
    cr_assert_eq(test_folder_entries(), 0);

    options = (vlt_make_options){.size = "huge"};
    cr_assert_eq(vlt_model_make(test_folder_path("a"), &options, NULL, &err), VLT_STATUS_USAGE);
    cr_assert(strstr(err.message, "'huge'"), "%s", err.message);
    options = (vlt_make_options){.size = "tiny"};
    cr_assert_eq(vlt_model_make(test_folder_path("no/such/parent"), &options, NULL, &err),
                 VLT_STATUS_IO);

    make("a", 1, 1);
    cr_assert_eq(vlt_model_make(test_folder_path("a"), &options, NULL, &err), VLT_STATUS_USAGE);
    cr_assert_eq(vlt_model_make(test_folder_path("a/config.json"), &options, NULL, &err),
                 VLT_STATUS_USAGE);
    cr_assert_eq(test_folder_entries(), 1);
    cr_assert_eq(mkdir(test_folder_path("empty"), 0755), 0);
    make("empty", 1, 1); /* an empty folder may be filled */
    cr_assert(equal_files("a/model.safetensors", "empty/model.safetensors"));
}
