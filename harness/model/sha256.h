/* sha256.h: SHA-256 of a stream of bytes (FIPS 180-4). */
#ifndef VLT_HARNESS_SHA256_H
#define VLT_HARNESS_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { VLT_SHA256_BYTES = 32, VLT_SHA256_HEX = 65 };

typedef struct vlt_sha256 {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
} vlt_sha256;

void vlt_sha256_init(vlt_sha256 *sha);
void vlt_sha256_add(vlt_sha256 *sha, const void *data, size_t bytes);

/* digest[32]; the object must be made anew afterwards. */
void vlt_sha256_finish(vlt_sha256 *sha, uint8_t *digest);

/* Lower-case hex of data[bytes], NUL behind: hex[VLT_SHA256_HEX]. */
void vlt_sha256_hex(const void *data, size_t bytes, char *hex);

#endif
