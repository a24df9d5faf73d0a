#include "harness/packs/pack_file.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/packs/leaf_hash.h"
#include "optimizations/core/utf8_text.h"

static_assert(sizeof(vlt_pack_header) == VLT_PACK_HEADER_BYTES, "no padding");

/* Of the format; a number of the other byte order is another version. */
enum { VERSION = 1 };

static const char magic[16] = "vltune packed\r\n";

static vlt_hash128 header_hash(const vlt_pack_header *header)
{
    return vlt_hash128_bytes(header, offsetof(vlt_pack_header, header_hash));
}

static void put_text(char *out, size_t bytes, const char *text)
{
    size_t length = strlen(text);
    memcpy(out, text, length < bytes ? length : bytes - 1);
}

void vlt_pack_header_make(vlt_hash128 key, const char *kind, size_t pack_bytes,
                          vlt_hash128 pack_hash, const char *model, const char *tensor,
                          vlt_pack_header *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out->magic, magic, sizeof magic);
    out->version = VERSION;
    out->pack_bytes = pack_bytes;
    out->key = key;
    out->pack_hash = pack_hash;
    put_text(out->kind, sizeof out->kind, kind);
    put_text(out->model, sizeof out->model, model);
    put_text(out->tensor, sizeof out->tensor, tensor);
    out->header_hash = header_hash(out);
}

/* All of it, or what the file has. */
static ssize_t read_front(int fd, void *out, size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t got = pread(fd, (char *)out + done, bytes - done, (off_t)done);
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)done;
}

static bool ends(const char *text, size_t bytes)
{
    return memchr(text, '\0', bytes) != NULL;
}

vlt_status vlt_pack_header_read(int fd, uint64_t file_bytes, vlt_pack_header *out, vlt_error *err)
{
    ssize_t got = read_front(fd, out, sizeof *out);
    if (got < 0) {
        return vlt_fail(err, VLT_STATUS_IO, "%s", strerror(errno));
    }
    if (got < (ssize_t)sizeof *out) {
        return vlt_fail(err, VLT_STATUS_INPUT, "is cut: %zd bytes, expected a header of %zu", got,
                        sizeof *out);
    }
    if (memcmp(out->magic, magic, sizeof magic) != 0) {
        return vlt_fail(err, VLT_STATUS_INPUT, "is no file of packed weights");
    }
    if (!vlt_hash128_same(header_hash(out), out->header_hash)) {
        return vlt_fail(err, VLT_STATUS_INPUT, "the checksum of its header is wrong");
    }
    if (out->version != VERSION || !ends(out->kind, sizeof out->kind) ||
        !ends(out->model, sizeof out->model) || !ends(out->tensor, sizeof out->tensor)) {
        return vlt_fail(err, VLT_STATUS_INPUT, "has version %" PRIu64 ", expected %d", out->version,
                        VERSION);
    }
    if (file_bytes < sizeof *out || file_bytes - sizeof *out != out->pack_bytes) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "is cut: %" PRIu64 " bytes, expected %zu and %" PRIu64, file_bytes,
                        sizeof *out, out->pack_bytes);
    }
    return VLT_OK;
}

static vlt_status check_request(const vlt_pack_header *header, vlt_hash128 key,
                                const vlt_pack_request *request, vlt_error *err)
{
    if (!vlt_hash128_same(header->key, key) || strcmp(header->kind, request->kind) != 0 ||
        header->pack_bytes != request->bytes) {
        return vlt_fail(
            err, VLT_STATUS_INPUT, "is another pack: %s of %" PRIu64 " bytes, expected %s of %zu",
            vlt_quoted_word(header->kind).text, header->pack_bytes, request->kind, request->bytes);
    }
    return VLT_OK;
}

vlt_status vlt_pack_file_map(int fd, uint64_t file_bytes, vlt_hash128 key,
                             const vlt_pack_request *request, const void **data, vlt_error *err)
{
    vlt_pack_header header;
    vlt_hash128 hash;
    *data = NULL;
    vlt_status status = vlt_pack_header_read(fd, file_bytes, &header, err);
    if (status == VLT_OK) {
        status = check_request(&header, key, request, err);
    }
    if (status == VLT_OK) {
        status = vlt_leaf_hash_file(request->threads, fd, sizeof header, request->bytes, &hash,
                                    err);
    }
    if (status == VLT_OK && !vlt_hash128_same(hash, header.pack_hash)) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "the checksum of its weights is wrong");
    }
    if (status != VLT_OK) {
        return status;
    }
    void *map = mmap(NULL, (size_t)file_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return vlt_fail(err, VLT_STATUS_IO, "mapping %" PRIu64 " bytes: %s", file_bytes,
                        strerror(errno));
    }
    *data = (const char *)map + sizeof header;
    return VLT_OK;
}

void vlt_pack_file_unmap(const void *data, size_t pack_bytes)
{
    munmap((char *)data - VLT_PACK_HEADER_BYTES, pack_bytes + VLT_PACK_HEADER_BYTES);
}
