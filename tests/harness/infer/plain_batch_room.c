/* Lines that are prepared while another one claims the room: who prepares ends before the claim
 * holds, nobody begins before it is yielded, and what waits can be taken back. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "harness/infer/batch_room.h"
#include "harness/services/ahead.h"

enum { THREADS = 4, ROUNDS = 300, ITEMS = 3 };

static vlt_batch_room room;
static atomic_int inside, wrong, stop;

static void *prepare(void *argument)
{
    (void)argument;
    while (!atomic_load(&stop)) {
        vlt_batch_room_enter(&room);
        atomic_fetch_add(&inside, 1);
        atomic_fetch_sub(&inside, 1);
        vlt_batch_room_leave(&room);
    }
    return NULL;
}

static int check_room(void)
{
    pthread_t thread[THREADS];
    vlt_batch_room_init(&room);
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&thread[i], NULL, prepare, NULL) != 0) {
            return 1;
        }
    }
    for (int round = 0; round < ROUNDS; round++) {
        vlt_batch_room_claim(&room);
        for (int look = 0; look < 20; look++) {
            atomic_fetch_add(&wrong, atomic_load(&inside) != 0);
        }
        vlt_batch_room_yield(&room);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
    vlt_batch_room_release(&room);
    return atomic_load(&wrong);
}

static vlt_status read_item(void *user, void *item, bool *found, vlt_error *err)
{
    int *next = user;
    (void)err;
    *(int *)item = *next;
    *found = (*next)++ < ITEMS;
    return VLT_OK;
}

static vlt_status prepare_item(void *user, void *item, vlt_error *err)
{
    (void)user;
    return *(int *)item == 1 ? vlt_fail(err, VLT_STATUS_LIMIT, "no room") : VLT_OK;
}

static void take_back(void *user, void *item)
{
    ++*(int *)user;
    *(int *)item += 100;
}

/* An item that waits is visited, and comes out as it was left; one that failed is not. */
static int check_visit(void)
{
    int value[ITEMS] = {0}, empty = 0, next = 0, visited = 0, failed = 0;
    void *item[] = {&value[0], &value[1], &value[2]}, *full = &empty;
    const vlt_ahead_options options = {.count = ITEMS,
                                       .threads = 1,
                                       .read = read_item,
                                       .prepare = prepare_item,
                                       .item = item,
                                       .user = &next};
    vlt_ahead *ahead = NULL;
    bool found;
    if (vlt_ahead_create(&options, &ahead, NULL) != VLT_OK) {
        return 1;
    }
    while (visited < 1) { /* until the thread has prepared the first one */
        vlt_ahead_visit(ahead, take_back, &visited);
    }
    vlt_status status = vlt_ahead_next(ahead, &full, &found, NULL);
    failed += status != VLT_OK || !found || *(int *)full < 100;
    status = vlt_ahead_next(ahead, &full, &found, NULL);
    failed += status != VLT_STATUS_LIMIT || *(int *)full != 1;
    vlt_ahead_destroy(ahead, item);
    return failed;
}

int main(void)
{
    if (check_room() || check_visit()) {
        fprintf(stderr, "%d preparations while the room was claimed\n", atomic_load(&wrong));
        return 1;
    }
    return 0;
}
