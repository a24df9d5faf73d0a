#include <stdint.h>
#include <stdlib.h>

#include "harness/model/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever the bytes: refused, or a config that holds what its header promises. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vlt_model_config config;
    vlt_error err;
    if (vlt_model_config_parse((const char *)data, size, "config.json", &config, &err) == VLT_OK) {
        const int64_t *s = config.text.mrope_section;
        if (config.text.heads % config.text.kv_heads || config.text.head % 2 ||
            s[0] + s[1] + s[2] != config.text.head / 2 ||
            config.vision.width % config.vision.heads || config.vision.out != config.text.width ||
            config.vision.deepstack_count > config.text.layers ||
            config.image_token >= config.text.vocab || config.eos.count > VLT_EOS_MAX) {
            abort();
        }
    }
    return 0;
}
