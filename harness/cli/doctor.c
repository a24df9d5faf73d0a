#include "harness/cli/doctor.h"

#include <dlfcn.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/facts.h"
#include "harness/measure/clock_probe.h"
#include "harness/measure/instructions.h"
#include "harness/machine/memory_nodes.h"
#include "optimizations/core/utf8_text.h"

const char *vlt_finding_state_name(vlt_finding_state state)
{
    static const char *const names[] = {"has", "lacks", "warning"};
    return (unsigned)state <= VLT_FINDING_WARNING ? names[state] : "?";
}

static void VLT_PRINTF(6, 7)
    add(vlt_doctor *doctor, const char *subject, vlt_finding_state state, const char *consequence,
        const char *repair, const char *format, ...)
{
    if (doctor->count == VLT_FINDINGS_MAX) {
        return;
    }
    vlt_finding *finding = &doctor->finding[doctor->count++];
    *finding = (vlt_finding){.subject = subject, .state = state};
    if (state != VLT_FINDING_HAS) {
        finding->consequence = consequence;
        finding->repair = repair;
    }
    va_list args;
    va_start(args, format);
    vlt_utf8_vformat(finding->fact, sizeof finding->fact, format, args);
    va_end(args);
}

static void examine_cpu(const vlt_machine *machine, vlt_doctor *doctor)
{
    const vlt_caps *caps = &machine->caps;
    add(doctor, "cpu", caps->core_count > 1 ? VLT_FINDING_HAS : VLT_FINDING_WARNING,
        "measuring and what disturbs it share one core: most verdicts will be inconclusive; stages "
        "cannot overlap",
        "give the process two cores or more (taskset, cpuset, size of the virtual machine)",
        "%s, %d of %d cores usable", caps->cpu_name, caps->core_count, machine->core_count);
    if (machine->limits.cpu_quota > 0 && machine->limits.cpu_quota < caps->cpu_count) {
        add(doctor, "cpu limit", VLT_FINDING_WARNING,
            "the kernel halts the process when its share is used up: times jump",
            "raise or remove the CPU quota of the cgroup", "%.2f CPUs by %s",
            machine->limits.cpu_quota, machine->limits.cpu_limited_by);
    }
    if (!machine->can_bind) {
        add(doctor, "binding", VLT_FINDING_LACKS, "threads may wander between cores: more noise",
            "allow sched_setaffinity (container profile)", "threads cannot be bound to cores");
    }
    if (machine->kind_count > 1) {
        add(doctor, "core kinds", VLT_FINDING_HAS, NULL, NULL,
            "%d kinds; --pin takes the fastest first, else the system decides",
            machine->kind_count);
    }
}

