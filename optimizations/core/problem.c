#include "optimizations/core/problem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/op.h"
#include "optimizations/core/utf8_text.h"

static int64_t bucket_value(const vlt_dim *dim, int64_t value)
{
    return dim->rule != VLT_DIM_POW2 || value <= 1 ? value : vlt_power_of_two(value);
}

static void format_dims(const vlt_problem *problem, bool as_bucket, char *text, size_t text_bytes)
{
    const vlt_op *op = problem->op;
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < op->dim_count && used < text_bytes; i++) {
        const vlt_dim *dim = &op->dims[i];
        if (as_bucket && dim->rule == VLT_DIM_ANY) {
            continue;
        }
        int64_t value = as_bucket ? bucket_value(dim, problem->dim[i]) : problem->dim[i];
        int length = snprintf(text + used, text_bytes - used, "%s%s=%lld", used ? "," : "",
                              dim->name, (long long)value);
        used += length > 0 ? (size_t)length : 0;
    }
}

void vlt_problem_format(const vlt_problem *problem, char *text, size_t text_bytes)
{
    format_dims(problem, false, text, text_bytes);
}

void vlt_problem_bucket(const vlt_problem *problem, char *text, size_t text_bytes)
{
    format_dims(problem, true, text, text_bytes);
}

static int find_dim(const vlt_op *op, const char *name, size_t length)
{
    for (int i = 0; i < op->dim_count; i++) {
        if (strlen(op->dims[i].name) == length && !strncmp(op->dims[i].name, name, length)) {
            return i;
        }
    }
    return -1;
}

static vlt_status check_range(const vlt_op *op, int index, int64_t value, vlt_error *err)
{
    const vlt_dim *dim = &op->dims[index];
    if (value < dim->min || value > dim->max) {
        return vlt_fail(err, VLT_STATUS_USAGE, "%s: dimension '%s' is %lld, expected %lld to %lld",
                        op->name, dim->name, (long long)value, (long long)dim->min,
                        (long long)dim->max);
    }
    return VLT_OK;
}

vlt_status vlt_problem_parse(vlt_problem *problem, const char *text, vlt_error *err)
{
    const vlt_op *op = problem->op;
    uint32_t named = 0;
    while (*text) {
        size_t name_length = strcspn(text, "=,");
        if (text[name_length] != '=') {
            return vlt_fail(err, VLT_STATUS_USAGE, "%s: '%s', expected DIMENSION=NUMBER", op->name,
                            text);
        }
        int index = find_dim(op, text, name_length);
        if (index < 0) {
            return vlt_fail(err, VLT_STATUS_USAGE, "%s has no dimension '%s'", op->name,
                            vlt_quoted(text, name_length).text);
        }
        if (named & 1U << index) {
            return vlt_fail(err, VLT_STATUS_USAGE, "%s: dimension '%s' is given twice", op->name,
                            op->dims[index].name);
        }
        named |= 1U << index;
        const char *number = text + name_length + 1;
        char *end;
        errno = 0;
        long long value = strtoll(number, &end, 10);
        if (end == number || errno || (*end && *end != ',')) {
            return vlt_fail(err, VLT_STATUS_USAGE, "%s: dimension '%s' is '%s', expected a number",
                            op->name, op->dims[index].name, number);
        }
        vlt_status status = check_range(op, index, value, err);
        if (status != VLT_OK) {
            return status;
        }
        problem->dim[index] = value;
        text = *end ? end + 1 : end;
    }
    return VLT_OK;
}

vlt_status vlt_problem_check(const vlt_problem *problem, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < problem->op->dim_count && status == VLT_OK; i++) {
        status = check_range(problem->op, i, problem->dim[i], err);
    }
    return status;
}

vlt_status vlt_bucket_parse(const vlt_op *op, const char *text, vlt_bucket *out, vlt_error *err)
{
    vlt_problem problem = {.op = op};
    *out = (vlt_bucket){.every = !strcmp(text, "*")};
    if (out->every) {
        return VLT_OK;
    }
    for (int i = 0; i < op->dim_count; i++) {
        problem.dim[i] = op->dims[i].rule == VLT_DIM_ANY ? 0 : INT64_MIN;
    }
    vlt_status status = vlt_problem_parse(&problem, text, err);
    for (int i = 0; i < op->dim_count && status == VLT_OK; i++) {
        if (problem.dim[i] == INT64_MIN) {
            status = vlt_fail(err, VLT_STATUS_USAGE, "%s: the bucket '%s' lacks dimension '%s'",
                              op->name, text, op->dims[i].name);
        }
    }
    memcpy(out->dim, problem.dim, sizeof out->dim);
    return status;
}

double vlt_bucket_distance(const vlt_bucket *bucket, const vlt_problem *problem)
{
    const vlt_op *op = problem->op;
    double distance = 0;
    for (int i = 0; i < op->dim_count && !bucket->every; i++) {
        const vlt_dim *dim = &op->dims[i];
        int64_t mine = bucket_value(dim, problem->dim[i]);
        if (dim->rule == VLT_DIM_POW2) {
            distance += fabs(log2((double)mine + 1) - log2((double)bucket->dim[i] + 1));
        } else if (dim->rule != VLT_DIM_ANY && mine != bucket->dim[i]) {
            return -1;
        }
    }
    return distance;
}
