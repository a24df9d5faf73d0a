#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/model/safetensors.h"

static char path[64];

/* A file of this header and this many zero bytes of data. */
static void write_raw(uint64_t length, const char *header, size_t data_bytes)
{
    snprintf(path, sizeof path, "/tmp/vlt-st-XXXXXX");
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++) {
        prefix[i] = (unsigned char)(length >> (8 * i));
    }
    cr_assert_eq(write(file, prefix, 8), 8);
    cr_assert_eq(write(file, header, strlen(header)), (ssize_t)strlen(header));
    for (size_t i = 0; i < data_bytes; i++) {
        cr_assert_eq(write(file, "", 1), 1);
    }
    close(file);
}

static void refused(const char *header, size_t data_bytes, const char *words)
{
    vlt_safetensors *tensors;
    vlt_error err = {0};
    write_raw(strlen(header), header, data_bytes);
    cr_expect_neq(vlt_safetensors_open(path, &tensors, &err), VLT_OK, "%s", header);
    cr_expect_not_null(strstr(err.message, words), "%s: %s", header, err.message);
    cr_expect_null(tensors);
    unlink(path);
}

Test(safetensors, contradictions_are_refused_with_both_values)
{
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,12]}}", 12, "12 bytes");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}", 12, "12 bytes");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}", 20, "20 bytes");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[-2,2],\"data_offsets\":[0,16]}}", 16, "-2");
    refused("{\"a\":{\"dtype\":\"Q4\",\"shape\":[2,2],\"data_offsets\":[0,16]}}", 16, "Q4");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[16,0]}}", 16, "[16,0)");
    refused(
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4],\"data_offsets\":[0,16]}}",
        16, "no known size");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
            "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
            12, "begins at offset 4");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
            "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]}}",
            20, "begins at offset 12");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
            "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
            16, "duplicate");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8, "shape");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
            "9 dimensions");
    refused("{\"a\":17}", 4, "data_offsets");
    refused("[]", 0, "object");
    refused("{\"a\":", 0, ":1:");
}

Test(safetensors, absurd_header_lengths_are_refused)
{
    static const uint64_t lengths[] = {3, 100, 99999999, 100000001, UINT64_MAX, UINT64_MAX - 7};
    for (int i = 0; i < 6; i++) {
        vlt_safetensors *tensors;
        write_raw(lengths[i], "{}", 0);
        cr_expect_neq(vlt_safetensors_open(path, &tensors, NULL), VLT_OK);
        unlink(path);
    }
}

