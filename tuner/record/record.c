#include "tuner/record/record.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/machine/isa.h"
#include "optimizations/core/clock.h"
#include "optimizations/core/random.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/record/record_internal.h"

/* What a kill may cost at most. */
static const double write_every_s = 5;

typedef struct run {
    const vlt_record_options *options;
    vlt_record_result *result;
    vlt_machine *machine;
    char name[VLT_RECORD_NAME_BYTES]; /* of the machine, in file names */
    vlt_record_problem *problem;      /* owned */
    int problem_count;
    vlt_error *err;
} run;

static vlt_status no_memory(vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_NOMEM, "recording: out of memory");
}

/* "AMD EPYC 7B13, 2 threads" as "amd-epyc-7b13-2t": a name for files; under a mask
 * "amd-epyc-7b13-2t-avx2", which is another machine. */
static void name_machine(const vlt_machine *machine, int threads, char *name, size_t name_bytes)
{
    const char *model = machine->cpu_model[0] ? machine->cpu_model : "cpu";
    const char *mask = vlt_isa_mask_name();
    size_t used = 0;
    for (const char *at = model; *at && used + 32 < name_bytes; at++) {
        bool plain = isalnum((unsigned char)*at);
        if (!strncmp(at, "(R)", 3) || !strncmp(at, "(C)", 3) || !strncmp(at, "(TM)", 4)) {
            at = strchr(at, ')');
            continue;
        }
        if (plain || (used && name[used - 1] != '-')) {
            name[used++] = plain ? (char)tolower((unsigned char)*at) : '-';
        }
    }
    used -= used && name[used - 1] == '-';
    vlt_utf8_format(name + used, name_bytes - used, "-%dt%s%s", threads, *mask ? "-" : "", mask);
}

/* "linear_m256_n1024_k256" */
static void name_problem(const vlt_record_problem *problem, char *name, size_t name_bytes)
{
    size_t used = vlt_utf8_format(name, name_bytes, "%s_", problem->problem.op->name);
    for (const char *at = problem->text; *at && used + 1 < name_bytes; at++) {
        if (*at != '=') {
            name[used++] = *at == ',' ? '_' : *at;
        }
    }
    name[used] = 0;
}

static uint64_t *shuffled(uint64_t count, uint64_t seed)
{
    vlt_random random = {seed};
    uint64_t *order = malloc((size_t)count * sizeof *order + 1);
    for (uint64_t i = 0; i < count && order; i++) {
        uint64_t at = (uint64_t)vlt_random_range(&random, 0, (int64_t)i);
        order[i] = order[at];
        order[at] = i;
    }
    return order;
}

static int64_t correct_of(const vlt_record_row *row)
{
    return row->known + row->measured - row->failed;
}

static void report(const run *r, const vlt_record_row *row, int index)
{
    const vlt_record_progress progress = {.space = row->space,
                                          .settings = row->settings,
                                          .done = row->known + row->measured,
                                          .space_index = index,
                                          .space_count = r->problem_count};
    if (r->options->progress) {
        r->options->progress(r->options->user, &progress);
    }
}

static vlt_status measure_all(run *r, const vlt_knob_domain *knobs, int index,
                              vlt_record_file *file, vlt_record_row *row)
{
    const vlt_domain *domain = vlt_knob_domain_domain(knobs);
    double run_ms[VLT_RECORD_RUNS], written_ms = vlt_now_ms();
    uint64_t *order = shuffled(vlt_domain_count(domain), r->options->seed);
    vlt_status status = order ? VLT_OK : no_memory(r->err);
    for (uint64_t i = 0; i < vlt_domain_count(domain) && status == VLT_OK; i++) {
        vlt_setting setting;
        vlt_validity validity;
        if (file->done[order[i]]) {
            continue;
        }
        report(r, row, index);
        vlt_knob_domain_setting(knobs, order[i], &setting);
        status = vlt_record_measure(r->options, r->machine, &r->problem[index], &setting,
                                    r->options->seed + order[i], run_ms, &validity, r->err);
        if (status == VLT_OK) {
            row->measured++;
            row->failed += validity != VLT_VALIDITY_CORRECT;
            status = vlt_record_file_add(file, domain, order[i], validity, run_ms, VLT_RECORD_RUNS,
                                         r->err);
        }
        if (status == VLT_OK && correct_of(row) > 0 &&
            vlt_now_ms() - written_ms > 1000 * write_every_s) {
            status = vlt_record_file_write(file, domain, r->err);
            written_ms = vlt_now_ms();
        }
    }
    free(order);
    return status;
}

