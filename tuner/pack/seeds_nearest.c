/* Which packs are of machines like this one. */
#include <limits.h>
#include <string.h>

#include "optimizations/core/caps.h"
#include "tuner/pack/seeds.h"

/* Is `name` one of the words of the text? */
static bool has_word(const char *text, const char *name)
{
    size_t bytes = strlen(name);
    for (const char *at = text; (at = strstr(at, name)); at += bytes) {
        if ((at == text || at[-1] == ' ') && (at[bytes] == ' ' || !at[bytes])) {
            return true;
        }
    }
    return false;
}

int vlt_seeds_distance(const vlt_seeds *seeds, uint32_t isa)
{
    int distance = 0;
#define VLT_ISA_DIFFERS(code, bit, name) \
    distance += has_word(seeds->isa, name) != ((isa & VLT_ISA_##code) != 0);
    VLT_ISA_MAP(VLT_ISA_DIFFERS)
#undef VLT_ISA_DIFFERS
    return distance;
}

vlt_status vlt_seeds_nearest_packs(uint32_t isa, vlt_seeds *out, int *count, vlt_error *err)
{
    int nearest = INT_MAX;
    *count = 0;
    for (int i = 0; vlt_seeds_pack_text(i); i++) {
        const char *text = vlt_seeds_pack_text(i);
        vlt_seeds seeds;
        vlt_status status = vlt_seeds_parse(text, strlen(text), "a pack of this program", &seeds,
                                            err);
        if (status != VLT_OK) {
            return status;
        }
        int distance = vlt_seeds_distance(&seeds, isa);
        while (*count > 0 && nearest > distance) {
            vlt_seeds_release(&out[--*count]);
        }
        if (distance <= nearest) {
            nearest = distance;
            out[(*count)++] = seeds;
        } else {
            vlt_seeds_release(&seeds);
        }
    }
    return VLT_OK;
}
