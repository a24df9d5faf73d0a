/* Recorded spaces (T4, caches, T1), packed or not: refused, or a space that holds together and is
 * written so that it reads back. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/zip.h"
#include "tuner/replay/recorded.h"
#include "tuner/replay/t1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { UNPACKED_MAX = 1 << 20 };

/* Every setting has its number; the best is correct and none is better. */
static void check_space(const vlt_recorded *space)
{
    uint16_t digits[VLT_DOMAIN_PARAMETER_MAX];
    const vlt_record *best = &space->record[space->best];
    if (!isfinite(best->mean) || best->validity != VLT_VALIDITY_CORRECT) {
        abort();
    }
    for (uint64_t i = 0; i < vlt_domain_count(space->domain); i++) {
        vlt_domain_digits(space->domain, i, digits);
        if (vlt_domain_find(space->domain, digits) != i || space->record[i].mean < best->mean) {
            abort();
        }
    }
}

static void round_trip(const vlt_recording *recording, const vlt_recorded *space)
{
    vlt_recording *again;
    vlt_recorded *other;
    vlt_record_kind kind;
    char *text;
    size_t bytes;
    if (vlt_recording_create("k", "m", &again, NULL) != VLT_OK) {
        return;
    }
    if (vlt_recording_write(recording, &text, &bytes, NULL) != VLT_OK ||
        vlt_recording_read(again, text, bytes, "again", &kind, NULL) != VLT_OK ||
        vlt_recording_finish(again, NULL, "again", &other, NULL) != VLT_OK) {
        abort();
    }
    if (vlt_domain_count(other->domain) != vlt_domain_count(space->domain) ||
        other->record[other->best].mean != space->record[space->best].mean) {
        abort();
    }
    vlt_recorded_destroy(other);
    free(text);
    vlt_recording_destroy(again);
}

static void read_space(const char *text, size_t bytes)
{
    vlt_recording *recording;
    vlt_recorded *space;
    vlt_record_kind kind;
    vlt_error err;
    if (vlt_recording_create("k", "m", &recording, NULL) == VLT_OK &&
        vlt_recording_read(recording, text, bytes, "input", &kind, &err) == VLT_OK &&
        vlt_recording_finish(recording, NULL, "input", &space, &err) == VLT_OK) {
        check_space(space);
        round_trip(recording, space);
        vlt_recorded_destroy(space);
    }
    vlt_recording_destroy(recording);
}

static void read_t1(const char *text, size_t bytes)
{
    vlt_domain *domain, *again;
    vlt_error err;
    if (vlt_t1_parse(text, bytes, "input", &domain, &err) == VLT_OK) {
        char *out;
        size_t out_bytes;
        if (vlt_t1_write(domain, &out, &out_bytes, &err) == VLT_OK) {
            if (vlt_t1_parse(out, out_bytes, "again", &again, &err) != VLT_OK ||
                vlt_domain_count(again) != vlt_domain_count(domain)) {
                abort();
            }
            vlt_domain_destroy(again);
            free(out);
        }
        vlt_domain_destroy(domain);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = NULL;
    size_t bytes = 0;
    if (vlt_is_gzip(data, size)) {
        if (vlt_gunzip(data, size, UNPACKED_MAX, "input", &text, &bytes, NULL) != VLT_OK) {
            return 0;
        }
    } else if ((text = malloc(size + 1))) {
        if (size) {
            memcpy(text, data, size);
        }
        text[size] = 0;
        bytes = size;
    }
    if (text) {
        read_space(text, bytes);
        read_t1(text, bytes);
        free(text);
    }
    return 0;
}
