/* What `--table` and `--trust` read: the self-check's table, and its JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "reports/trust.h"
#include "tuner/selfcheck/selfcheck.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A line that was understood is written so that it is understood again, as the same text. */
static void table(const char *text)
{
    vlt_selfcheck check = {0};
    if (vlt_selfcheck_parse(text, "table", &check, NULL) == VLT_OK) {
        for (int i = 0; i < check.count; i++) {
            char line[2048], whole[4096], again_line[2048];
            vlt_selfcheck again = {0};
            vlt_selfcheck_format_line(&check.line[i], line, sizeof line);
            snprintf(whole, sizeof whole, "%s\n%s\n", vlt_selfcheck_header(), line);
            if (vlt_selfcheck_parse(whole, "again", &again, NULL) != VLT_OK || again.count != 1) {
                abort();
            }
            vlt_selfcheck_format_line(&again.line[0], again_line, sizeof again_line);
            if (strcmp(line, again_line) != 0) {
                abort();
            }
            vlt_selfcheck_release(&again);
        }
        json_decref(vlt_selfcheck_to_json(&check));
    }
    vlt_selfcheck_release(&check);
}

static void trust(const char *text, size_t size)
{
    json_t *document = NULL, *facts = NULL;
    if (vlt_json_parse(text, size, "trust", &document, NULL) == VLT_OK &&
        vlt_trust_facts(document, &facts, NULL) == VLT_OK && !json_is_object(facts)) {
        abort();
    }
    json_decref(facts);
    json_decref(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (text) {
        if (size) {
            memcpy(text, data, size);
        }
        text[size] = '\0';
        table(text);
        trust(text, size);
        free(text);
    }
    return 0;
}
