/* Packs of seeds: refused with a line, or written so that they read back: what did well of each
 * bucket, and that again in the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/pack/seeds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vlt_seeds seeds, again;
    vlt_error err;
    char *text;
    size_t bytes;
    if (vlt_seeds_parse((const char *)data, size, "input", &seeds, &err) != VLT_OK) {
        if (!strstr(err.message, "line ")) {
            abort();
        }
        return 0;
    }
    if (vlt_seeds_format(&seeds, VLT_SEEDS_MAX, &text, &bytes, &err) == VLT_OK) {
        if (vlt_seeds_parse(text, bytes, "again", &again, &err) != VLT_OK ||
            again.count > seeds.count || (again.count == 0) != (seeds.count == 0)) {
            abort();
        }
        char *text_again;
        size_t bytes_again;
        if (vlt_seeds_format(&again, VLT_SEEDS_MAX, &text_again, &bytes_again, &err) == VLT_OK) {
            if (bytes_again != bytes || memcmp(text_again, text, bytes) != 0) {
                abort();
            }
            free(text_again);
        }
        vlt_seeds_release(&again);
        free(text);
    }
    vlt_seeds_release(&seeds);
    return 0;
}
