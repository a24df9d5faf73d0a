/* T4 results of a recording, that any reader of T4 understands. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/buffer.h"
#include "tuner/replay/recording_internal.h"

static void put_value(vlt_buffer *buffer, const vlt_scalar *value)
{
    char text[64];
    if (value->kind == VLT_SCALAR_TEXT) {
        vlt_buffer_json_string(buffer, value->text, strlen(value->text));
    } else {
        vlt_scalar_format(value, text, sizeof text);
        vlt_buffer_text(buffer, text);
    }
}

static void put_configuration(vlt_buffer *buffer, const vlt_recording *recording, size_t row)
{
    vlt_buffer_text(buffer, "{\"configuration\": {");
    for (int i = 0; i < recording->column_count; i++) {
        const vlt_recording_column *column = &recording->column[i];
        uint16_t value = recording->digit[row * (size_t)recording->column_count + (size_t)i];
        vlt_buffer_text(buffer, i ? ", " : "");
        vlt_buffer_json_string(buffer, column->name, strlen(column->name));
        vlt_buffer_text(buffer, ": ");
        put_value(buffer, &column->value[value]);
    }
    vlt_buffer_text(buffer, "}");
}

static void put_result(vlt_buffer *buffer, const vlt_recording *recording, size_t index)
{
    const vlt_recorded_row *row = &recording->row[index];
    bool correct = row->validity == VLT_VALIDITY_CORRECT;
    double sum = 0;
    put_configuration(buffer, recording, index);
    vlt_buffer_text(buffer, ", \"times\": {\"runtimes\": [");
    for (int i = 0; i < row->run_count; i++) {
        double run = recording->run[row->first_run + (size_t)i];
        const vlt_scalar value = vlt_scalar_real(run);
        vlt_buffer_text(buffer, i ? ", " : "");
        put_value(buffer, &value);
        sum += run;
    }
    vlt_buffer_print(buffer, "]}, \"invalidity\": \"%s\", \"correctness\": %d",
                     vlt_validity_name(row->validity), correct);
    if (correct && row->run_count) {
        const vlt_scalar mean = vlt_scalar_real(sum / row->run_count);
        vlt_buffer_text(buffer, ", \"measurements\": [{\"name\": \"time\", \"value\": ");
        put_value(buffer, &mean);
        vlt_buffer_text(buffer, ", \"unit\": ");
        vlt_buffer_json_string(buffer, recording->unit, strlen(recording->unit));
        vlt_buffer_text(buffer, "}]");
    }
    vlt_buffer_text(buffer, ", \"objectives\": [\"time\"]}");
}

vlt_status vlt_recording_write(const vlt_recording *recording, char **out, size_t *bytes,
                               vlt_error *err)
{
    vlt_buffer buffer = {0};
    vlt_buffer_text(&buffer, "{\"metadata\": {\"timeunit\": ");
    vlt_buffer_json_string(&buffer, recording->unit, strlen(recording->unit));
    for (int i = 0; i < recording->fact_count; i++) {
        const vlt_recording_note *fact = &recording->fact[i];
        vlt_buffer_text(&buffer, ", ");
        vlt_buffer_json_string(&buffer, fact->name, strlen(fact->name));
        vlt_buffer_text(&buffer, ": ");
        vlt_buffer_json_string(&buffer, fact->text, strlen(fact->text));
    }
    vlt_buffer_text(&buffer, "},\n\"results\": [\n");
    for (size_t i = 0; i < recording->row_count; i++) {
        put_result(&buffer, recording, i);
        vlt_buffer_text(&buffer, i + 1 < recording->row_count ? ",\n" : "\n");
    }
    vlt_buffer_text(&buffer, "],\n\"schema_version\": \"1.0.0\"}\n");
    if (buffer.failed) {
        free(buffer.data);
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s/%s: out of memory", recording->kernel,
                        recording->machine);
    }
    *out = buffer.data;
    *bytes = buffer.bytes;
    return VLT_OK;
}
