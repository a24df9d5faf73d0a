/* Several threads that ask one gauge: who waits is woken, nothing is let have twice, and those who
 * hold something while they want more get on. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "harness/machine/memory_gauge.h"

/* More than the program itself is ever off by. */
#define PIECE (UINT64_C(32) << 20)

enum { ASKERS = 8, ROUNDS = 30, HOUR_MS = 3600 * 1000 };

static atomic_int held, wrong;

static void *release(void *argument)
{
    vlt_memory_gauge_released(argument);
    return NULL;
}

/* Ends because it is woken: by itself it would wait for an hour. */
static int check_waking(void)
{
    vlt_memory_gauge gauge = {0};
    pthread_t thread;
    const uint64_t seen = vlt_memory_gauge_releases(&gauge);
    if (pthread_create(&thread, NULL, release, &gauge) != 0) {
        return 1;
    }
    vlt_memory_gauge_wait(&gauge, seen, HOUR_MS);
    pthread_join(thread, NULL);
    vlt_memory_gauge_wait(&gauge, seen, HOUR_MS); /* what was before is not waited for */
    vlt_memory_gauge_wait(&gauge, seen + 1, 1);   /* and nobody for ever */
    return vlt_memory_gauge_releases(&gauge) != seen + 1;
}

struct asker {
    vlt_memory_gauge *gauge;
    int got;
};

/* Two pieces, as of a picture and its patches. */
static void *ask(void *argument)
{
    struct asker *asker = argument;
    vlt_memory_grant grant = {0};
    for (int i = 0; i < ROUNDS; i++) {
        int pieces = 0;
        while (pieces < 2 &&
               vlt_memory_gauge_grant(asker->gauge, &grant, PIECE, "piece", NULL) == VLT_OK) {
            pieces++;
            atomic_fetch_add(&wrong, atomic_fetch_add(&held, 1) >= 3); /* a fourth has no margin */
        }
        asker->got += pieces == 2;
        atomic_fetch_sub(&held, pieces);
        vlt_memory_gauge_settle(asker->gauge, &grant);
    }
    return NULL;
}

static int check_askers(void)
{
    vlt_memory_gauge gauge = {.limit_bytes = vlt_memory_own_bytes_exactly(NULL) + 4 * PIECE};
    struct asker asker[ASKERS];
    pthread_t thread[ASKERS];
    int got = 0;
    for (int i = 0; i < ASKERS; i++) {
        asker[i] = (struct asker){.gauge = &gauge};
        if (pthread_create(&thread[i], NULL, ask, &asker[i]) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(thread[i], NULL);
        got += asker[i].got;
    }
    return !got || gauge.granted_bytes || gauge.waiting_bytes || atomic_load(&wrong);
}

int main(void)
{
    const int waking = check_waking(), askers = check_askers();
    if (waking || askers) {
        fprintf(stderr, "woken: %s, askers: %s, %d pieces too many\n", waking ? "wrong" : "right",
                askers ? "wrong" : "right", atomic_load(&wrong));
    }
    return waking || askers;
}
