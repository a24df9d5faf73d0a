/* Any bytes as tokenizer.json, and as vocab.json with merges.txt: refused or usable. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/tokenizer.h"
#include "optimizations/bpe_encode/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every token must decode without a crash. */
static void use(vlt_tokenizer *tokenizer)
{
    const vlt_vocab *vocab = vlt_tokenizer_vocab(tokenizer);
    char *text;
    size_t bytes;
    for (int32_t id = 0; id < vlt_vocab_size(vocab) && id < 4096; id++) {
        if (vlt_decode(vocab, &id, 1, id % 2, &text, &bytes, NULL) == VLT_OK) {
            free(text);
        }
    }
    vlt_tokenizer_destroy(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *feed = size ? memchr(data, '\n', size) : NULL;
    size_t first = feed ? (size_t)(feed - text) : size;
    vlt_tokenizer *tokenizer;
    vlt_error err = {0};
    if (vlt_tokenizer_from_json(text, size, "input", &tokenizer, &err) == VLT_OK) {
        use(tokenizer);
    }
    /* The first line as vocab.json, the rest as merges.txt. */
    if (feed && vlt_tokenizer_from_merges(text, first, feed + 1, size - first - 1, NULL, 0, "input",
                                          &tokenizer, &err) == VLT_OK) {
        use(tokenizer);
    }
    return 0;
}
