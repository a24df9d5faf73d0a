/* disturbance.h: what the system itself reports about others using the CPU.
 *
 * What machine/pressure.h reads, but with files that stay open and only the two figures that a pair
 * can afford. Two readings bracket a stretch of time. Where the system does not say (no PSI in the
 * kernel, no /proc), the answer is NAN, never 0.
 */
#ifndef VLT_HARNESS_DISTURBANCE_H
#define VLT_HARNESS_DISTURBANCE_H

#include <stdint.h>

typedef struct vlt_disturbance {
    double at_s;       /* when it was read */
    double waiting_us; /* total time in which some task waited for a CPU; NAN */
    double stolen_s;   /* total time that the hypervisor gave to others, summed over CPUs; NAN */
    int cpu_count;
} vlt_disturbance;

/* Files that stay open while one measures; a member is -1 where there is no such file. */
typedef struct vlt_disturbance_files {
    int pressure_fd;
    int stat_fd;
} vlt_disturbance_files;

void vlt_disturbance_open(vlt_disturbance_files *files);
void vlt_disturbance_close(vlt_disturbance_files *files);

/* Reads both (steal only when `whole`, it is the dearer one). */
void vlt_disturbance_read(const vlt_disturbance_files *files, int whole, vlt_disturbance *out);

/* Shares of the time between two readings, 0 to 1, or NAN. */
double vlt_disturbance_pressure(const vlt_disturbance *before, const vlt_disturbance *after);
double vlt_disturbance_steal(const vlt_disturbance *before, const vlt_disturbance *after);

/* Current frequency of the CPU that the caller runs on, Hz; NAN where it cannot be read. */
double vlt_disturbance_frequency_hz(void);

#endif
