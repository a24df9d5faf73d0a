/* Items come in order however many threads prepare them; ends, failures and early destruction. Has
 * its own main for ThreadSanitizer. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/services/ahead.h"

enum { ITEMS = 300, PLACES = 7 };

struct item {
    int number, made;
};

struct source {
    int next, end, fail_read_at, interrupt_at;
    atomic_int preparing, most, ahead;
};

static vlt_status read_item(void *user, void *item, bool *found, vlt_error *err)
{
    struct source *source = user;
    if (source->next == source->fail_read_at) {
        return vlt_fail(err, VLT_STATUS_IO, "cannot read %d", source->next);
    }
    *found = source->next < source->end;
    *(struct item *)item = (struct item){.number = source->next++};
    return VLT_OK;
}

static vlt_status prepare(void *user, void *argument, vlt_error *err)
{
    struct source *source = user;
    struct item *item = argument;
    const int now = ++source->preparing;
    for (int most = source->most;
         now > most && !atomic_compare_exchange_weak(&source->most, &most, now);) {
    }
    usleep((unsigned)(item->number * 7 % 5) * 100);
    item->made = item->number * 2;
    source->preparing--;
    if (item->number == source->interrupt_at) {
        return VLT_STATUS_INTERRUPTED;
    }
    return item->number % 10 == 3 ? vlt_fail(err, VLT_STATUS_INPUT, "item %d", item->number)
                                  : VLT_OK;
}

static int limit(void *user)
{
    (void)user;
    return 3;
}

/* Items taken until the end, at most `most`; -1: something was wrong. */
static int take(struct source *source, int threads, bool limited, int most, vlt_status *end)
{
    struct item storage[PLACES + 1] = {{0}};
    void *place[PLACES], *mine = &storage[PLACES];
    vlt_ahead *ahead = NULL;
    int taken = 0;
    for (int i = 0; i < PLACES; i++) {
        place[i] = &storage[i];
    }
    const vlt_ahead_options options = {.count = PLACES,
                                       .threads = threads,
                                       .read = read_item,
                                       .prepare = prepare,
                                       .user = source,
                                       .item = place,
                                       .limit = limited ? limit : NULL};
    if (vlt_ahead_create(&options, &ahead, NULL) != VLT_OK) {
        return -1;
    }
    for (bool found = true; found && taken < most;) {
        vlt_error err = {0};
        *end = vlt_ahead_next(ahead, &mine, &found, &err);
        const struct item *item = mine;
        const bool failed = item->number % 10 == 3;
        if (found && (item->number != taken || item->made != 2 * taken ||
                      *end != (failed ? VLT_STATUS_INPUT : VLT_OK) || !err.message[0] == failed)) {
            taken = -1;
            break;
        }
        taken += found;
    }
    vlt_ahead_destroy(ahead, place);
    unsigned seen = 0; /* every item came back once */
    for (int i = 0; i < PLACES; i++) {
        seen |= 1u << ((struct item *)place[i] - storage);
    }
    seen |= 1u << ((struct item *)mine - storage);
    return seen == (1u << (PLACES + 1)) - 1 ? taken : -1;
}

static int expect(const char *what, int got, int wanted)
{
    if (got != wanted) {
        fprintf(stderr, "%s: %d, expected %d\n", what, got, wanted);
    }
    return got != wanted;
}

int main(void)
{
    int failed = 0;
    vlt_status end;
    for (int threads = 1; threads <= 9; threads += 4) {
        struct source source = {.end = ITEMS, .fail_read_at = -1, .interrupt_at = -1};
        failed += expect("all", take(&source, threads, false, ITEMS + 1, &end), ITEMS);
        failed += expect("end", (int)end, VLT_OK);
        failed += expect("side by side", source.most > threads, 0);
        source = (struct source){.end = ITEMS, .fail_read_at = 50, .interrupt_at = -1};
        failed += expect("to a failure", take(&source, threads, false, ITEMS, &end), 50);
        failed += expect("failure", (int)end, VLT_STATUS_IO);
        source = (struct source){.end = ITEMS, .fail_read_at = -1, .interrupt_at = 20};
        failed += expect("to an interruption", take(&source, threads, false, ITEMS, &end), 20);
        failed += expect("interruption", (int)end, VLT_STATUS_INTERRUPTED);
        source = (struct source){.end = ITEMS, .fail_read_at = -1, .interrupt_at = -1};
        failed += expect("left early", take(&source, threads, true, 9, &end), 9);
        failed += expect("no more ahead than allowed", source.next > 9 + 3, 0);
        source = (struct source){.end = 0, .fail_read_at = -1, .interrupt_at = -1};
        failed += expect("nothing", take(&source, threads, false, 9, &end), 0);
    }
    return failed != 0;
}
