#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "optimizations/core/sha256.h"

static void expect(const void *data, size_t bytes, const char *digest)
{
    char hex[VLT_SHA256_HEX];
    vlt_error err = {0};
    cr_assert_eq(vlt_sha256_hex(data, bytes, hex, &err), VLT_OK, "%s", err.message);
    cr_assert_str_eq(hex, digest, "%zu bytes", bytes);
}

/* The examples of FIPS 180-4 and of NIST's page about it. */
Test(sha256, known_digests)
{
    expect("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    enum { MILLION = 1000000 };
    char *text = malloc(MILLION);
    cr_assert_not_null(text);
    memset(text, 'a', MILLION);
    expect(text, MILLION, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(text);
}

/* Every length about the block borders, as the program sha256sum has it. */
Test(sha256, equals_sha256sum)
{
    enum { LENGTHS = 200 };
    unsigned char data[LENGTHS];
    char path[] = "/tmp/vlt-sha256-XXXXXX", command[64], digest[VLT_SHA256_HEX];
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    close(file);
    for (size_t bytes = 0; bytes <= LENGTHS; bytes += 7) {
        FILE *out = fopen(path, "wb");
        for (size_t i = 0; i < bytes; i++) {
            data[i] = (unsigned char)(i * 37 + bytes);
        }
        cr_assert(out && fwrite(data, 1, bytes, out) == bytes && !fclose(out));
        snprintf(command, sizeof command, "sha256sum %s", path);
        FILE *pipe = popen(command, "r");
        bool read = pipe && fscanf(pipe, "%64s", digest) == 1;
        cr_assert(pipe && !pclose(pipe) && read);
        expect(data, bytes, digest);
    }
    unlink(path);
}
