/* Drives a fuzz target without libFuzzer: every seed file of the folders given, then seeded
 * mutations of them (flips, cuts, repeats, overwritten numbers). Deterministic. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/random.h"
#include "tests/support/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MUTATIONS = 400, INPUT_MAX = 1 << 16 };

static size_t mutate(vlt_random *random, uint8_t *data, size_t size)
{
    int64_t edits = vlt_random_range(random, 1, 6);
    for (int64_t i = 0; i < edits && size; i++) {
        size_t at = (size_t)vlt_random_range(random, 0, (int64_t)size - 1);
        switch (vlt_random_range(random, 0, 3)) {
        case 0:
            data[at] ^= (uint8_t)(1u << vlt_random_range(random, 0, 7));
            break;
        case 1:
            data[at] = (uint8_t)vlt_random_next(random);
            break;
        case 2:
            size = at;
            break;
        default:
            if (size + 8 < INPUT_MAX) {
                memmove(data + at + 8, data + at, size - at);
                size += 8;
            }
        }
    }
    return size;
}

static int replay(const uint8_t *seed, size_t size, uint64_t number)
{
    vlt_random random = {number};
    uint8_t *data = malloc(INPUT_MAX);
    if (!data) {
        return 1;
    }
    LLVMFuzzerTestOneInput(seed, size);
    for (int i = 0; i < MUTATIONS; i++) {
        size_t used = size < INPUT_MAX ? size : INPUT_MAX;
        if (used) {
            memcpy(data, seed, used);
        }
        used = mutate(&random, data, used);
        LLVMFuzzerTestOneInput(data, used);
    }
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t seeds = 0;
    static const uint8_t fallback[] = "{\"a\": [1, 2.5, \"text\", null, true]}";
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        const struct dirent *entry;
        while (folder && (entry = readdir(folder))) {
            char path[1024];
            size_t size;
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            char *data = entry->d_name[0] == '.' ? NULL : test_read_file(path, &size);
            if (data) {
                replay((const uint8_t *)data, size, ++seeds);
                free(data);
            }
        }
        if (folder) {
            closedir(folder);
        }
    }
    replay(fallback, sizeof fallback - 1, ++seeds);
    printf("%llu seeds, %d mutations each\n", (unsigned long long)seeds, MUTATIONS);
    return 0;
}
