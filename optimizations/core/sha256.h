/* sha256.h: SHA-256 (FIPS 180-4) by libcrypto, which uses the machine's instructions for it.
 *
 * For digests that people compare with other programs' or that must not collide on purpose; where
 * neither matters, hash.h is an order of magnitude faster. Any thread, any number at once.
 */
#ifndef VLT_CORE_SHA256_H
#define VLT_CORE_SHA256_H

#include <stddef.h>

#include "optimizations/core/status.h"

enum { VLT_SHA256_BYTES = 32, VLT_SHA256_HEX = 65 };

/* Lower-case hex of data[bytes], NUL behind: hex[VLT_SHA256_HEX]. UNSUPPORTED where there is no
 * libcrypto, INTERNAL with its reason where it refuses (no memory, a host configured without
 * SHA-256); then hex is "". */
vlt_status vlt_sha256_hex(const void *data, size_t bytes, char *hex, vlt_error *err);

#endif
