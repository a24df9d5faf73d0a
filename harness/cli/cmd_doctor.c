/* vltune doctor: what this machine has and lacks, each lack with its consequence and repair. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli.h"
#include "harness/cli/doctor.h"
#include "harness/cli/facts.h"
#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "harness/machine/build_info.h"
#include "harness/measure/roofline.h"
#include "optimizations/core/utf8_text.h"

/* Enough for a first idea of the ceilings. */
static const double ceilings_s = 0.3;

static json_t *ceilings_to_json(const vlt_roofline *roofline)
{
    json_t *bandwidth = json_array(), *caches = json_array(), *peaks = json_array();
    for (int i = 0; i < roofline->bandwidth_count; i++) {
        vlt_json_append(&bandwidth,
                        vlt_json_make("{s:i, s:o}", "threads", roofline->bandwidth[i].threads,
                                      "bytes_per_s",
                                      vlt_json_real(roofline->bandwidth[i].bytes_per_s)));
    }
    for (int i = 0; i < roofline->cache_count; i++) {
        const vlt_roofline_cache *cache = &roofline->cache[i];
        vlt_json_append(&caches,
                        vlt_json_make("{s:s, s:I, s:i, s:o}", "level", cache->level, "bytes",
                                      (json_int_t)cache->bytes, "threads", cache->threads,
                                      "bytes_per_s", vlt_json_real(cache->bytes_per_s)));
    }
    for (int i = 0; i < roofline->peak_count; i++) {
        const vlt_roofline_peak *peak = &roofline->peak[i];
        vlt_json_append(&peaks,
                        vlt_json_make("{s:s, s:s, s:i, s:o}", "type", vlt_compute_name(peak->type),
                                      "isa", peak->isa, "threads", peak->threads, "ops_per_s",
                                      vlt_json_real(peak->ops_per_s)));
    }
    return vlt_json_make(
        "{s:o, s:o, s:o, s:o}", "bandwidth", bandwidth, "caches", caches, "bandwidth_reason",
        *roofline->bandwidth_reason ? vlt_json_name(roofline->bandwidth_reason) : json_null(),
        "peaks", peaks);
}

static void print_ceilings(const vlt_machine *machine, const vlt_roofline *roofline)
{
    char text[256] = "";
    int threads = vlt_machine_thread_count(machine);
    double bandwidth = vlt_roofline_bandwidth_of(roofline, threads) * 1e-9;
    if (bandwidth > 0) {
        snprintf(text, sizeof text, "memory %.1f GB/s, ", bandwidth);
    }
    for (int i = 0; i < roofline->cache_count; i++) {
        const vlt_roofline_cache *cache = &roofline->cache[i];
        size_t used = strlen(text);
        if (cache->threads == threads) {
            vlt_utf8_format(text + used, sizeof text - used, "%s %.0f GB/s, ", cache->level,
                            cache->bytes_per_s * 1e-9);
        }
    }
    for (int type = VLT_COMPUTE_F32; type < VLT_COMPUTE_COUNT; type++) {
        double peak = vlt_roofline_peak_of(roofline, (vlt_compute)type, threads) * 1e-9;
        size_t used = strlen(text);
        if (peak > 0) {
            vlt_utf8_format(text + used, sizeof text - used, "%s %.0f Gop/s, ",
                            vlt_compute_name((vlt_compute)type), peak);
        }
    }
    vlt_facts_print("measured", "%son %d thread%s", text, threads, threads == 1 ? "" : "s");
    if (*roofline->bandwidth_reason) {
        vlt_facts_print("", "(%s)", roofline->bandwidth_reason);
    }
}

static int no_work(void *state, int64_t iterations)
{
    double volatile x = 1;
    (void)state;
    for (int64_t i = 0; i < iterations; i++) {
        x = x * 1.0000001;
    }
    return 0;
}

static json_t *metrics_to_json(const vlt_metric *metric, int count)
{
    json_t *all = json_array();
    for (int i = 0; i < count; i++) {
        vlt_json_append(
            &all,
            vlt_json_make("{s:s, s:s, s:s, s:i, s:o, s:o}", "name", metric[i].name, "source",
                          metric[i].source, "status", vlt_metric_status_name(metric[i].status),
                          "code", metric[i].code, "reason",
                          *metric[i].reason ? vlt_json_name(metric[i].reason) : json_null(),
                          "overhead_ns", vlt_json_real(metric[i].overhead_ns)));
    }
    return all;
}

