#include "tuner/strategy/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/strategy/untried.h"

/* Of `told`, which is never more than half full. */
enum { SLOTS_MIN = 64 };

void vlt_history_init(vlt_history *history, const vlt_domain *domain)
{
    *history = (vlt_history){.domain = domain, .best = -1, .second = -1, .worst = -INFINITY};
    history->untried.left = vlt_domain_count(domain);
}

void vlt_history_release(vlt_history *history)
{
    for (int i = 0; i < history->count; i++) {
        free(history->told[i]);
    }
    free(history->told);
    free(history->slot);
    vlt_untried_release(&history->untried);
    *history = (vlt_history){0};
}

static int slot_of(const vlt_history *history, uint64_t setting)
{
    vlt_random mix = {setting};
    int mask = history->slot_count - 1;
    int slot = (int)(vlt_random_next(&mix) & (uint64_t)mask);
    while (history->slot[slot] >= 0 && history->told[history->slot[slot]]->setting != setting) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

static int find(const vlt_history *history, uint64_t setting)
{
    return history->slot_count ? history->slot[slot_of(history, setting)] : -1;
}

const vlt_told *vlt_history_find(const vlt_history *history, uint64_t setting)
{
    int index = find(history, setting);
    return index < 0 ? NULL : history->told[index];
}

static vlt_status grow(vlt_history *history, vlt_error *err)
{
    int capacity = history->capacity ? 2 * history->capacity : SLOTS_MIN / 2;
    void *told = realloc(history->told, (size_t)capacity * sizeof *history->told);
    history->told = told ? told : history->told;
    int *slot = told ? malloc(2 * (size_t)capacity * sizeof *slot) : NULL;
    if (!slot) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "search: out of memory after %d settings",
                        history->count);
    }
    free(history->slot);
    history->slot = slot;
    history->slot_count = 2 * capacity;
    history->capacity = capacity;
    memset(slot, 0xff, (size_t)history->slot_count * sizeof *slot);
    for (int i = 0; i < history->count; i++) {
        slot[slot_of(history, history->told[i]->setting)] = i;
    }
    return VLT_OK;
}

static vlt_status append(vlt_history *history, uint64_t setting, int *index, vlt_error *err)
{
    vlt_status status = history->count == history->capacity ? grow(history, err) : VLT_OK;
    vlt_told *told = status == VLT_OK ? calloc(1, sizeof *told) : NULL;
    if (!told) {
        return status != VLT_OK ? status : vlt_fail(err, VLT_STATUS_NOMEM, "search: out of memory");
    }
    told->setting = setting;
    vlt_domain_digits(history->domain, setting, told->digit);
    *index = history->count++;
    history->told[*index] = told;
    history->slot[slot_of(history, setting)] = *index;
    return VLT_OK;
}

/* The best, the second best and the worst; labels may have moved in any direction. */
static void rank(vlt_history *history)
{
    history->best = history->second = -1;
    history->worst = -INFINITY;
    history->ok_count = 0;
    for (int i = 0; i < history->count; i++) {
        double cost = history->told[i]->cost;
        if (!isfinite(cost)) {
            continue;
        }
        history->ok_count++;
        history->worst = fmax(history->worst, cost);
        if (history->best < 0 || cost < history->told[history->best]->cost) {
            history->second = history->best;
            history->best = i;
        } else if (history->second < 0 || cost < history->told[history->second]->cost) {
            history->second = i;
        }
    }
}

vlt_status vlt_history_ask(vlt_history *history, uint64_t setting, vlt_error *err)
{
    return vlt_untried_take(&history->untried, setting, err);
}

vlt_status vlt_history_tell(vlt_history *history, uint64_t setting, double cost, vlt_error *err)
{
    int index = find(history, setting);
    vlt_status status = vlt_history_ask(history, setting, err);
    status = status == VLT_OK && index < 0 ? append(history, setting, &index, err) : status;
    if (status != VLT_OK) {
        return status;
    }
    vlt_told *told = history->told[index];
    told->measured++;
    told->cost = told->measured == 1 ? cost
                 : isfinite(told->cost) && isfinite(cost)
                     ? told->cost + (cost - told->cost) / told->measured
                     : INFINITY;
    rank(history);
    return VLT_OK;
}

bool vlt_history_is_new(const vlt_history *history, uint64_t setting)
{
    return vlt_untried_has(&history->untried, setting);
}

uint64_t vlt_history_draw(const vlt_history *history, vlt_random *random)
{
    return vlt_untried_draw(&history->untried, random);
}

uint64_t vlt_history_left(const vlt_history *history)
{
    return history->untried.left;
}
