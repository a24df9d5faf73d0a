#include "harness/config/machine_cache.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/files/places.h"
#include "harness/json/json.h"
#include "harness/machine/quick_caps.h"
#include "optimizations/core/hash.h"
#include "optimizations/core/utf8_text.h"

enum { STATE_BYTES = 1024, FILE_MAX = 2 * VLT_FINGERPRINT_BYTES + STATE_BYTES + 64 };

static const char magic[] = "vltune machine 1\n";

/* The first line of a file of the system; "" where there is none. */
static void read_line(const char *path, char *out, size_t out_bytes)
{
    FILE *file = fopen(path, "re");
    out[0] = '\0';
    if (file) {
        if (!fgets(out, (int)out_bytes, file)) {
            out[0] = '\0';
        }
        fclose(file);
    }
    out[strcspn(out, "\n")] = '\0';
}

/* What the fingerprint may depend on and what can be asked for in a fraction of a millisecond; one
 * line. False: there is no boot id, so nothing can be kept. */
static bool write_state(char state[STATE_BYTES])
{
    char boot[64], governor[64], pages[64];
    vlt_caps caps;
    int threads;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    read_line("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", governor, sizeof governor);
    read_line("/sys/kernel/mm/transparent_hugepage/enabled", pages, sizeof pages);
    vlt_quick_caps(&caps, &threads);
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0 || !boot[0]) {
        return false;
    }
    const char *visible = getenv("CUDA_VISIBLE_DEVICES"), *isa = getenv("VLTUNE_ISA");
    vlt_utf8_format(state, STATE_BYTES,
                    "%s cpus %016llx threads %d memory %llu isa %x catalogue %016llx %s | %s | %s "
                    "| %s | %s",
                    boot, (unsigned long long)vlt_hash_bytes(&cpus, sizeof cpus, 0), threads,
                    (unsigned long long)caps.memory_bytes, (unsigned)caps.isa,
                    (unsigned long long)vlt_fingerprint_catalogue(), governor, pages,
                    visible ? visible : "", isa ? isa : "", __VERSION__);
    return true;
}

static char *path_of(const char *name, vlt_error *err)
{
    char *folder, *path = NULL;
    bool homeless;
    if (vlt_place_path(VLT_PLACE_CACHE, &folder, &homeless, err) != VLT_OK) {
        return NULL;
    }
    if (homeless || asprintf(&path, "%s/vltune%s", folder, name) < 0) {
        path = NULL; /* nothing is left in the current folder for this */
    }
    free(folder);
    return path;
}

/* Takes a text up to the mark `end`; NULL when there is none or it is too long. */
static const char *take(const char *text, const char *end, char *out, size_t out_bytes)
{
    const char *at = strstr(text, end);
    if (!at || (size_t)(at - text) >= out_bytes) {
        return NULL;
    }
    memcpy(out, text, (size_t)(at - text));
    out[at - text] = '\0';
    return at + strlen(end);
}

static bool parse(const char *text, const char *state, vlt_fingerprint *out)
{
    char found[STATE_BYTES];
    memset(out, 0, sizeof *out);
    if (strncmp(text, magic, sizeof magic - 1) != 0) {
        return false;
    }
    const char *rest = take(text + sizeof magic - 1, "\n", found, sizeof found);
    if (!rest || strcmp(found, state) != 0) {
        return false;
    }
    rest = take(rest, "--\n", out->hard_text, sizeof out->hard_text);
    rest = rest ? take(rest, "--\n", out->soft_text, sizeof out->soft_text) : NULL;
    return rest && out->hard_text[0] && out->soft_text[0];
}

bool vlt_machine_cache_read(vlt_fingerprint *out)
{
    char state[STATE_BYTES], *text = NULL;
    size_t bytes;
    char *path = write_state(state) ? path_of("/machine", NULL) : NULL;
    bool found = path && vlt_read_file(path, FILE_MAX, &text, &bytes, NULL) == VLT_OK &&
                 strlen(text) == bytes && parse(text, state, out);
    free(text);
    free(path);
    return found;
}

void vlt_machine_cache_write(const vlt_fingerprint *fingerprint)
{
    char state[STATE_BYTES], *text = NULL;
    char *folder = write_state(state) ? path_of("", NULL) : NULL, *path = path_of("/machine", NULL);
    int length = folder ? asprintf(&text, "%s%s\n%s--\n%s--\n", magic, state,
                                   fingerprint->hard_text, fingerprint->soft_text)
                        : -1;
    if (length > 0 && path && vlt_place_make(folder, NULL) == VLT_OK) {
        vlt_write_file(path, text, (size_t)length, NULL);
    }
    free(length > 0 ? text : NULL);
    free(folder);
    free(path);
}
