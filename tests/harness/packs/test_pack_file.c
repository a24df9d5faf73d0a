/* A file of packed weights: read back as it was written, and refused when anything in it is
 * different. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/packs/leaf_hash.h"
#include "harness/packs/pack_file.h"

enum { PACK = 700001, WHOLE = VLT_PACK_HEADER_BYTES + PACK };

static const vlt_hash128 key = {7, 8};
static const vlt_pack_request request = {.kind = "test/1", .bytes = PACK};
static unsigned char whole[WHOLE + 1];

static void make_whole(void)
{
    vlt_pack_header header;
    vlt_hash128 hash;
    for (size_t i = 0; i < PACK; i++) {
        whole[sizeof header + i] = (unsigned char)(i * 13 + i / 700);
    }
    cr_assert_eq(vlt_leaf_hash(NULL, whole + sizeof header, PACK, &hash, NULL), VLT_OK);
    vlt_pack_header_make(key, "test/1", PACK, hash, "/models/demo", "layer.weight", &header);
    memcpy(whole, &header, sizeof header);
}

/* whole[bytes] in a file. */
static int put(size_t bytes)
{
    int fd = memfd_create("pack", MFD_CLOEXEC);
    for (size_t done = 0; done < bytes;) {
        ssize_t wrote = write(fd, whole + done, bytes - done);
        cr_assert_gt(wrote, 0);
        done += (size_t)wrote;
    }
    return fd;
}

static vlt_status map(size_t bytes, vlt_hash128 wanted, const vlt_pack_request *asked,
                      vlt_error *err)
{
    const void *data = NULL;
    int fd = put(bytes);
    vlt_status status = vlt_pack_file_map(fd, bytes, wanted, asked, &data, err);
    close(fd); /* the mapping stays */
    if (status == VLT_OK) {
        cr_expect_eq((uintptr_t)data % 64, 0);
        cr_expect_eq(memcmp(data, whole + VLT_PACK_HEADER_BYTES, asked->bytes), 0);
        vlt_pack_file_unmap(data, asked->bytes);
    } else {
        cr_expect_null(data);
    }
    return status;
}

Test(pack_file, is_read_as_it_was_written, .init = make_whole)
{
    vlt_pack_header header;
    vlt_error err = {0};
    cr_expect_eq(map(WHOLE, key, &request, &err), VLT_OK, "%s", err.message);
    int fd = put(WHOLE);
    cr_assert_eq(vlt_pack_header_read(fd, WHOLE, &header, &err), VLT_OK, "%s", err.message);
    cr_expect_str_eq(header.kind, "test/1");
    cr_expect_str_eq(header.model, "/models/demo");
    cr_expect_str_eq(header.tensor, "layer.weight");
    close(fd);
}

Test(pack_file, that_differs_in_any_byte_is_refused, .init = make_whole)
{
    for (size_t at = 0; at < WHOLE; at += at < VLT_PACK_HEADER_BYTES ? 37 : 9973) {
        vlt_error err = {0};
        whole[at] ^= 1;
        cr_expect_eq(map(WHOLE, key, &request, &err), VLT_STATUS_INPUT, "byte %zu", at);
        cr_expect(err.message[0], "byte %zu", at);
        whole[at] ^= 1;
    }
    whole[WHOLE - 1] ^= 0x80;
    cr_expect_eq(map(WHOLE, key, &request, NULL), VLT_STATUS_INPUT, "the last byte");
}

Test(pack_file, that_is_cut_or_longer_is_refused, .init = make_whole)
{
    static const size_t sizes[] = {0,         1,         15,    4095,
                                   4096,      4097,      65536, WHOLE / 2,
                                   WHOLE - 1, WHOLE + 1, 16,    WHOLE - VLT_PACK_HEADER_BYTES};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        vlt_error err = {0};
        cr_expect_eq(map(sizes[i], key, &request, &err), VLT_STATUS_INPUT, "%zu bytes", sizes[i]);
    }
    const void *data;
    int fd = put(WHOLE / 2); /* cut behind its size was asked */
    vlt_status status = vlt_pack_file_map(fd, WHOLE, key, &request, &data, NULL);
    cr_expect_eq(status, VLT_STATUS_IO);
    close(fd);
}

/* A file that is whole, under the name of another one. */
Test(pack_file, of_something_else_is_refused, .init = make_whole)
{
    vlt_error err = {0};
    vlt_pack_request other = request;
    cr_expect_eq(map(WHOLE, (vlt_hash128){7, 9}, &request, &err), VLT_STATUS_INPUT);
    cr_expect(strstr(err.message, "is another pack"), "%s", err.message);
    other.kind = "test/2";
    cr_expect_eq(map(WHOLE, key, &other, &err), VLT_STATUS_INPUT);
    cr_expect(strstr(err.message, "test/1") && strstr(err.message, "test/2"), "%s", err.message);
    other = request;
    other.bytes--;
    cr_expect_eq(map(WHOLE, key, &other, &err), VLT_STATUS_INPUT);
}

/* Checksums that are right do not make a header right: texts end in their arrays. */
Test(pack_file, whose_texts_do_not_end_is_refused, .init = make_whole)
{
    vlt_pack_header header;
    vlt_error err = {0};
    memcpy(&header, whole, sizeof header);
    memset(header.kind, 'x', sizeof header.kind);
    header.header_hash = vlt_hash128_bytes(&header, sizeof header - sizeof header.header_hash);
    memcpy(whole, &header, sizeof header);
    cr_expect_eq(map(WHOLE, key, &request, &err), VLT_STATUS_INPUT);
}

Test(pack_file, names_that_are_too_long_are_cut, .init = make_whole)
{
    vlt_pack_header header;
    char text[8000];
    memset(text, 'm', sizeof text);
    text[sizeof text - 1] = '\0';
    vlt_pack_header_make(key, "test/1", 0, (vlt_hash128){0}, text, text, &header);
    cr_expect_eq(strlen(header.model), sizeof header.model - 1);
    cr_expect_eq(strlen(header.tensor), sizeof header.tensor - 1);
    cr_expect_eq(header.zeros[0], 0);
}
