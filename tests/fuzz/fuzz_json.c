#include <stdint.h>
#include <stdlib.h>

#include "harness/json/json_make.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *value;
    vlt_error err;
    if (vlt_json_parse((const char *)data, size, "input", &value, &err) == VLT_OK) {
        json_decref(value);
    }
    /* whatever the bytes, the result must be printable */
    const char *bytes = (const char *)data;
    json_t *texts = vlt_json_make("[o, o]", vlt_json_string(bytes, size),
                                  vlt_json_name_part(bytes, size));
    char *printed = vlt_json_dump(texts, NULL);
    if (!printed) {
        abort();
    }
    free(printed);
    json_decref(texts);
    return 0;
}
