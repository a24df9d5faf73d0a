#include "tuner/strategy/untried.h"

#include <stdlib.h>
#include <string.h>

/* The setting at a position, and the position of a setting, share one table of pairs. A domain has
 * less than 2^63 settings. */
static const uint64_t of_position = UINT64_C(1) << 63, no_key = UINT64_MAX;

static size_t slot_of(const vlt_untried *untried, uint64_t key)
{
    vlt_random mix = {key};
    size_t slot = (size_t)vlt_random_next(&mix) & (untried->capacity - 1);
    while (untried->key[slot] != no_key && untried->key[slot] != key) {
        slot = (slot + 1) & (untried->capacity - 1);
    }
    return slot;
}

/* What was stored under a key, else `otherwise`. */
static uint64_t get(const vlt_untried *untried, uint64_t key, uint64_t otherwise)
{
    if (!untried->capacity) {
        return otherwise;
    }
    size_t slot = slot_of(untried, key);
    return untried->key[slot] == key ? untried->value[slot] : otherwise;
}

static void put(vlt_untried *untried, uint64_t key, uint64_t value)
{
    size_t slot = slot_of(untried, key);
    untried->used += untried->key[slot] != key;
    untried->key[slot] = key;
    untried->value[slot] = value;
}

static vlt_status reserve(vlt_untried *untried, vlt_error *err)
{
    if (2 * (untried->used + 4) <= untried->capacity) {
        return VLT_OK;
    }
    const vlt_untried old = *untried;
    untried->capacity = old.capacity ? 2 * old.capacity : 256;
    untried->key = malloc(untried->capacity * sizeof *untried->key);
    untried->value = malloc(untried->capacity * sizeof *untried->value);
    if (!untried->key || !untried->value) {
        vlt_untried_release(untried);
        *untried = old;
        return vlt_fail(err, VLT_STATUS_NOMEM, "search: out of memory");
    }
    memset(untried->key, 0xff, untried->capacity * sizeof *untried->key);
    untried->used = 0;
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.key[i] != no_key) {
            put(untried, old.key[i], old.value[i]);
        }
    }
    free(old.key);
    free(old.value);
    return VLT_OK;
}

bool vlt_untried_has(const vlt_untried *untried, uint64_t setting)
{
    return get(untried, setting, setting) < untried->left;
}

vlt_status vlt_untried_take(vlt_untried *untried, uint64_t setting, vlt_error *err)
{
    if (!vlt_untried_has(untried, setting)) {
        return VLT_OK;
    }
    vlt_status status = reserve(untried, err);
    if (status == VLT_OK) {
        uint64_t position = get(untried, setting, setting), end = untried->left - 1;
        uint64_t last = get(untried, of_position | end, end);
        put(untried, of_position | position, last);
        put(untried, of_position | end, setting);
        put(untried, last, position);
        put(untried, setting, end);
        untried->left = end;
    }
    return status;
}

uint64_t vlt_untried_draw(const vlt_untried *untried, vlt_random *random)
{
    if (!untried->left) {
        return VLT_SETTING_NONE;
    }
    /* unbiased: draws above the largest multiple are thrown away */
    uint64_t limit = UINT64_MAX - UINT64_MAX % untried->left, number;
    do {
        number = vlt_random_next(random);
    } while (number >= limit);
    uint64_t position = number % untried->left;
    return get(untried, of_position | position, position);
}

void vlt_untried_release(vlt_untried *untried)
{
    free(untried->key);
    free(untried->value);
    *untried = (vlt_untried){0};
}
