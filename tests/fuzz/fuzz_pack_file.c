/* Files of packed weights and of hashes, as somebody else or a bad disk left them. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/packs/leaf_hash.h"
#include "harness/packs/pack_file.h"
#include "harness/packs/shard_hashes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PACK = 600, WHOLE = VLT_PACK_HEADER_BYTES + PACK, ROOM = 1 << 16 };

static const vlt_hash128 key = {1, 2};
static const vlt_pack_request request = {.kind = "fuzz/1", .bytes = PACK};

static int put(const uint8_t *data, size_t size)
{
    int file = memfd_create("fuzz", MFD_CLOEXEC);
    if (file < 0 || write(file, data, size) != (ssize_t)size) {
        abort();
    }
    return file;
}

/* Refused, or every byte can be read. */
static bool read_pack(const uint8_t *data, size_t size)
{
    vlt_pack_header header;
    const void *pack = NULL;
    int file = put(data, size);
    if (vlt_pack_header_read(file, size, &header, NULL) == VLT_OK &&
        strlen(header.kind) + strlen(header.model) + strlen(header.tensor) >= sizeof header) {
        abort();
    }
    bool fine = vlt_pack_file_map(file, size, key, &request, &pack, NULL) == VLT_OK;
    close(file);
    if (fine) {
        unsigned sum = 0;
        for (size_t i = 0; i < PACK; i++) {
            sum += ((const uint8_t *)pack)[i];
        }
        volatile unsigned kept = sum;
        (void)kept;
        vlt_pack_file_unmap(pack, PACK);
    }
    return fine;
}

static void read_hashes(const uint8_t *data, size_t size)
{
    vlt_shard_hashes hashes = {0};
    int file = put(data, size);
    if (vlt_shard_hashes_read(file, size, &hashes, NULL) == VLT_OK) {
        uint64_t sum = 0;
        for (uint64_t i = 0; i < hashes.count; i++) {
            sum += hashes.entry[i].offset + hashes.entry[i].hash.low;
        }
        volatile uint64_t kept = sum;
        (void)kept;
    }
    vlt_shard_hashes_release(&hashes);
    close(file);
}

static void make_pack(uint8_t out[WHOLE])
{
    vlt_pack_header header;
    vlt_hash128 hash;
    for (size_t i = 0; i < PACK; i++) {
        out[sizeof header + i] = (uint8_t)(i * 5);
    }
    if (vlt_leaf_hash(NULL, out + sizeof header, PACK, &hash, NULL) != VLT_OK) {
        abort();
    }
    vlt_pack_header_make(key, request.kind, PACK, hash, "/model", "tensor", &header);
    memcpy(out, &header, sizeof header);
}

/* A checksum that is right for whatever is before it. */
static void repair(uint8_t *data, size_t covered)
{
    vlt_hash128 hash = vlt_hash128_bytes(data, covered);
    memcpy(data + covered, &hash, sizeof hash);
}

/* A right file with edits: triples of place (two bytes) and value. What differs is refused, unless
 * checksums are made right again. */
static void edit(const uint8_t *data, size_t size, bool repaired)
{
    static uint8_t whole[WHOLE];
    uint8_t edited[WHOLE];
    make_pack(whole);
    memcpy(edited, whole, sizeof whole);
    for (; size >= 3; data += 3, size -= 3) {
        edited[((size_t)data[0] << 8 | data[1]) % WHOLE] = data[2];
    }
    if (repaired) {
        repair(edited, VLT_PACK_HEADER_BYTES - sizeof(vlt_hash128));
    }
    if (read_pack(edited, WHOLE) &&
        memcmp(whole + VLT_PACK_HEADER_BYTES, edited + VLT_PACK_HEADER_BYTES, PACK) != 0 &&
        !repaired) {
        abort();
    }
    if (!repaired && memcmp(whole, edited, sizeof whole) != 0 && read_pack(edited, WHOLE)) {
        abort();
    }
    if (size && read_pack(whole, data[0] * (size_t)WHOLE / 256)) {
        abort(); /* cut */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t copy[ROOM + sizeof(vlt_hash128)];
    if (size == 0 || size > ROOM) {
        return 0;
    }
    switch (data[0] % 5) {
    case 0:
        read_pack(data + 1, size - 1);
        break;
    case 1:
        read_hashes(data + 1, size - 1);
        break;
    case 2: /* whatever it is, its checksum is right */
        memcpy(copy, "vltune hashes\r\n", 16);
        if (size > 17) {
            memcpy(copy + 16, data + 17, size - 17);
        }
        repair(copy, size > 17 ? size - 1 : 16);
        read_hashes(copy, (size > 17 ? size - 1 : 16) + sizeof(vlt_hash128));
        break;
    default:
        edit(data + 1, size - 1, data[0] % 5 == 3);
    }
    return 0;
}
