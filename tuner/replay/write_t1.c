#include <stdlib.h>
#include <string.h>

#include "harness/json/buffer.h"
#include "tuner/replay/t1.h"

/* A value as Python writes it. */
static void put_python(vlt_buffer *buffer, const vlt_scalar *value)
{
    char text[64];
    if (value->kind == VLT_SCALAR_TEXT) {
        vlt_buffer_text(buffer, "'");
        vlt_buffer_text(buffer, value->text);
        vlt_buffer_text(buffer, "'");
    } else if (value->kind == VLT_SCALAR_BOOL) {
        vlt_buffer_text(buffer, value->integer ? "True" : "False");
    } else {
        vlt_scalar_format(value, text, sizeof text);
        vlt_buffer_text(buffer, text);
    }
}

static const char *type_of(const vlt_parameter *parameter)
{
    vlt_scalar_kind highest = VLT_SCALAR_INTEGER;
    bool truths = true;
    for (int i = 0; i < parameter->value_count; i++) {
        vlt_scalar_kind kind = parameter->value[i].kind;
        truths = truths && kind == VLT_SCALAR_BOOL;
        if (kind == VLT_SCALAR_TEXT || (kind == VLT_SCALAR_REAL && highest != VLT_SCALAR_TEXT)) {
            highest = kind;
        }
    }
    return truths                          ? "bool"
           : highest == VLT_SCALAR_TEXT    ? "string"
           : highest == VLT_SCALAR_INTEGER ? "int"
                                           : "float";
}

/* Puts a buffer of text into another one as a JSON string. */
static void put_quoted(vlt_buffer *buffer, vlt_buffer *text)
{
    buffer->failed = buffer->failed || text->failed;
    vlt_buffer_json_string(buffer, text->data ? text->data : "", text->bytes);
    free(text->data);
    *text = (vlt_buffer){0};
}

static void put_parameter(vlt_buffer *buffer, const vlt_parameter *parameter)
{
    vlt_buffer list = {0};
    vlt_buffer_text(buffer, "{\"Name\": ");
    vlt_buffer_json_string(buffer, parameter->name, strlen(parameter->name));
    vlt_buffer_print(buffer, ", \"Type\": \"%s\", \"Values\": ", type_of(parameter));
    vlt_buffer_text(&list, "[");
    for (int i = 0; i < parameter->value_count; i++) {
        vlt_buffer_text(&list, i ? ", " : "");
        put_python(&list, &parameter->value[i]);
    }
    vlt_buffer_text(&list, "]");
    put_quoted(buffer, &list);
    vlt_buffer_text(buffer, ", \"Default\": ");
    const vlt_scalar *usual = &parameter->value[parameter->usual];
    if (usual->kind == VLT_SCALAR_TEXT) {
        vlt_buffer_json_string(buffer, usual->text, strlen(usual->text));
    } else {
        char text[64];
        vlt_scalar_format(usual, text, sizeof text);
        vlt_buffer_text(buffer, text);
    }
    vlt_buffer_text(buffer, "}");
}

/* A constraint; a condition becomes "(it) or the parameter has its first value". */
static void put_clause(vlt_buffer *buffer, const vlt_domain *domain, int index)
{
    int parameter;
    vlt_buffer text = {0};
    const vlt_expression *expression = vlt_domain_clause(domain, index, &parameter);
    vlt_buffer_text(buffer, "{\"Expression\": ");
    if (parameter >= 0) {
        vlt_buffer_text(&text, "(");
        vlt_buffer_text(&text, vlt_expression_text(expression));
        vlt_buffer_text(&text, ") or ");
        vlt_buffer_text(&text, vlt_domain_parameter(domain, parameter)->name);
        vlt_buffer_text(&text, " == ");
        put_python(&text, &vlt_domain_parameter(domain, parameter)->value[0]);
    } else {
        vlt_buffer_text(&text, vlt_expression_text(expression));
    }
    put_quoted(buffer, &text);
    vlt_buffer_text(buffer, ", \"Parameters\": [");
    for (int i = 0; i < vlt_expression_name_count(expression); i++) {
        const char *name = vlt_expression_name(expression, i);
        vlt_buffer_text(buffer, i ? ", " : "");
        vlt_buffer_json_string(buffer, name, strlen(name));
    }
    if (parameter >= 0) {
        const char *name = vlt_domain_parameter(domain, parameter)->name;
        vlt_buffer_text(buffer, vlt_expression_name_count(expression) ? ", " : "");
        vlt_buffer_json_string(buffer, name, strlen(name));
    }
    vlt_buffer_text(buffer, "]}");
}

vlt_status vlt_t1_write(const vlt_domain *domain, char **out, size_t *bytes, vlt_error *err)
{
    vlt_buffer buffer = {0};
    const char *name = vlt_domain_name(domain), *separator = "\n";
    vlt_buffer_text(&buffer, "{\"General\": {\"BenchmarkName\": ");
    vlt_buffer_json_string(&buffer, name, strlen(name));
    vlt_buffer_text(&buffer, ", \"OutputFormat\": \"JSON\"},\n\"ConfigurationSpace\": {"
                             "\"TuningParameters\": [\n");
    for (int i = 0; i < vlt_domain_parameter_count(domain); i++) {
        vlt_buffer_text(&buffer, i ? ",\n" : "");
        put_parameter(&buffer, vlt_domain_parameter(domain, i));
    }
    vlt_buffer_text(&buffer, "],\n\"Conditions\": [");
    for (int i = 0; i < vlt_domain_clause_count(domain); i++) {
        int parameter;
        if (vlt_domain_clause(domain, i, &parameter)) {
            vlt_buffer_text(&buffer, separator);
            put_clause(&buffer, domain, i);
            separator = ",\n";
        }
    }
    vlt_buffer_text(&buffer,
                    "]},\n\"KernelSpecification\": {\"Language\": \"C\", \"KernelName\": ");
    vlt_buffer_json_string(&buffer, name, strlen(name));
    vlt_buffer_text(&buffer, ", \"KernelFile\": \"\", \"GlobalSize\": {\"X\": \"1\"}, "
                             "\"LocalSize\": {\"X\": \"1\"}}}\n");
    if (buffer.failed) {
        free(buffer.data);
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", name);
    }
    *out = buffer.data;
    *bytes = buffer.bytes;
    return VLT_OK;
}
