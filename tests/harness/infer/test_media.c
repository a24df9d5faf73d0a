#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/media.h"

static void decodes(const char *text, const char *expected)
{
    uint8_t out[64];
    size_t bytes = 99;
    cr_expect(vlt_base64_decode(text, strlen(text), out, &bytes), "%s", text);
    cr_expect_eq(bytes, strlen(expected), "%s", text);
    cr_expect_arr_eq(out, expected, strlen(expected));
}

/* RFC 4648, section 10. */
Test(media, base64_vectors)
{
    decodes("", "");
    decodes("Zg==", "f");
    decodes("Zm8=", "fo");
    decodes("Zm9v", "foo");
    decodes("Zm9vYg==", "foob");
    decodes("Zm9vYmE=", "fooba");
    decodes("Zm9vYmFy", "foobar");
    decodes("Zm9v\r\nYmFy\n", "foobar");
    decodes("Zm9vYg", "foob");
}

Test(media, what_is_no_base64_is_refused)
{
    static const char *const bad[] = {
        "Z", "Zm9vY", "Zm9v!", "Zg=", "Zg===", "Zg==Zg==", "=", "===="};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t out[16];
        size_t bytes;
        cr_expect_not(vlt_base64_decode(bad[i], strlen(bad[i]), out, &bytes), "%s", bad[i]);
    }
    uint8_t out[16];
    size_t bytes;
    cr_expect_not(vlt_base64_decode("Zm\0v", 4, out, &bytes));
}

Test(media, data_uris_are_read_and_other_schemes_refused)
{
    uint8_t *data;
    size_t bytes;
    vlt_error err = {0};
    cr_assert_eq(vlt_media_read("data:image/png;base64,Zm9v", NULL, NULL, &data, &bytes, &err),
                 VLT_OK);
    cr_expect_eq(bytes, 3);
    free(data);
    cr_expect_neq(vlt_media_read("data:image/png,Zm9v", NULL, NULL, &data, &bytes, &err), VLT_OK);
    cr_expect_null(data);
    cr_expect_eq(vlt_media_read("https://a.b/c.png", NULL, NULL, &data, &bytes, &err),
                 VLT_STATUS_UNSUPPORTED);
    cr_expect_eq(vlt_media_read("absent.png", "/nowhere", NULL, &data, &bytes, &err),
                 VLT_STATUS_IO);
    cr_expect_not_null(strstr(err.message, "/nowhere/absent.png"), "%s", err.message);
}

Test(media, absolute_paths)
{
    char *path = vlt_media_absolute("a.png", "/b");
    cr_expect_str_eq(path, "/b/a.png");
    free(path);
    path = vlt_media_absolute("/a.png", "/b");
    cr_expect_str_eq(path, "/a.png");
    free(path);
    path = vlt_media_absolute("a.png", "b");
    cr_expect(path[0] == '/' && strlen(path) > 8 && !strcmp(path + strlen(path) - 8, "/b/a.png"));
    free(path);
}
