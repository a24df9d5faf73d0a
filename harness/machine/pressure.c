#include "harness/machine/pressure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "harness/machine/cgroup.h"
#include "harness/machine/proc_file.h"
#include "optimizations/core/clock.h"

static const vlt_psi unknown_psi = {NAN, NAN, NAN, NAN};

static double number_behind(const char *line, const char *key)
{
    size_t length = strcspn(line, "\n");
    const char *at = strstr(line, key);
    if (!at || (size_t)(at - line) >= length) {
        return NAN;
    }
    char *end;
    double value = strtod(at + strlen(key), &end);
    return end != at + strlen(key) && value >= 0 ? value : NAN;
}

vlt_psi vlt_psi_parse(const char *text)
{
    vlt_psi psi = unknown_psi;
    for (const char *line = text; line && *line;) {
        if (!strncmp(line, "some ", 5)) {
            psi.some_avg10 = number_behind(line, "avg10=");
            psi.some_us = number_behind(line, "total=");
        } else if (!strncmp(line, "full ", 5)) {
            psi.full_avg10 = number_behind(line, "avg10=");
            psi.full_us = number_behind(line, "total=");
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return psi;
}

static vlt_psi read_psi(const char *root, const char *path)
{
    char text[512];
    return vlt_proc_read(root, path, text, sizeof text) ? vlt_psi_parse(text) : unknown_psi;
}

struct own {
    const char *root;
    vlt_pressure *pressure;
    const char *file;
    vlt_psi *psi;
};

/* The own folder comes first; ancestors only add failed charges. */
static void visit_own(void *user, const char *folder, int version)
{
    struct own *own = user;
    char path[3 * VLT_CGROUP_PATH_BYTES];
    uint64_t failed;
    const char *file = version == 2 ? own->file : "memory.failcnt";
    if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path) {
        return;
    }
    if (version == 2 && isnan(own->psi->some_us)) {
        *own->psi = read_psi(own->root, path);
    } else if (version == 1 && vlt_proc_read_u64(own->root, path, &failed)) {
        double *all = &own->pressure->failed_charges;
        *all = (isnan(*all) ? 0 : *all) + (double)failed;
    }
}

/* "cpu  user nice system idle iowait irq softirq steal ...", in ticks */
double vlt_pressure_parse_steal(const char *text)
{
    unsigned long long steal;
    if (sscanf(text, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &steal) != 1) {
        return NAN;
    }
    return (double)steal / (double)sysconf(_SC_CLK_TCK);
}

static double read_steal_s(const char *root)
{
    char text[512];
    return vlt_proc_read(root, "/proc/stat", text, sizeof text) ? vlt_pressure_parse_steal(text)
                                                                : NAN;
}

void vlt_pressure_read(const char *root, vlt_pressure *out)
{
    char text[128];
    *out = (vlt_pressure){
        .at_s = (double)vlt_now_ns() * 1e-9,
        .cpu = read_psi(root, "/proc/pressure/cpu"),
        .memory = read_psi(root, "/proc/pressure/memory"),
        .io = read_psi(root, "/proc/pressure/io"),
        .own_cpu = unknown_psi,
        .own_memory = unknown_psi,
        .failed_charges = NAN,
        .load_1m = NAN,
        .steal_s = read_steal_s(root),
        .cpu_count = (int)sysconf(_SC_NPROCESSORS_ONLN),
    };
    struct own own = {root, out, "memory.pressure", &out->own_memory};
    vlt_cgroup_walk(root, "memory", visit_own, &own);
    own.file = "cpu.pressure";
    own.psi = &out->own_cpu;
    vlt_cgroup_walk(root, "cpu", visit_own, &own);
    if (vlt_proc_read(root, "/proc/loadavg", text, sizeof text)) {
        char *end;
        double load = strtod(text, &end);
        out->load_1m = end != text && load >= 0 ? load : NAN;
    }
}

double vlt_pressure_share(double part_s, double whole_s)
{
    return whole_s > 0 && isfinite(part_s) ? fmin(1, fmax(0, part_s / whole_s)) : NAN;
}
