#include "harness/packs/leaf_hash.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A leaf stays in the second cache between being read and being hashed. */
enum { LEAF_BYTES = 256 << 10, LEAVES_AT_ONCE = 16 };

struct job {
    const unsigned char *data; /* NULL: from the file */
    int fd;
    off_t offset;
    size_t bytes;
    unsigned char *buffer; /* [threads][LEAF_BYTES] */
    vlt_hash128 *leaf;
    _Atomic int failed; /* errno */
};

static size_t leaf_bytes(const struct job *job, int64_t leaf)
{
    size_t before = (size_t)leaf * LEAF_BYTES, left = job->bytes - before;
    return left < LEAF_BYTES ? left : LEAF_BYTES;
}

/* 0, or errno; EIO for a file that ends too early. */
static int read_leaf(const struct job *job, int64_t leaf, unsigned char *out)
{
    size_t bytes = leaf_bytes(job, leaf), done = 0;
    while (done < bytes) {
        ssize_t got = pread(job->fd, out + done, bytes - done,
                            job->offset + (off_t)leaf * LEAF_BYTES + (off_t)done);
        if (got > 0) {
            done += (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            return got == 0 ? EIO : errno;
        }
    }
    return 0;
}

static void hash_leaves(void *argument, int64_t begin, int64_t end, int worker)
{
    struct job *job = argument;
    for (int64_t i = begin; i < end; i++) {
        const unsigned char *data = job->data ? job->data + (size_t)i * LEAF_BYTES : NULL;
        if (!data) {
            unsigned char *buffer = job->buffer + (size_t)worker * LEAF_BYTES;
            int failed = read_leaf(job, i, buffer);
            if (failed) {
                atomic_store(&job->failed, failed);
                return;
            }
            data = buffer;
        }
        job->leaf[i] = vlt_hash128_bytes(data, leaf_bytes(job, i));
    }
}

static vlt_status run(vlt_threads *threads, struct job *job, vlt_hash128 *out, vlt_error *err)
{
    size_t leaves = job->bytes / LEAF_BYTES + (job->bytes % LEAF_BYTES != 0);
    vlt_status status = VLT_OK;
    job->leaf = malloc((leaves + 1) * sizeof *job->leaf);
    if (!job->data) {
        job->buffer = malloc((size_t)vlt_threads_count(threads) * LEAF_BYTES);
    }
    if (!job->leaf || (!job->data && !job->buffer)) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "hash of %zu bytes: out of memory", job->bytes);
        goto done;
    }
    vlt_threads_for(threads, (int64_t)leaves, LEAVES_AT_ONCE, 0, hash_leaves, job);
    if (atomic_load(&job->failed)) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s", strerror(atomic_load(&job->failed)));
        goto done;
    }
    job->leaf[leaves] = (vlt_hash128){.low = job->bytes};
    *out = vlt_hash128_bytes(job->leaf, (leaves + 1) * sizeof *job->leaf);
done:
    free(job->leaf);
    free(job->buffer);
    return status;
}

vlt_status vlt_leaf_hash(vlt_threads *threads, const void *data, size_t bytes, vlt_hash128 *out,
                         vlt_error *err)
{
    static const unsigned char nothing;
    struct job job = {.data = data ? data : &nothing, .bytes = bytes};
    return run(threads, &job, out, err);
}

vlt_status vlt_leaf_hash_file(vlt_threads *threads, int fd, off_t offset, size_t bytes,
                              vlt_hash128 *out, vlt_error *err)
{
    struct job job = {.fd = fd, .offset = offset, .bytes = bytes};
    return run(threads, &job, out, err);
}
