#include "harness/measure/thread_clocks.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The clock of a thread of this process by its number, as the kernel's CPUCLOCK_SCHED has it
 * (include/linux/posix-timers_types.h); pthread_getcpuclockid knows it by its handle alone. */
static clockid_t clock_of(long thread)
{
    return (clockid_t)((~(unsigned)thread << 3) | 6u);
}

static bool add(vlt_thread_clocks *clocks, const char *name)
{
    char path[64];
    if (clocks->count == VLT_THREAD_CLOCKS_MAX) {
        return false;
    }
    long thread = strtol(name, NULL, 10);
    snprintf(path, sizeof path, "/proc/self/task/%ld/schedstat", thread);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    clocks->clock[clocks->count] = clock_of(thread);
    clocks->wait[clocks->count++] = file;
    return true;
}

void vlt_thread_clocks_open(vlt_thread_clocks *clocks)
{
    *clocks = (vlt_thread_clocks){0};
    DIR *folder = opendir("/proc/self/task");
    bool all = folder != NULL;
    for (struct dirent *entry; all && (entry = readdir(folder));) {
        if (entry->d_name[0] != '.') {
            all = add(clocks, entry->d_name);
        }
    }
    if (folder) {
        closedir(folder);
    }
    if (!all) {
        vlt_thread_clocks_close(clocks);
    }
}

void vlt_thread_clocks_close(vlt_thread_clocks *clocks)
{
    for (int i = 0; i < clocks->count; i++) {
        close(clocks->wait[i]);
    }
    clocks->count = 0;
}

uint64_t vlt_thread_clocks_cpu_ns(const vlt_thread_clocks *clocks)
{
    uint64_t sum_ns = 0;
    for (int i = 0; i < clocks->count; i++) {
        struct timespec t;
        if (clock_gettime(clocks->clock[i], &t) == 0) {
            sum_ns += (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
        }
    }
    return sum_ns;
}

uint64_t vlt_thread_clocks_waited_ns(const vlt_thread_clocks *clocks)
{
    uint64_t sum_ns = 0, ran_ns, waited_ns;
    for (int i = 0; i < clocks->count; i++) {
        char text[80];
        ssize_t bytes = pread(clocks->wait[i], text, sizeof text - 1, 0);
        text[bytes > 0 ? bytes : 0] = '\0';
        if (sscanf(text, "%" SCNu64 " %" SCNu64, &ran_ns, &waited_ns) == 2) {
            sum_ns += waited_ns;
        }
    }
    return sum_ns;
}