static void count_known(const vlt_record_file *file, vlt_record_row *row)
{
    for (size_t i = 0; i < vlt_recording_row_count(file->recording); i++) {
        vlt_scalar values[VLT_DOMAIN_PARAMETER_MAX];
        row->failed += vlt_recording_row(file->recording, i, values) == 0;
    }
    for (int64_t i = 0; i < row->settings; i++) {
        row->known += file->done[i];
    }
}

static vlt_status record_space(run *r, int index)
{
    char kernel[VLT_RECORD_NAME_BYTES];
    const vlt_record_problem *problem = &r->problem[index];
    vlt_knob_domain *knobs = NULL;
    vlt_record_file file = {0};
    vlt_space space;
    vlt_space_init(&space, &problem->problem, &r->machine->caps, r->options->quality);
    if (vlt_space_count(&space, r->options->settings_min) < r->options->settings_min) {
        return VLT_OK;
    }
    name_problem(problem, kernel, sizeof kernel);
    vlt_status status = vlt_knob_domain_create(&space, kernel, r->options->where, &knobs, r->err);
    if (status != VLT_OK) {
        return status;
    }
    const vlt_domain *domain = vlt_knob_domain_domain(knobs);
    vlt_record_row *row = &r->result->row[r->result->count++];
    row->settings = (int64_t)vlt_domain_count(domain);
    vlt_utf8_format(row->space, sizeof row->space, "%s/%s", kernel, r->name);
    status = vlt_record_file_open(r->options->directory, kernel, r->name, r->machine,
                                  r->options->threads, domain, &file, r->err);
    if (status == VLT_OK) {
        count_known(&file, row);
        status = measure_all(r, knobs, index, &file, row);
        /* Whatever ended it, what was measured is kept; failures alone are no space. */
        if (row->measured && correct_of(row) > 0) {
            vlt_status written = vlt_record_file_write(&file, domain,
                                                       status == VLT_OK ? r->err : NULL);
            status = status == VLT_OK ? written : status;
        }
    }
    vlt_record_file_release(&file);
    vlt_knob_domain_destroy(knobs);
    return status;
}

static vlt_status record_all(run *r)
{
    vlt_status status = vlt_record_problems(r->options, r->machine, &r->problem, &r->problem_count,
                                            r->err);
    if (status == VLT_OK) {
        r->result->row = calloc((size_t)r->problem_count + 1, sizeof *r->result->row);
        status = r->result->row ? VLT_OK : no_memory(r->err);
    }
    for (int i = 0; i < r->problem_count && status == VLT_OK; i++) {
        status = record_space(r, i);
    }
    if (status == VLT_OK && r->options->where) {
        status = vlt_restriction_check(r->options->where, r->err);
    }
    int64_t correct = 0;
    for (int i = 0; i < r->result->count; i++) {
        correct += correct_of(&r->result->row[i]);
    }
    if (status == VLT_OK && r->result->count && !correct) {
        status = vlt_fail(r->err, VLT_STATUS_UNMEASURED,
                          "%s: none of its %lld settings could be run within time and memory",
                          r->result->row[0].space, (long long)r->result->row[0].settings);
    }
    if (status == VLT_OK && !r->result->count) {
        status = vlt_fail(r->err, VLT_STATUS_UNMEASURED,
                          "none of the %d problems has %lld settings or more", r->problem_count,
                          (long long)r->options->settings_min);
    }
    return status;
}

vlt_status vlt_record_run(const vlt_record_options *given, vlt_record_result *out, vlt_error *err)
{
    vlt_record_options options = *given;
    run r = {.options = &options, .result = out, .err = err};
    *out = (vlt_record_result){0};
    options.seed = options.seed ? options.seed : 1;
    options.settings_min = options.settings_min > 1 ? options.settings_min : 1;
    vlt_status status = vlt_machine_probe(NULL, &r.machine, err);
    if (status == VLT_OK) {
        if (options.threads <= 0) {
            options.threads = vlt_machine_thread_count(r.machine);
        }
        name_machine(r.machine, options.threads, r.name, sizeof r.name);
        vlt_machine_describe(r.machine, out->machine, sizeof out->machine);
        status = record_all(&r);
    }
    free(r.problem);
    vlt_machine_destroy(r.machine);
    return status;
}

void vlt_record_result_release(vlt_record_result *result)
{
    free(result->row);
    *result = (vlt_record_result){0};
}
