#include <stdio.h>

#include "harness/machine/machine.h"

int vlt_cpu_set_count(const vlt_cpu_set *set)
{
    int count = 0;
    for (int i = 0; i < VLT_MACHINE_CPU_WORDS; i++) {
        for (uint64_t word = set->word[i]; word; word &= word - 1) {
            count++;
        }
    }
    return count;
}

void vlt_cpu_set_add(vlt_cpu_set *set, int cpu)
{
    if (cpu >= 0 && cpu < VLT_MACHINE_CPU_WORDS * 64) {
        set->word[cpu / 64] |= UINT64_C(1) << (cpu % 64);
    }
}

void vlt_cpu_set_format(const vlt_cpu_set *set, char *text, size_t text_bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (int cpu = 0; cpu < VLT_MACHINE_CPU_WORDS * 64; cpu++) {
        if (!vlt_cpu_set_has(set, cpu)) {
            continue;
        }
        int last = cpu;
        while (vlt_cpu_set_has(set, last + 1)) {
            last++;
        }
        int wrote = last > cpu
                        ? snprintf(text + used, text_bytes - used, "%s%d-%d", used ? "," : "", cpu,
                                   last)
                        : snprintf(text + used, text_bytes - used, "%s%d", used ? "," : "", cpu);
        if (wrote < 0 || used + (size_t)wrote >= text_bytes) {
            return;
        }
        used += (size_t)wrote;
        cpu = last;
    }
}
