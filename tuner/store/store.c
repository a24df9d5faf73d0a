#include "tuner/store/store.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "optimizations/core/hash.h"
#include "tuner/store/store_internal.h"

static void format_id(uint8_t bytes[16], int version, char id[VLT_STORE_ID_BYTES])
{
    bytes[6] = (uint8_t)((bytes[6] & 0x0F) | version << 4);
    bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80);
    size_t used = 0;
    for (int i = 0; i < 16; i++) {
        used += (size_t)snprintf(id + used, VLT_STORE_ID_BYTES - used, "%s%02x",
                                 i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
    }
}

void vlt_store_random_id(char id[VLT_STORE_ID_BYTES])
{
    uint8_t bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        /* a kernel without entropy: unique through time and process instead */
        int64_t seed[2] = {vlt_store_now_ms(), getpid()};
        for (uint64_t half = 0; half < 2; half++) {
            uint64_t hash = vlt_hash_bytes(seed, sizeof seed, half);
            memcpy(bytes + 8 * half, &hash, sizeof hash);
        }
    }
    format_id(bytes, 4, id);
}

void vlt_store_content_id(const char *text, char id[VLT_STORE_ID_BYTES])
{
    uint8_t bytes[16];
    for (uint64_t half = 0; half < 2; half++) {
        uint64_t hash = vlt_hash_bytes(text, strlen(text), half);
        for (int i = 0; i < 8; i++) {
            bytes[8 * half + (uint64_t)i] = (uint8_t)(hash >> (8 * i));
        }
    }
    format_id(bytes, 8, id);
}
