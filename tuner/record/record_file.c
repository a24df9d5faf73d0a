/* The files of a recorded space. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "harness/machine/fingerprint.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/record/record_internal.h"
#include "tuner/replay/gzip.h"
#include "tuner/replay/t1.h"

static const size_t bytes_max = (size_t)1 << 30;

static vlt_status no_memory(vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_NOMEM, "recording: out of memory");
}

static vlt_status make_folder(const char *path, vlt_error *err)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST
               ? VLT_OK
               : vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
}

/* DIR/KERNEL/MACHINE_T4.json.gz, with the folders above it. */
static vlt_status make_paths(const char *directory, const char *kernel, const char *machine,
                             vlt_record_file *file, vlt_error *err)
{
    char *folder;
    if (asprintf(&folder, "%s/%s", directory, kernel) < 0) {
        return no_memory(err);
    }
    if (asprintf(&file->path, "%s/%s_T4.json.gz", folder, machine) < 0) {
        file->path = NULL;
    }
    if (asprintf(&file->t1_path, "%s/T1.json", folder) < 0) {
        file->t1_path = NULL;
    }
    vlt_status status = file->path && file->t1_path ? make_folder(directory, err) : no_memory(err);
    status = status == VLT_OK ? make_folder(folder, err) : status;
    free(folder);
    return status;
}

static vlt_status add_parameters(vlt_record_file *file, const vlt_domain *domain, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < vlt_domain_parameter_count(domain) && status == VLT_OK; i++) {
        status = vlt_recording_parameter(file->recording, vlt_domain_parameter(domain, i)->name,
                                         file->path, err);
    }
    return status == VLT_OK ? vlt_recording_unit(file->recording, "ms", file->path, err) : status;
}

/* Is what was read of the same parameters, and from the same machine? */
static vlt_status check_same(const vlt_record_file *file, const vlt_domain *domain,
                             const char *machine, vlt_error *err)
{
    const char *fact = vlt_recording_fact(file->recording, "fingerprint");
    int count = vlt_recording_parameter_count(file->recording);
    if (count != vlt_domain_parameter_count(domain)) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: %d parameters are recorded, the problem has %d now", file->path, count,
                        vlt_domain_parameter_count(domain));
    }
    for (int i = 0; i < count; i++) {
        const char *ours = vlt_domain_parameter(domain, i)->name;
        const char *theirs = vlt_recording_parameter_name(file->recording, i);
        if (strcmp(ours, theirs) != 0) {
            return vlt_fail(err, VLT_STATUS_INPUT,
                            "%s: parameter %d is '%s' there, '%s' in the problem now", file->path,
                            i + 1, theirs, ours);
        }
    }
    return fact && !strcmp(fact, machine)
               ? VLT_OK
               : vlt_fail(err, VLT_STATUS_INPUT, "%s: recorded on machine '%s', this is '%s'",
                          file->path, fact ? fact : "", machine);
}

/* The setting of row values, or VLT_SETTING_NONE where the domain has it no more. */
static uint64_t find_setting(const vlt_domain *domain, const vlt_scalar *values)
{
    uint16_t digits[VLT_DOMAIN_PARAMETER_MAX];
    for (int i = 0; i < vlt_domain_parameter_count(domain); i++) {
        int digit = vlt_parameter_find(vlt_domain_parameter(domain, i), &values[i]);
        if (digit < 0) {
            return VLT_SETTING_NONE;
        }
        digits[i] = (uint16_t)digit;
    }
    return vlt_domain_find(domain, digits);
}

static vlt_status read_rows(vlt_record_file *file, const vlt_domain *domain, const char *machine,
                            vlt_error *err)
{
    char *text;
    size_t bytes;
    vlt_record_kind kind;
    vlt_status status = vlt_read_gzip(file->path, bytes_max, &text, &bytes, err);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_recording_read(file->recording, text, bytes, file->path, &kind, err);
    free(text);
    if (status == VLT_OK && kind != VLT_RECORD_T4) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "%s: no T4 results", file->path);
    }
    status = status == VLT_OK ? check_same(file, domain, machine, err) : status;
    for (size_t row = 0; status == VLT_OK && row < vlt_recording_row_count(file->recording);
         row++) {
        vlt_scalar values[VLT_DOMAIN_PARAMETER_MAX];
        vlt_recording_row(file->recording, row, values);
        uint64_t setting = find_setting(domain, values);
        if (setting != VLT_SETTING_NONE) {
            file->done[setting] = true;
        }
    }
    return status;
}

