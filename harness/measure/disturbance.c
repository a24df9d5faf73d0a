#include "harness/measure/disturbance.h"

#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/measure/clock.h"

void vlt_disturbance_open(vlt_disturbance_files *files)
{
    files->pressure_fd = open("/proc/pressure/cpu", O_RDONLY | O_CLOEXEC);
    files->stat_fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
}

void vlt_disturbance_close(vlt_disturbance_files *files)
{
    if (files->pressure_fd >= 0) {
        close(files->pressure_fd);
    }
    if (files->stat_fd >= 0) {
        close(files->stat_fd);
    }
    files->pressure_fd = files->stat_fd = -1;
}

static int read_text(int fd, char *text, size_t text_bytes)
{
    ssize_t got = fd >= 0 ? pread(fd, text, text_bytes - 1, 0) : -1;
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345": microseconds since boot */
static double read_waiting_us(int fd)
{
    char text[256];
    const char *total = read_text(fd, text, sizeof text) ? strstr(text, "total=") : NULL;
    return total ? strtod(total + 6, NULL) : NAN;
}

/* "cpu  user nice system idle iowait irq softirq steal ...", in ticks */
static double read_stolen_s(int fd)
{
    char text[512];
    unsigned long long steal;
    if (!read_text(fd, text, sizeof text) ||
        sscanf(text, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &steal) != 1) {
        return NAN;
    }
    return (double)steal / (double)sysconf(_SC_CLK_TCK);
}

void vlt_disturbance_read(const vlt_disturbance_files *files, int whole, vlt_disturbance *out)
{
    *out = (vlt_disturbance){
        .at_s = (double)vlt_clock_wall(vlt_clock_system()) * 1e-9,
        .waiting_us = read_waiting_us(files->pressure_fd),
        .stolen_s = whole ? read_stolen_s(files->stat_fd) : NAN,
        .cpu_count = (int)sysconf(_SC_NPROCESSORS_ONLN),
    };
}

static double share(double part_s, double whole_s)
{
    return whole_s > 0 && isfinite(part_s) ? fmin(1, fmax(0, part_s / whole_s)) : NAN;
}

double vlt_disturbance_pressure(const vlt_disturbance *before, const vlt_disturbance *after)
{
    return share((after->waiting_us - before->waiting_us) * 1e-6, after->at_s - before->at_s);
}

double vlt_disturbance_steal(const vlt_disturbance *before, const vlt_disturbance *after)
{
    return share(after->stolen_s - before->stolen_s,
                 (after->at_s - before->at_s) * after->cpu_count);
}

double vlt_disturbance_frequency_hz(void)
{
    char path[96];
    double khz = NAN;
    int cpu = sched_getcpu();
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq",
             cpu < 0 ? 0 : cpu);
    FILE *file = fopen(path, "re");
    if (file) {
        if (fscanf(file, "%lf", &khz) != 1) {
            khz = NAN;
        }
        fclose(file);
    }
    return khz * 1000;
}
