#include "harness/measure/race_verified.h"

#include <string.h>
#include <sys/mman.h>

#include "harness/measure/verify_internal.h"
#include "optimizations/core/hash.h"

/* In front of the outputs. */
struct header {
    uint64_t side; /* hash of its texts; 0: nothing is kept */
    uint64_t run_ns;
};

enum { ALIGN = 64 };

static size_t place_bytes(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static size_t place_of(const vlt_workload *workload, int output)
{
    size_t at = place_bytes(sizeof(struct header));
    for (int i = 0; i < output; i++) {
        at += place_bytes(vlt_output_bytes(&workload->output[i]));
    }
    return at;
}

static uint64_t hash_of(const vlt_race_side *side)
{
    uint64_t hash = vlt_hash_bytes(side->setting, strlen(side->setting), 1);
    hash = side->children ? vlt_hash_bytes(side->children, strlen(side->children), hash) : hash;
    return hash ? hash : 1;
}

void vlt_race_verified_create(const vlt_workload *workload, vlt_race_verified *out)
{
    size_t bytes = place_of(workload, workload->output_count);
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *out = map == MAP_FAILED ? (vlt_race_verified){0} : (vlt_race_verified){map, bytes};
}

void vlt_race_verified_release(vlt_race_verified *verified)
{
    if (verified->map) {
        munmap(verified->map, verified->bytes);
    }
    *verified = (vlt_race_verified){0};
}

bool vlt_race_verified_has(const vlt_race_verified *verified, const vlt_race_side *side)
{
    return verified->map && ((const struct header *)verified->map)->side == hash_of(side) &&
           mprotect(verified->map, verified->bytes, PROT_READ) == 0;
}

const void *vlt_race_verified_output(const vlt_race_verified *verified,
                                     const vlt_workload *workload, int i)
{
    return (const char *)verified->map + place_of(workload, i);
}

uint64_t vlt_race_verified_ns(const vlt_race_verified *verified)
{
    return verified->map ? ((const struct header *)verified->map)->run_ns : 0;
}

void vlt_race_verified_keep(const vlt_race_verified *verified, const vlt_race_side *side,
                            const vlt_workload *workload, uint64_t run_ns)
{
    if (!verified->map) {
        return;
    }
    struct header *header = verified->map;
    header->side = 0;
    header->run_ns = run_ns;
    for (int i = 0; i < workload->output_count; i++) {
        const vlt_output *output = &workload->output[i];
        memcpy((char *)verified->map + place_of(workload, i), output->data,
               vlt_output_bytes(output));
    }
    header->side = hash_of(side);
    mprotect(verified->map, verified->bytes, PROT_READ); /* of this trial: its challenger is next */
}
