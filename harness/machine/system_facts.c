#include "harness/machine/system_facts.h"

#include <cpuid.h>
#include <gnu/libc-version.h>
#include <string.h>
#include <sys/utsname.h>

#include "harness/machine/proc_file.h"
#include "optimizations/core/utf8_text.h"

/* CPUID leaf 1 tells of a hypervisor, leaf 0x40000000 carries its signature. */
static void read_hypervisor(char *text, size_t text_bytes)
{
    uint32_t a, b, c, d, signature[4] = {0};
    if (__get_cpuid(1, &a, &b, &c, &d) && (c >> 31 & 1u)) {
        __cpuid(0x40000000, a, signature[0], signature[1], signature[2]);
        vlt_proc_copy(text, text_bytes, (const char *)signature);
        if (!*text) {
            vlt_proc_copy(text, text_bytes, "unnamed");
        }
    }
}

/* The word in brackets of "always [madvise] never". */
static void read_bracketed(const char *root, const char *path, char *word, size_t word_bytes)
{
    char text[128];
    if (vlt_proc_read(root, path, text, sizeof text)) {
        char *begin = strchr(text, '['), *end = begin ? strchr(begin, ']') : NULL;
        if (end) {
            *end = '\0';
            vlt_proc_copy(word, word_bytes, begin + 1);
        }
    }
}

static void read_microcode(const char *root, char *out, size_t out_bytes)
{
    char text[4096];
    if (vlt_proc_read(root, "/proc/cpuinfo", text, sizeof text)) {
        char *at = strstr(text, "\nmicrocode");
        at = at ? strchr(at, ':') : NULL;
        if (at) {
            at += strspn(at, ": \t");
            at[strcspn(at, "\n")] = '\0';
            vlt_proc_copy(out, out_bytes, at);
        }
    }
}

void vlt_system_huge_pages(const char *root, char *word, size_t word_bytes)
{
    word[0] = '\0';
    read_bracketed(root, "/sys/kernel/mm/transparent_hugepage/enabled", word, word_bytes);
}

bool vlt_system_gives_large_pages(const char *huge_pages)
{
    return !strcmp(huge_pages, "always") || !strcmp(huge_pages, "madvise");
}

void vlt_system_facts_read(const char *root, vlt_machine_system *facts)
{
    struct utsname name;
    uint64_t active;
    *facts = (vlt_machine_system){.smt_active = -1};
    if (uname(&name) == 0) {
        vlt_utf8_format(facts->kernel, sizeof facts->kernel, "%s %s", name.sysname, name.release);
    }
    vlt_proc_copy(facts->libc, sizeof facts->libc, gnu_get_libc_version());
    read_hypervisor(facts->hypervisor, sizeof facts->hypervisor);
    read_microcode(root, facts->microcode, sizeof facts->microcode);
    vlt_proc_read(root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", facts->governor,
                  sizeof facts->governor);
    vlt_system_huge_pages(root, facts->huge_pages, sizeof facts->huge_pages);
    if (vlt_proc_read_u64(root, "/sys/devices/system/cpu/smt/active", &active)) {
        facts->smt_active = active != 0;
    }
}
