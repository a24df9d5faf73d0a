/* pressure.h: how much others, or we ourselves, press on CPU and memory right now.
 *
 * Sources: PSI of the whole system (/proc/pressure), PSI of the process's own cgroup (version 2;
 * version 1 keeps none, there the count of failed charges stands in), time stolen by the hypervisor
 * (/proc/stat) and the load average. What a kernel does not offer is NAN, never 0.
 */
#ifndef VLT_HARNESS_PRESSURE_H
#define VLT_HARNESS_PRESSURE_H

#include <stdint.h>

/* Pressure stall information of one resource. avg10 is the share of the last 10 s in percent. */
typedef struct vlt_psi {
    double some_avg10; /* at least one task waited */
    double full_avg10; /* all of them did; NAN also where the kernel gives no such line */
    double some_us;    /* in all since boot (or since the cgroup was made) */
    double full_us;
} vlt_psi;

typedef struct vlt_pressure {
    double at_s; /* monotonic clock */
    vlt_psi cpu, memory, io;
    vlt_psi own_cpu, own_memory; /* of the own cgroup */
    double failed_charges;       /* v1: how often a limit of our memory cgroups was hit; else NAN */
    double load_1m;              /* runnable tasks, one-minute mean */
    double steal_s;              /* since boot, over all CPUs */
    int cpu_count;               /* online */
} vlt_pressure;

/* Reads everything (some 10 us). `root` stands before /proc and /sys. Never fails. */
void vlt_pressure_read(const char *root, vlt_pressure *out);

/* Parses a PSI file: "some avg10=0.00 avg60=0.00 avg300=0.00 total=12", "full ...". */
vlt_psi vlt_psi_parse(const char *text);

/* Seconds stolen, from the text of /proc/stat, over all CPUs; NAN. */
double vlt_pressure_parse_steal(const char *text);

/* part / whole within 0 to 1; NAN where either is not known. */
double vlt_pressure_share(double part_s, double whole_s);

#endif
