/* ahead.h: items of a sequence that are read and prepared by threads before they are asked for.
 *
 *     read (one at a time, in order) -> prepare (side by side) -> next (in order)
 *
 * At most `count` items are ahead of the one asked for last. Items are the caller's, opaque, and
 * are passed round: next takes an empty one and gives a full one.
 */
#ifndef VLT_HARNESS_AHEAD_H
#define VLT_HARNESS_AHEAD_H

#include <stdbool.h>

#include "optimizations/core/status.h"

enum { VLT_AHEAD_MAX = 1024 };

typedef struct vlt_ahead vlt_ahead;

typedef struct vlt_ahead_options {
    int count;   /* 1..VLT_AHEAD_MAX */
    int threads; /* 1.. ; no more than count are started */
    /* The next item into an empty one; *found false at the end. What fails ends the sequence. */
    vlt_status (*read)(void *user, void *item, bool *found, vlt_error *err);
    /* From several threads. INTERRUPTED ends the sequence; what fails otherwise is that item's. */
    vlt_status (*prepare)(void *user, void *item, vlt_error *err);
    void *user;
    void *const *item; /* [count] empty ones; the caller's again after destroy */
    /* How many may be ahead now, at least 1; asked whenever one was taken. NULL: count. */
    int (*limit)(void *user);
} vlt_ahead_options;

vlt_status vlt_ahead_create(const vlt_ahead_options *options, vlt_ahead **out, vlt_error *err);

/* Waits for reads and preparations under way: who reads must be let go before. item[count] are the
 * items that are in it then. NULL is fine. */
void vlt_ahead_destroy(vlt_ahead *ahead, void **item);

/* Waits for the next item, and exchanges it for *item, which is empty. The status is that of its
 * preparation, or, where *found is false, that of the reading. One thread. */
vlt_status vlt_ahead_next(vlt_ahead *ahead, void **item, bool *found, vlt_error *err);

/* Calls visit for each item that is prepared and waits to be taken, which it may change; next does
 * not hand it out meanwhile. Any thread. */
void vlt_ahead_visit(vlt_ahead *ahead, void (*visit)(void *user, void *item), void *user);

/* Would next return at once? */
bool vlt_ahead_ready(vlt_ahead *ahead);

#endif