static vlt_status print_json(const vlt_doctor *doctor, const vlt_metric *metric, int metric_count,
                             const vlt_roofline *roofline, vlt_error *err)
{
    const vlt_build_info *build = vlt_build_info_get();
    json_t *findings = json_array();
    for (int i = 0; i < doctor->count; i++) {
        const vlt_finding *finding = &doctor->finding[i];
        vlt_json_append(&findings,
                        vlt_json_make("{s:s, s:s, s:o, s:s?, s:s?}", "subject", finding->subject,
                                      "state", vlt_finding_state_name(finding->state), "fact",
                                      vlt_json_name(finding->fact), "consequence",
                                      finding->consequence, "repair", finding->repair));
    }
    json_t *all = vlt_json_make(
        "{s:s, s:{s:s, s:s, s:s, s:s, s:s, s:s, s:s}, s:o, s:o, s:o}", "version", build->version,
        "build", "revision", build->revision, "compiler", build->compiler, "type", build->type,
        "flags", build->flags, "sanitizers", build->sanitizers, "target", build->target,
        "libraries", build->libraries, "findings", findings, "counters",
        metrics_to_json(metric, metric_count), "roofline", ceilings_to_json(roofline));
    if (!all) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "doctor: no memory for the answer");
    }
    vlt_status status = vlt_json_print(all, false, stdout, err);
    json_decref(all);
    return status;
}

static void print_text(const vlt_cli *cli, const vlt_doctor *doctor, const vlt_machine *machine,
                       const vlt_roofline *roofline)
{
    static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};
    static const char *const marks[] = {"+", "-", "!"};
    const vlt_build_info *build = vlt_build_info_get();
    bool colour = vlt_cli_colour(cli);
    vlt_facts_print("vltune", "%s, revision %s", build->version, build->revision);
    vlt_facts_print("built", "%s, %s (%s)%s%s, for %s", build->compiler, build->type, build->flags,
                    *build->sanitizers ? ", sanitizers " : "", build->sanitizers, build->target);
    vlt_facts_print("libraries", "%s", build->libraries);
    print_ceilings(machine, roofline);
    printf("\n");
    int lacks = 0, warnings = 0;
    for (int i = 0; i < doctor->count; i++) {
        const vlt_finding *finding = &doctor->finding[i];
        char label[32];
        vlt_utf8_format(label, sizeof label, "%s %s", marks[finding->state], finding->subject);
        fputs(colour ? colours[finding->state] : "", stdout);
        vlt_facts_print(label, "%s", finding->fact);
        fputs(colour ? "\033[0m" : "", stdout);
        if (finding->state != VLT_FINDING_HAS) {
            vlt_facts_print("  so", "%s", finding->consequence);
            vlt_facts_print("  repair", "%s", finding->repair);
        }
        lacks += finding->state == VLT_FINDING_LACKS;
        warnings += finding->state == VLT_FINDING_WARNING;
    }
    printf("\n+ there, - lacking (%d), ! a warning (%d). Nothing lacking stops any command.\n",
           lacks, warnings);
}

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    vlt_machine *machine = NULL;
    vlt_counters *counters = NULL;
    vlt_doctor *doctor = calloc(1, sizeof *doctor);
    vlt_pressure pressure;
    vlt_roofline roofline;
    int count;
    const vlt_subject work = {.run = no_work};
    vlt_status status = doctor ? vlt_machine_probe(NULL, &machine, err)
                               : vlt_fail(err, VLT_STATUS_NOMEM, "doctor: out of memory");
    if (status == VLT_OK) {
        status = vlt_counters_open(NULL, 0, &counters, err);
    }
    if (status == VLT_OK) {
        vlt_pressure_read(NULL, &pressure); /* before we press ourselves */
        status = vlt_counters_measure(counters, &work, 2000000, err);
    }
    if (status == VLT_OK) {
        status = vlt_roofline_measure(machine, ceilings_s, &roofline, err);
    }
    if (status != VLT_OK) {
        goto done;
    }
    const vlt_metric *metric = vlt_counters_metrics(counters, &count);
    vlt_doctor_examine(machine, &pressure, metric, count, doctor);
    vlt_doctor_examine_device(vlt_cli_text(cli, "device", NULL), doctor);
    if (vlt_cli_flag(cli, "json")) {
        status = print_json(doctor, metric, count, &roofline, err);
    } else {
        print_text(cli, doctor, machine, &roofline);
    }
done:
    vlt_counters_close(counters);
    vlt_machine_destroy(machine);
    free(doctor);
    return status;
}

VLT_COMMAND(doctor, .operands = "",
            .summary = "what this machine has and lacks, and how to repair it",
            .details = "Every lack comes with its consequence and its repair. Also says how this "
                       "program was built.",
            .examples = "doctor\n"
                        "doctor --json",
            .with = VLT_WITH_JSON | VLT_WITH_ISA | VLT_WITH_DEVICE, .run = run);
