/* What is wrong with the inputs of a run, said before it waits for its turn of measuring. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/batch_line.h"
#include "harness/json/line_reader.h"
#include "optimizations/core/registry.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/tune_internal.h"

/* The settings of an operator by their names alone; what values they have, the problems tell. */
static vlt_status name_settings(const vlt_op *op, vlt_domain *domain, vlt_error *err)
{
    const vlt_scalar any = vlt_scalar_text("");
    vlt_status status = vlt_domain_add(domain, "variant", &any, 1, VLT_ORDER_AUTO, err);
    for (int v = 0; v < vlt_registry_variant_count(op); v++) {
        const vlt_variant *variant = vlt_registry_variant(op, v);
        for (int k = 0; k < variant->knob_count && status == VLT_OK; k++) {
            if (vlt_domain_find_parameter(domain, variant->knobs[k].name) < 0) {
                status = vlt_domain_add(domain, variant->knobs[k].name, &any, 1, VLT_ORDER_AUTO,
                                        err);
            }
        }
    }
    return status;
}

static vlt_status apply_to(const vlt_op *op, vlt_restriction *where, vlt_error *err)
{
    vlt_domain *domain = NULL;
    vlt_status status = vlt_domain_create(op->name, &domain, err);
    if (status == VLT_OK) {
        status = name_settings(op, domain, err);
    }
    if (status == VLT_OK) {
        status = vlt_restriction_apply(where, domain, err);
    }
    vlt_domain_destroy(domain);
    return status;
}

/* Names that no setting of any operator has. */
static vlt_status check_where(const vlt_tune_options *options, vlt_error *err)
{
    vlt_restriction *where = NULL;
    vlt_status status = vlt_restriction_copy(options->where, &where, err);
    for (int i = 0; i < vlt_registry_op_count() && status == VLT_OK; i++) {
        status = apply_to(vlt_registry_op(i), where, err);
    }
    status = status == VLT_OK ? vlt_restriction_check(where, err) : status;
    vlt_restriction_destroy(where);
    return status;
}

static vlt_status check_line(const vlt_line_reader *reader, const vlt_buffer *text, vlt_error *err)
{
    static const vlt_request defaults;
    static const vlt_engine silent; /* warnings come when the line is computed */
    char name[VLT_QUOTED_PATH_BYTES + 32];
    vlt_batch_line *line = calloc(1, sizeof *line);
    vlt_utf8_format(name, sizeof name, "%s line %lld", vlt_quoted_path(reader->name).text,
                    (long long)reader->line);
    if (!line) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", name);
    }
    vlt_status status = vlt_batch_line_read(text->data, text->bytes, name, &defaults, &silent, line,
                                            err);
    vlt_batch_line_release(line);
    free(line);
    return status;
}

static vlt_status check_workload(vlt_tuner *tuner, vlt_error *err)
{
    const char *path = tuner->options->workload;
    vlt_line_reader reader = {.file = -1};
    vlt_buffer text = {0};
    bool found = true;
    vlt_status status = vlt_line_reader_open(path, &reader, err);
    while (status == VLT_OK && found) {
        status = vlt_line_reader_next(&reader, &text, &found, err);
        if (status == VLT_OK && found) {
            status = check_line(&reader, &text, err);
            tuner->workload_lines++;
        }
    }
    if (status == VLT_OK && tuner->workload_lines == 0) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "%s: no request in it",
                          vlt_quoted_path(path).text);
    }
    free(text.data);
    vlt_line_reader_close(&reader);
    return status;
}

vlt_status vlt_tuner_check_inputs(vlt_tuner *tuner, vlt_error *err)
{
    vlt_status status = tuner->options->where ? check_where(tuner->options, err) : VLT_OK;
    return status == VLT_OK && tuner->options->workload ? check_workload(tuner, err) : status;
}
