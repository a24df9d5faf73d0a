#include "optimizations/core/sha256.h"

#include <openssl/err.h>
#include <openssl/evp.h>

vlt_status vlt_sha256_hex(const void *data, size_t bytes, char *hex, vlt_error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    hex[0] = 0;
    if (!EVP_Digest(data, bytes, digest, &length, EVP_sha256(), NULL)) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        return vlt_fail(err, VLT_STATUS_INTERNAL, "SHA-256 of %zu bytes: libcrypto: %s", bytes,
                        reason ? reason : "no reason given");
    }
    for (unsigned i = 0; i < length; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[2 * length] = 0;
    return VLT_OK;
}
