/* Going on with a half-written output of a batch. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/batch.h"
#include "harness/infer/batch_line.h"
#include "harness/json/json_make.h"
#include "optimizations/core/utf8_text.h"

/* The id of the next input line; null where the line has none. NULL at the end of the input. */
static json_t *next_id(FILE *input, char **text, size_t *room)
{
    size_t bytes;
    if (!vlt_batch_next_line(input, text, room, &bytes)) {
        return NULL;
    }
    json_t *line = json_loadb(*text, bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    json_t *id = json_incref(json_object_get(line, "id"));
    json_decref(line);
    return id ? id : json_null();
}

static vlt_status compare_ids(const char *text, size_t bytes, const json_t *expected,
                              const char *input_name, const char *output_name, int64_t number,
                              vlt_error *err)
{
    json_t *answer = json_loadb(text, bytes, JSON_ALLOW_NUL, NULL);
    const json_t *id = json_object_get(answer, "id");
    vlt_status status = VLT_OK;
    if (!id || !json_equal(id, expected)) {
        char *found = id ? vlt_json_dump(id, NULL) : NULL;
        char *wanted = vlt_json_dump(expected, NULL);
        status = vlt_fail(err, VLT_STATUS_INPUT,
                          "%s line %" PRId64 " has the id %s, %s has %s there: not an output of "
                          "this input",
                          output_name, number, vlt_quoted_word(found ? found : "none").text,
                          input_name, vlt_quoted_word(wanted ? wanted : "?").text);
        free(found);
        free(wanted);
    }
    json_decref(answer);
    return status;
}

vlt_status vlt_batch_resume(FILE *input, const char *input_name, FILE *output,
                            const char *output_name, int64_t *whole_lines, int64_t *whole_bytes,
                            vlt_error *err)
{
    char *in_text = NULL, *out_text = NULL;
    size_t in_room = 0, out_room = 0;
    vlt_status status = VLT_OK;
    rewind(input);
    rewind(output);
    *whole_lines = *whole_bytes = 0;
    for (;;) {
        ssize_t length = getline(&out_text, &out_room, output);
        if (length <= 0 || out_text[length - 1] != '\n') {
            break; /* the end, or a line that was cut: it is written again */
        }
        json_t *expected = next_id(input, &in_text, &in_room);
        if (!expected) {
            status = vlt_fail(err, VLT_STATUS_INPUT,
                              "%s has more than %" PRId64 " lines, %s has only so many",
                              output_name, *whole_lines, input_name);
        } else {
            status = compare_ids(out_text, (size_t)length, expected, input_name, output_name,
                                 *whole_lines + 1, err);
        }
        json_decref(expected);
        if (status != VLT_OK) {
            break;
        }
        ++*whole_lines;
        *whole_bytes += length;
    }
    rewind(input);
    free(in_text);
    free(out_text);
    return status;
}
