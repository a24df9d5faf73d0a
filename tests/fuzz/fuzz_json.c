#include <stdint.h>
#include <stdlib.h>

#include "harness/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *value;
    vlt_error err;
    if (vlt_json_parse((const char *)data, size, "input", &value, &err) == VLT_OK) {
        json_decref(value);
    }
    json_t *text = vlt_json_string((const char *)data, size);
    char *printed = text ? json_dumps(text, JSON_ENCODE_ANY) : NULL;
    if (!printed) {
        abort(); /* whatever the bytes, the result must be printable */
    }
    free(printed);
    json_decref(text);
    return 0;
}
