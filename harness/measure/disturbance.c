#include "harness/measure/disturbance.h"

#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/machine/pressure.h"
#include "optimizations/core/clock.h"

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

static double read_waiting_us(int fd)
{
    char text[256];
    return read_text(fd, text, sizeof text) ? vlt_psi_parse(text).some_us : NAN;
}

static double read_stolen_s(int fd)
{
    char text[512];
    return read_text(fd, text, sizeof text) ? vlt_pressure_parse_steal(text) : NAN;
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

double vlt_disturbance_pressure(const vlt_disturbance *before, const vlt_disturbance *after)
{
    return vlt_pressure_share((after->waiting_us - before->waiting_us) * 1e-6,
                              after->at_s - before->at_s);
}

double vlt_disturbance_steal(const vlt_disturbance *before, const vlt_disturbance *after)
{
    return vlt_pressure_share(after->stolen_s - before->stolen_s,
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
