/* The hash of much data: the same from memory and from a file, for any number of threads, and
 * another one when any byte is another. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/packs/leaf_hash.h"

enum { LEAF = 256 << 10, MOST = 40 * LEAF + 17 };

static unsigned char *make_data(void)
{
    unsigned char *data = malloc(MOST);
    cr_assert_not_null(data);
    for (size_t i = 0; i < MOST; i++) {
        data[i] = (unsigned char)(i * 31 + i / 4099);
    }
    return data;
}

static vlt_hash128 hash_of(vlt_threads *threads, const void *data, size_t bytes)
{
    vlt_hash128 hash = {0};
    cr_assert_eq(vlt_leaf_hash(threads, data, bytes, &hash, NULL), VLT_OK);
    return hash;
}

Test(leaf_hash, does_not_depend_on_threads_or_on_where_the_data_is)
{
    static const size_t sizes[] = {0, 1, LEAF - 1, LEAF, LEAF + 1, 16 * LEAF, 17 * LEAF + 5, MOST};
    const vlt_threads_options options = {.count = 4};
    vlt_threads *threads = NULL;
    unsigned char *data = make_data();
    cr_assert_eq(vlt_threads_create(&options, &threads, NULL), VLT_OK);
    int fd = memfd_create("data", MFD_CLOEXEC);
    cr_assert_eq(write(fd, "before", 6), 6);
    for (size_t done = 0; done < MOST;) {
        ssize_t put = write(fd, data + done, MOST - done);
        cr_assert_gt(put, 0);
        done += (size_t)put;
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        vlt_hash128 alone = hash_of(NULL, data, sizes[i]), all = hash_of(threads, data, sizes[i]);
        vlt_hash128 file = {0}, file_all = {0};
        cr_assert_eq(vlt_leaf_hash_file(NULL, fd, 6, sizes[i], &file, NULL), VLT_OK);
        cr_assert_eq(vlt_leaf_hash_file(threads, fd, 6, sizes[i], &file_all, NULL), VLT_OK);
        cr_expect(vlt_hash128_same(alone, all), "%zu bytes, 4 threads", sizes[i]);
        cr_expect(vlt_hash128_same(alone, file), "%zu bytes from a file", sizes[i]);
        cr_expect(vlt_hash128_same(alone, file_all), "%zu bytes from a file, 4 threads", sizes[i]);
        for (size_t j = 0; j < i; j++) {
            cr_expect(!vlt_hash128_same(alone, hash_of(NULL, data, sizes[j])), "%zu and %zu bytes",
                      sizes[i], sizes[j]);
        }
    }
    close(fd);
    vlt_threads_destroy(threads);
    free(data);
}

Test(leaf_hash, every_byte_and_its_place_count)
{
    enum { BYTES = 3 * LEAF + 9 };
    unsigned char *data = make_data();
    vlt_hash128 whole = hash_of(NULL, data, BYTES);
    for (size_t at = 0; at < BYTES; at += at < 2 ? 1 : 32771) {
        data[at] ^= 0x40;
        cr_expect(!vlt_hash128_same(whole, hash_of(NULL, data, BYTES)), "byte %zu", at);
        data[at] ^= 0x40;
    }
    for (size_t i = 0; i < LEAF; i++) { /* two leaves change places */
        unsigned char kept = data[i];
        data[i] = data[LEAF + i];
        data[LEAF + i] = kept;
    }
    cr_expect(!vlt_hash128_same(whole, hash_of(NULL, data, BYTES)), "leaves in another order");
    free(data);
}

/* An error, no signal. */
Test(leaf_hash, of_a_file_that_is_too_short)
{
    vlt_hash128 hash;
    vlt_error err = {0};
    int fd = memfd_create("data", MFD_CLOEXEC);
    cr_assert_eq(ftruncate(fd, LEAF + 100), 0);
    cr_expect_eq(vlt_leaf_hash_file(NULL, fd, 0, LEAF + 100, &hash, &err), VLT_OK);
    cr_expect_eq(vlt_leaf_hash_file(NULL, fd, 1, LEAF + 100, &hash, &err), VLT_STATUS_IO);
    cr_expect_eq(vlt_leaf_hash_file(NULL, fd, 0, MOST, &hash, &err), VLT_STATUS_IO);
    close(fd);
    cr_expect_eq(vlt_leaf_hash_file(NULL, fd, 0, 10, &hash, &err), VLT_STATUS_IO);
}
