#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json_make.h"
#include "optimizations/core/status.h"
#include "optimizations/core/utf8_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Shown text is one line of UTF-8, whatever it was made of. */
static void check_shown(const char *shown, size_t room)
{
    size_t length = strlen(shown);
    expect(length < room && vlt_utf8_valid(shown, length));
    for (size_t i = 0; i < length; i++) {
        expect((unsigned char)shown[i] >= 0x20 && shown[i] != 0x7F);
    }
}

/* Names come back from JSON with their bytes. */
static void check_name(const char *name)
{
    json_t *object = json_object(), *again = NULL;
    char *text, *read = NULL;
    vlt_json_set_bytes(&object, "name", name);
    text = vlt_json_dump(object, NULL);
    expect(text && vlt_json_parse(text, strlen(text), "x", &again, NULL) == VLT_OK);
    expect(vlt_json_bytes(again, "x", "name", &read, NULL, NULL) == VLT_OK && !strcmp(read, name));
    json_decref(object);
    json_decref(again);
    free(text);
    free(read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static vlt_error err;
    char shown[300], *name = malloc(size + 1);
    size_t room = size ? 1 + data[0] : 1;
    if (!name) {
        return 0;
    }
    memcpy(name, data, size);
    name[size] = '\0';
    expect(vlt_utf8_format(shown, room, "%s", name) == strlen(shown));
    check_shown(shown, room);
    check_shown(vlt_quoted(name, size).text, VLT_QUOTED_BYTES);
    check_shown(vlt_quoted_path(name).text, VLT_QUOTED_PATH_BYTES);
    vlt_fail(&err, VLT_STATUS_INPUT, "%s", name);
    vlt_fail_in(&err, VLT_STATUS_INPUT, "%s: ", name);
    check_shown(err.message, sizeof err.message);
    size_t cut = vlt_utf8_cut(name, size, room);
    expect(cut <= room && cut <= size &&
           (!vlt_utf8_valid(name, size) || vlt_utf8_valid(name, cut)));
    size_t columns = vlt_utf8_cut_columns(name, size, room);
    expect(vlt_utf8_columns(name, columns) <= room);
    check_name(name);
    free(name);
    return 0;
}
