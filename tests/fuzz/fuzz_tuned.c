#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/tuned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is read can be written, and reads back to the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vlt_tuned_config config, again;
    vlt_choices choices = {0};
    char *first, *second;
    size_t first_bytes, second_bytes;
    if (vlt_tuned_parse((const char *)data, size, "input", NULL, NULL, &config, NULL) != VLT_OK) {
        return 0;
    }
    (void)vlt_tuned_choices(&config, "input", &choices, NULL);
    vlt_choices_release(&choices);
    if (vlt_tuned_format(&config, &first, &first_bytes, NULL) != VLT_OK ||
        vlt_tuned_parse(first, first_bytes, "again", NULL, NULL, &again, NULL) != VLT_OK ||
        again.edited || vlt_tuned_format(&again, &second, &second_bytes, NULL) != VLT_OK ||
        first_bytes != second_bytes || memcmp(first, second, first_bytes) != 0) {
        abort();
    }
    free(first);
    free(second);
    vlt_tuned_config_release(&config);
    vlt_tuned_config_release(&again);
    return 0;
}