static void examine_isa(const vlt_machine *machine, vlt_doctor *doctor)
{
    static const char repair[] = "another CPU, or a hypervisor that passes its features through",
                      wider[] = "run without it";
    char why[96];
    const bool masked = machine->caps.isa_of[0] != '\0';
    uint32_t isa = machine->caps.isa;
    vlt_utf8_format(why, sizeof why, "%s%s",
                    masked ? "not offered by " : "not offered by this CPU, or not by the system",
                    machine->caps.isa_of);
    if (!(isa & VLT_ISA_AVX2)) {
        add(doctor, "AVX2", VLT_FINDING_LACKS, "only the portable variants run: many times slower",
            masked ? wider : repair, "%s", why);
        return;
    }
    add(doctor, "AVX2", VLT_FINDING_HAS, NULL, NULL, "usable, with FMA, F16C and BMI2");
#define VLT_ISA_EXAMINE(code, bit, name)                                             \
    if (VLT_ISA_##code != VLT_ISA_AVX2) {                                            \
        add(doctor, name, isa &VLT_ISA_##code ? VLT_FINDING_HAS : VLT_FINDING_LACKS, \
            "variants that need it are not applicable; the next best are used",      \
            masked ? wider : repair, "%s", isa &VLT_ISA_##code ? "usable" : why);    \
    }
    VLT_ISA_MAP(VLT_ISA_EXAMINE)
#undef VLT_ISA_EXAMINE
}

static void examine_memory(const vlt_machine *machine, vlt_doctor *doctor)
{
    const vlt_limits *limits = &machine->limits;
    char usable[32], left[32];
    vlt_facts_size(machine->caps.memory_bytes, usable, sizeof usable);
    vlt_facts_size(limits->memory_budget_bytes, left, sizeof left);
    bool little = limits->memory_budget_bytes < UINT64_C(512) << 20;
    add(doctor, "memory", little ? VLT_FINDING_WARNING : VLT_FINDING_HAS,
        "only small checkpoints can be loaded; the tuner's children may be killed",
        "end other programs, or raise the memory limit of the cgroup", "%s usable, %s left%s%s",
        usable, left, *limits->memory_limited_by ? ", limited by " : "", limits->memory_limited_by);
    add(doctor, "huge pages", machine->caps.large_pages ? VLT_FINDING_HAS : VLT_FINDING_LACKS,
        "large tensors cost more page faults and TLB misses",
        "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled", "%s",
        !strcmp(machine->system.huge_pages, "madvise")
            ? "for who asks: large blocks do (--huge-pages)"
        : !strcmp(machine->system.huge_pages, "always")
            ? "for everybody (--huge-pages off: not here)"
        : *machine->system.huge_pages ? "switched off"
                                      : "not of this kernel");
}

static void examine_nodes(const vlt_machine *machine, vlt_doctor *doctor)
{
    char numbers[64];
    const vlt_cpu_set nodes = vlt_machine_all_nodes(machine);
    vlt_cpu_set_format(&nodes, numbers, sizeof numbers);
    if (machine->node_count > 1 && machine->can_place) {
        add(doctor, "memory nodes", VLT_FINDING_HAS, NULL, NULL,
            "NUMA nodes %s may be used: --weights, --first-touch, else as tuned", numbers);
    } else if (machine->node_count > 1) {
        add(doctor, "memory nodes", VLT_FINDING_LACKS,
            "--weights and --first-touch are wishes that nobody hears",
            "allow mbind and set_mempolicy (container profile)",
            "memory cannot be bound to the NUMA nodes %s%s", numbers,
            machine->emulated ? ", which are replayed" : "");
    } else if (machine->numa_count > 1) {
        add(doctor, "memory nodes", VLT_FINDING_WARNING,
            "memory of one node serves all threads; --weights and --first-touch have no choice",
            "allow more nodes (cpuset.mems of the cgroup)", "%d of %d NUMA nodes may be used",
            machine->node_count, machine->numa_count);
    } else {
        add(doctor, "memory nodes", VLT_FINDING_HAS, NULL, NULL,
            "one NUMA node: --weights and --first-touch have no choice");
    }
}

static void examine_disturbance(const vlt_machine *machine, const vlt_pressure *pressure,
                                vlt_doctor *doctor)
{
    static const char wavers[] = "other work shares the cores: more pairs are needed for a verdict";
    if (isnan(pressure->cpu.some_us)) {
        add(doctor, "pressure", VLT_FINDING_LACKS,
            "samples cannot tell how much other work disturbed them",
            "a kernel with CONFIG_PSI=y (boot with psi=1)", "the kernel keeps no pressure figures");
    } else {
        add(doctor, "pressure",
            pressure->cpu.some_avg10 > 10 ? VLT_FINDING_WARNING : VLT_FINDING_HAS, wavers,
            "measure when the machine is quiet",
            "tasks waited for a CPU in %.1f %% of the last 10 s", pressure->cpu.some_avg10);
    }
    if (*machine->system.hypervisor) {
        add(doctor, "bare metal", VLT_FINDING_LACKS,
            "neighbours on the host and the hypervisor add noise that is not visible from here",
            "measure on a machine of your own, or trust the intervals", "virtual machine (%s)",
            machine->system.hypervisor);
    }
    if (*machine->system.governor && strcmp(machine->system.governor, "performance")) {
        add(doctor, "governor", VLT_FINDING_WARNING, "the clock rate moves with the load",
            "cpupower frequency-set -g performance", "'%s'", machine->system.governor);
    }
}

static void examine_clock(vlt_doctor *doctor)
{
    vlt_clock_info info;
    vlt_clock_probe(vlt_clock_system(), &info);
    add(doctor, "clock", info.overhead_ns > 500 ? VLT_FINDING_WARNING : VLT_FINDING_HAS,
        "every timed epoch pays for a slow clock; epochs become longer",
        "use the clock source tsc (/sys/devices/system/clocksource)",
        "a reading costs %.0f ns, its tick is %.0f ns", info.overhead_ns, info.tick_ns);
}

/* One finding per source of counters: what it counts, or why it does not. */
static void examine_source(const vlt_metric *metric, int count, const char *source,
                           const char *subject, const char *consequence, const char *repair,
                           vlt_doctor *doctor)
{
    const vlt_metric *missing = NULL;
    int usable = 0, all = 0, refused = 0;
    for (int i = 0; i < count; i++) {
        if (strcmp(metric[i].source, source)) {
            continue;
        }
        all++;
        if (vlt_metric_has_value(&metric[i])) {
            usable++;
        } else {
            refused += metric[i].status == VLT_METRIC_NOT_PERMITTED;
            missing = missing ? missing : &metric[i];
        }
    }
    if (usable > 0) {
        add(doctor, subject, VLT_FINDING_HAS, NULL, NULL, "%d of %d metrics count here", usable,
            all);
    } else if (missing) {
        add(doctor, subject, VLT_FINDING_LACKS, consequence,
            refused ? "sysctl kernel.perf_event_paranoid=1, or run with CAP_PERFMON" : repair,
            "%s (code %d)", missing->reason, missing->code);
    }
}

static void examine_counters(const vlt_metric *metric, int count, vlt_doctor *doctor)
{
    examine_source(
        metric, count, "papi", "counters",
        "time only: no cycles, instructions or cache misses in bench and reports",
        "a machine with a PMU (virtual machines: pass it through, e.g. kvm -cpu host,pmu=on)",
        doctor);
    examine_source(metric, count, "software", "system books",
                   "samples carry no faults and context switches", "allow getrusage", doctor);
    bool valgrind = vlt_instructions_valgrind() != NULL;
    add(doctor, "callgrind", valgrind ? VLT_FINDING_HAS : VLT_FINDING_LACKS,
        "no instruction counts: vltune gate --counter instructions cannot run",
        "apt-get install valgrind", "%s",
        valgrind ? "counts instructions of AVX2 paths" : "valgrind is not installed");
}

static bool can_open(const char *const *names)
{
    for (; *names; names++) {
        void *library = dlopen(*names, RTLD_LAZY | RTLD_LOCAL);
        if (library) {
            dlclose(library);
            return true;
        }
    }
    return false;
}

static void examine_gpu(const vlt_machine *machine, const vlt_metric *metric, int count,
                        vlt_doctor *doctor)
{
    static const char *const nvrtc[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2",
                                        NULL};
    const vlt_caps *caps = &machine->caps;
    if (caps->gpu_count == 0) {
        add(doctor, "gpu", VLT_FINDING_LACKS,
            "everything runs on the CPU; transfers are measured on the host device",
            "an NVIDIA GPU with its driver (libcuda.so.1)", "%s", caps->gpu_reason);
        return;
    }
    add(doctor, "gpu", VLT_FINDING_HAS, NULL, NULL, "%s", caps->gpu_name);
    bool compiler = can_open(nvrtc);
    add(doctor, "NVRTC", compiler ? VLT_FINDING_HAS : VLT_FINDING_LACKS,
        "kernels cannot be compiled for this GPU", "install libnvrtc of the driver's CUDA version",
        "%s", compiler ? "found" : "libnvrtc is not installed");
    examine_source(metric, count, "cupti", "CUPTI", "no GPU activity in reports",
                   "install libcupti of the driver's CUDA version", doctor);
}

static void examine_folder(vlt_doctor *doctor)
{
    bool writable = access(".", W_OK) == 0;
    add(doctor, "this folder", writable ? VLT_FINDING_HAS : VLT_FINDING_WARNING,
        "tune cannot write its page here", "start it in another folder, or give --page", "%s",
        writable ? "writable, for report.html of tune" : "not writable");
}

void vlt_doctor_examine(const vlt_machine *machine, const vlt_pressure *pressure,
                        const vlt_metric *metric, int metric_count, vlt_doctor *doctor)
{
    doctor->count = 0;
    examine_cpu(machine, doctor);
    examine_isa(machine, doctor);
    examine_memory(machine, doctor);
    examine_nodes(machine, doctor);
    examine_gpu(machine, metric, metric_count, doctor);
    examine_counters(metric, metric_count, doctor);
    examine_clock(doctor);
    examine_disturbance(machine, pressure, doctor);
    examine_folder(doctor);
}
