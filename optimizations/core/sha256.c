#include "optimizations/core/sha256.h"

#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "optimizations/core/shared_library.h"
#include "optimizations/core/utf8_text.h"

#define TEXT_OF(x)  #x
#define VALUE_OF(x) TEXT_OF(x)
#define LIBRARY     "libcrypto.so." VALUE_OF(OPENSSL_SHLIB_VERSION)

/* X(result, name, arguments) */
#define VLT_CRYPTO_MAP(X)                                                       \
    X(const EVP_MD *, EVP_sha256, (void))                                       \
    X(int, EVP_Digest,                                                          \
      (const void *data, size_t bytes, unsigned char *digest, unsigned *length, \
       const EVP_MD *kind, ENGINE *engine))                                     \
    X(unsigned long, ERR_peek_last_error, (void))                               \
    X(const char *, ERR_reason_error_string, (unsigned long code))

/* Loaded by the first digest: few processes ask for one, and the library is 1.4 MB of each that has
 * it. */
static struct {
    pthread_once_t once;
    char reason[256]; /* why it cannot be used; "": it can */
#define VLT_CRYPTO_MEMBER(result, name, arguments) result(*name) arguments;
    VLT_CRYPTO_MAP(VLT_CRYPTO_MEMBER)
#undef VLT_CRYPTO_MEMBER
} crypto = {.once = PTHREAD_ONCE_INIT};

static void resolve(void *library, const char *name, void *member)
{
    if (!vlt_library_member(library, name, member)) {
        vlt_utf8_format(crypto.reason, sizeof crypto.reason, LIBRARY " has no %s", name);
    }
}

static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        vlt_utf8_format(crypto.reason, sizeof crypto.reason, "%s", dlerror());
        return;
    }
#define VLT_CRYPTO_RESOLVE(result, name, arguments) resolve(library, #name, &crypto.name);
    VLT_CRYPTO_MAP(VLT_CRYPTO_RESOLVE)
#undef VLT_CRYPTO_RESOLVE
}

vlt_status vlt_sha256_hex(const void *data, size_t bytes, char *hex, vlt_error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    hex[0] = 0;
    pthread_once(&crypto.once, load);
    if (crypto.reason[0]) {
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED, "no SHA-256: %s", crypto.reason);
    }
    if (!crypto.EVP_Digest(data, bytes, digest, &length, crypto.EVP_sha256(), NULL)) {
        const char *reason = crypto.ERR_reason_error_string(crypto.ERR_peek_last_error());
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