Test(safetensors, what_is_written_is_read_back)
{
    float f32[] = {1, -2, 3.5f, 4, 5, 6};
    int32_t i32[] = {7, -8};
    uint16_t bf16[] = {0x3F80, 0xBF80, 0x4000};
    vlt_tensor tensors[] = {
        {.name = "a", .dtype = VLT_DTYPE_F32, .rank = 2, .shape = {2, 3}, .data = f32},
        {.name = "empty", .dtype = VLT_DTYPE_F32, .rank = 2, .shape = {0, 3}, .data = f32},
        {.name = "\xC3\xA9 \"quoted\"",
         .dtype = VLT_DTYPE_I32,
         .rank = 1,
         .shape = {2},
         .data = i32},
        {.name = "scalar", .dtype = VLT_DTYPE_BF16, .rank = 0, .data = bf16},
        {.name = "half", .dtype = VLT_DTYPE_BF16, .rank = 1, .shape = {3}, .data = bf16},
    };
    vlt_safetensors *read = NULL;
    vlt_error err = {0};
    snprintf(path, sizeof path, "/tmp/vlt-st-%d.safetensors", (int)getpid());
    cr_assert_eq(vlt_safetensors_write(path, tensors, 5, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_safetensors_open(path, &read, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_safetensors_count(read), 5);
    for (int i = 0; i < 5; i++) {
        const vlt_tensor *t = vlt_safetensors_find(read, tensors[i].name);
        cr_assert_not_null(t);
        cr_assert_eq(t->dtype, tensors[i].dtype);
        cr_assert_eq(t->rank, tensors[i].rank);
        cr_assert_arr_eq(t->shape, tensors[i].shape, sizeof t->shape[0] * (size_t)t->rank);
        cr_assert_eq(memcmp(t->data, tensors[i].data, t->bytes), 0);
    }
    float out[2];
    vlt_tensor_to_f32(vlt_safetensors_find(read, "half"), 1, 2, out);
    cr_assert_eq(out[0], -1);
    cr_assert_eq(out[1], 2);
    cr_assert_null(vlt_safetensors_find(read, "absent"));
    vlt_safetensors_close(read);
    unlink(path);
}

Test(safetensors, an_unfinished_file_never_appears)
{
    float value = 1;
    vlt_tensor tensor = {.name = "a", .dtype = VLT_DTYPE_F32, .rank = 1, .shape = {2}};
    vlt_safetensors_writer *writer;
    snprintf(path, sizeof path, "/tmp/vlt-st-%d.part", (int)getpid());
    cr_assert_eq(vlt_safetensors_writer_create(path, &tensor, 1, &writer, NULL), VLT_OK);
    cr_assert_eq(vlt_safetensors_writer_append(writer, &value, 4, NULL), VLT_OK);
    cr_assert_neq(vlt_safetensors_writer_finish(writer, NULL), VLT_OK);
    vlt_safetensors_writer_destroy(writer);
    cr_assert_neq(access(path, F_OK), 0);

    vlt_tensor twice[] = {tensor, tensor};
    cr_assert_neq(vlt_safetensors_writer_create(path, twice, 2, &writer, NULL), VLT_OK);
}

Test(safetensors, unaligned_data_is_read)
{
    const char *header = "{\"a\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[0,6]}} ";
    vlt_safetensors *tensors = NULL;
    write_raw(strlen(header), header, 6);
    cr_assert_eq(vlt_safetensors_open(path, &tensors, NULL), VLT_OK);
    const vlt_tensor *a = vlt_safetensors_at(tensors, 0);
    float out[3] = {9, 9, 9};
    vlt_tensor_to_f32(a, 0, 3, out);
    cr_assert_eq(out[0] + out[1] + out[2], 0);
    vlt_safetensors_close(tensors);
    unlink(path);
}

/* An index of two shards in a folder of its own. */
static vlt_status open_index(const char *index, vlt_error *err)
{
    char folder[] = "/tmp/vlt-index-XXXXXX", name[128];
    float data[2] = {1, 2};
    cr_assert_not_null(mkdtemp(folder));
    vlt_tensor a = {.name = "a", .dtype = VLT_DTYPE_F32, .rank = 1, .shape = {2}, .data = data};
    vlt_tensor b = a;
    b.name = "b";
    snprintf(name, sizeof name, "%s/1.safetensors", folder);
    cr_assert_eq(vlt_safetensors_write(name, &a, 1, NULL), VLT_OK);
    snprintf(name, sizeof name, "%s/2.safetensors", folder);
    cr_assert_eq(vlt_safetensors_write(name, &b, 1, NULL), VLT_OK);
    snprintf(name, sizeof name, "%s/model.safetensors.index.json", folder);
    FILE *file = fopen(name, "w");
    fputs(index, file);
    fclose(file);
    vlt_safetensors *tensors;
    vlt_status status = vlt_safetensors_open_checkpoint(folder, &tensors, err);
    cr_assert(status != VLT_OK || vlt_safetensors_count(tensors) == 2);
    vlt_safetensors_close(tensors);
    snprintf(name, sizeof name, "rm -r %s", folder);
    cr_assert_eq(system(name), 0);
    return status;
}

Test(safetensors, an_index_is_held_to_its_word)
{
    vlt_error err = {0};
    cr_expect_eq(
        open_index("{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}}", &err),
        VLT_OK, "%s", err.message);
    cr_expect_neq(
        open_index("{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"3.safetensors\"}}", &err),
        VLT_OK);
    cr_expect_not_null(strstr(err.message, "3.safetensors"), "%s", err.message);
    cr_expect_neq(
        open_index("{\"weight_map\":{\"a\":\"2.safetensors\",\"b\":\"1.safetensors\"}}", &err),
        VLT_OK);
    cr_expect_not_null(strstr(err.message, "'a'"), "%s", err.message);
    cr_expect_neq(open_index("{\"weight_map\":{\"a\":\"../1.safetensors\"}}", &err), VLT_OK);
    cr_expect_neq(open_index("{\"weight_map\":{\"c\":\"1.safetensors\"}}", &err), VLT_OK);
    cr_expect_neq(open_index("{\"weight_map\":7}", &err), VLT_OK);
    cr_expect_neq(open_index("{}", &err), VLT_OK);
    cr_expect_not_null(strstr(err.message, "weight_map"), "%s", err.message);
}