/* The T1 file of the folder, of another machine perhaps. */
static vlt_status read_t1(vlt_record_file *file, vlt_error *err)
{
    char *text;
    size_t bytes;
    vlt_domain *domain = NULL;
    if (access(file->t1_path, F_OK) != 0) {
        return VLT_OK;
    }
    vlt_status status = vlt_read_gzip(file->t1_path, bytes_max, &text, &bytes, err);
    if (status == VLT_OK) {
        status = vlt_t1_parse(text, bytes, file->t1_path, &domain, err);
        free(text);
    }
    if (status == VLT_OK) {
        file->t1_settings = vlt_domain_count(domain);
    }
    vlt_domain_destroy(domain);
    return status;
}

static vlt_status set_facts(vlt_record_file *file, const vlt_machine *machine, int threads,
                            const vlt_domain *domain, const vlt_fingerprint *fingerprint,
                            vlt_error *err)
{
    char line[256], count[16], settings[24];
    vlt_machine_describe(machine, line, sizeof line);
    snprintf(count, sizeof count, "%d", threads);
    snprintf(settings, sizeof settings, "%llu", (unsigned long long)vlt_domain_count(domain));
    const char *const facts[][2] = {{"machine", line},
                                    {"cpu", machine->cpu_model},
                                    {"threads", count},
                                    {"kernel", machine->system.kernel},
                                    {"hypervisor", machine->system.hypervisor},
                                    {"microcode", machine->system.microcode},
                                    {"governor", machine->system.governor},
                                    {"libc", machine->system.libc},
                                    {VLT_RECORDED_SETTINGS_FACT, settings},
                                    {"fingerprint", fingerprint->hard}};
    vlt_status status = VLT_OK;
    for (size_t i = 0; i < sizeof facts / sizeof *facts && status == VLT_OK; i++) {
        status = vlt_recording_set_fact(file->recording, facts[i][0], facts[i][1], err);
    }
    return status;
}

vlt_status vlt_record_file_open(const char *directory, const char *kernel, const char *machine,
                                const vlt_machine *facts, int threads, const vlt_domain *domain,
                                vlt_record_file *out, vlt_error *err)
{
    vlt_fingerprint fingerprint;
    *out = (vlt_record_file){0};
    vlt_fingerprint_make(facts, &fingerprint);
    out->done = calloc((size_t)vlt_domain_count(domain), sizeof *out->done);
    vlt_status status = out->done ? make_paths(directory, kernel, machine, out, err)
                                  : no_memory(err);
    if (status == VLT_OK) { /* two that write it back would each lose what the other measured */
        status = vlt_file_lock_take(out->path, NULL, NULL, &out->lock, err);
    }
    if (status == VLT_OK) {
        status = vlt_recording_create(kernel, machine, &out->recording, err);
    }
    if (status == VLT_OK) {
        status = read_t1(out, err);
    }
    if (status == VLT_OK) {
        status = access(out->path, F_OK) == 0 ? read_rows(out, domain, fingerprint.hard, err)
                                              : add_parameters(out, domain, err);
    }
    return status == VLT_OK ? set_facts(out, facts, threads, domain, &fingerprint, err) : status;
}

vlt_status vlt_record_file_add(vlt_record_file *file, const vlt_domain *domain, uint64_t setting,
                               vlt_validity validity, const double *run_ms, int count,
                               vlt_error *err)
{
    uint16_t digits[VLT_DOMAIN_PARAMETER_MAX];
    vlt_scalar values[VLT_DOMAIN_PARAMETER_MAX];
    vlt_domain_digits(domain, setting, digits);
    for (int i = 0; i < vlt_domain_parameter_count(domain); i++) {
        values[i] = vlt_domain_parameter(domain, i)->value[digits[i]];
    }
    vlt_status status = vlt_recording_add(file->recording, values, validity, run_ms,
                                          validity == VLT_VALIDITY_CORRECT ? count : 0, err);
    file->done[setting] = status == VLT_OK;
    return status;
}

vlt_status vlt_record_file_write(const vlt_record_file *file, const vlt_domain *domain,
                                 vlt_error *err)
{
    char *text;
    size_t bytes;
    vlt_status status = vlt_recording_write(file->recording, &text, &bytes, err);
    if (status == VLT_OK) {
        status = vlt_write_gzip(file->path, text, bytes, err);
        free(text);
    }
    if (status == VLT_OK && file->t1_settings < vlt_domain_count(domain)) { /* the widest stays */
        status = vlt_t1_write(domain, &text, &bytes, err);
        if (status == VLT_OK) {
            status = vlt_write_gzip(file->t1_path, text, bytes, err);
            free(text);
        }
    }
    return status;
}

void vlt_record_file_release(vlt_record_file *file)
{
    vlt_file_lock_release(file->lock);
    vlt_recording_destroy(file->recording);
    free(file->path);
    free(file->t1_path);
    free(file->done);
    *file = (vlt_record_file){0};
}
