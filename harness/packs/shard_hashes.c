#include "harness/packs/shard_hashes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/packs/pack_new.h"

/* Of the format and of how a tensor is hashed. */
enum { VERSION = 1, FILE_LIMIT = 256 << 20 };

static const char magic[16] = "vltune hashes\r\n";

struct header {
    char magic[16];
    uint64_t version, count;
    vlt_hash128 path;
    vlt_file_identity identity;
    uint64_t zero;
};

void vlt_shard_hashes_release(vlt_shard_hashes *hashes)
{
    free(hashes->entry);
    *hashes = (vlt_shard_hashes){0};
}

static vlt_status read_all(int fd, char *out, size_t bytes, vlt_error *err)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t got = pread(fd, out + done, bytes - done, (off_t)done);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return vlt_fail(err, VLT_STATUS_IO, "%s", got ? strerror(errno) : "is cut");
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return VLT_OK;
}

/* all[bytes] without the checksum */
static vlt_status read_entries(const char *all, size_t bytes, vlt_shard_hashes *out, vlt_error *err)
{
    struct header header;
    memcpy(&header, all, sizeof header);
    size_t rest = bytes - sizeof header;
    if (header.version != VERSION || rest % sizeof *out->entry ||
        header.count != rest / sizeof *out->entry) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "has version %" PRIu64 " and %" PRIu64 " hashes in %zu bytes",
                        header.version, header.count, bytes);
    }
    out->path = header.path;
    out->identity = header.identity;
    out->entry = malloc(rest ? rest : 1);
    if (!out->entry) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "out of memory");
    }
    memcpy(out->entry, all + sizeof header, rest);
    out->count = header.count;
    return VLT_OK;
}

vlt_status vlt_shard_hashes_read(int fd, uint64_t file_bytes, vlt_shard_hashes *out, vlt_error *err)
{
    vlt_hash128 checksum, found;
    *out = (vlt_shard_hashes){0};
    if (file_bytes < sizeof(struct header) + sizeof checksum || file_bytes > FILE_LIMIT) {
        return vlt_fail(err, VLT_STATUS_INPUT, "has %" PRIu64 " bytes, expected %zu to %d",
                        file_bytes, sizeof(struct header) + sizeof checksum, FILE_LIMIT);
    }
    size_t bytes = (size_t)file_bytes - sizeof checksum;
    char *all = malloc((size_t)file_bytes);
    if (!all) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "out of memory");
    }
    vlt_status status = read_all(fd, all, (size_t)file_bytes, err);
    if (status == VLT_OK && memcmp(all, magic, sizeof magic) != 0) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "is no file of hashes");
    }
    if (status == VLT_OK) {
        memcpy(&checksum, all + bytes, sizeof checksum);
        found = vlt_hash128_bytes(all, bytes);
        status = vlt_hash128_same(checksum, found)
                     ? read_entries(all, bytes, out, err)
                     : vlt_fail(err, VLT_STATUS_INPUT, "its checksum is wrong");
    }
    free(all);
    return status;
}

vlt_status vlt_shard_hashes_write(const vlt_pack_folder *folder, const vlt_shard_hashes *hashes,
                                  vlt_error *err)
{
    struct header header = {.version = VERSION,
                            .count = hashes->count,
                            .path = hashes->path,
                            .identity = hashes->identity};
    size_t rest = (size_t)hashes->count * sizeof *hashes->entry;
    size_t bytes = sizeof header + rest;
    char name[VLT_PACK_NAME_BYTES];
    vlt_pack_new file;
    vlt_hash128 checksum;
    char *all = malloc(bytes + sizeof checksum);
    if (!all) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "out of memory");
    }
    memcpy(header.magic, magic, sizeof magic);
    memcpy(all, &header, sizeof header);
    memcpy(all + sizeof header, hashes->entry, rest);
    checksum = vlt_hash128_bytes(all, bytes);
    memcpy(all + bytes, &checksum, sizeof checksum);
    vlt_pack_entry_name(hashes->path, VLT_PACK_ENTRY_HASHES, name);
    vlt_status status = vlt_pack_new_open(folder, name, bytes + sizeof checksum, &file, err);
    if (status == VLT_OK) {
        status = vlt_pack_new_write(&file, all, bytes + sizeof checksum, err);
    }
    if (status == VLT_OK) {
        status = vlt_pack_new_commit(&file, err);
    }
    vlt_pack_new_discard(&file);
    free(all);
    return status;
}
