#include "harness/machine/memory_gauge.h"

#include <malloc.h>

#include "optimizations/core/clock.h"
#include "optimizations/core/threads.h"

enum { KEPT_MS = 100, PAUSE_MS = 10, WAIT_MS = 330 };

/* Within a limit of the process's own a few grants of almost a MiB are all that must stay free. */
#define SMALL_WITHIN_BYTES (VLT_MEMORY_SMALL_BYTES / 16)

/* Where a reading may be off by more than is left to spare, pages are counted one by one. */
#define NEAR_BYTES (4 * VLT_MEMORY_SMALL_BYTES)

static pthread_mutex_t admitting = PTHREAD_MUTEX_INITIALIZER; /* a process has one memory */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static int64_t now_ms(void)
{
    return vlt_now_ns() / 1000000;
}

/* Under the lock. */
static void wait_until(int64_t ms)
{
    vlt_wait_until(&changed, &admitting, ms * 1000000);
}

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t let_have_lately(vlt_memory_gauge *gauge, int64_t now)
{
    const int64_t age = now - gauge->recent_ms;
    if (age >= KEPT_MS) {
        gauge->recent_bytes[1] = age < 2 * KEPT_MS ? gauge->recent_bytes[0] : 0;
        gauge->recent_bytes[0] = 0;
        gauge->recent_ms = now;
    }
    return gauge->recent_bytes[0] + gauge->recent_bytes[1];
}

/* What has become resident since the rest, up to what must stay free beside `bytes`, is nothing
 * that may refuse an asker who is alone. */
static uint64_t forgiven(const vlt_memory_gauge *gauge, uint64_t bytes)
{
    return gauge->rest_bytes && atomic_load(&gauge->alone) ? vlt_memory_with_margin(bytes) - bytes
                                                           : 0;
}

/* Pages are counted one by one where a reading may decide by what it is off, and where it refuses
 * for good. */
static void read_for(const vlt_memory_gauge *gauge, uint64_t bytes, uint64_t promised,
                     vlt_memory_room *out)
{
    const uint64_t wanted = vlt_memory_with_margin(bytes) + promised;
    const uint64_t slack = forgiven(gauge, bytes);
    vlt_memory_room_read_apart(atomic_load(&gauge->mapped_bytes), out);
    const vlt_memory_room others = *out;
    vlt_memory_room_narrow(gauge->limit_bytes, minus(vlt_memory_own_bytes(NULL), slack), out);
    if (gauge->limit_bytes && minus(out->left_bytes, wanted) < NEAR_BYTES &&
        (minus(wanted, out->left_bytes) < NEAR_BYTES || atomic_load(&gauge->alone))) {
        *out = others;
        vlt_memory_room_narrow(gauge->limit_bytes, minus(vlt_memory_own_bytes_exactly(NULL), slack),
                               out);
    }
}

static void let_have(vlt_memory_gauge *gauge, vlt_memory_grant *grant, uint64_t bytes)
{
    if (grant) {
        grant->bytes += bytes;
        gauge->granted_bytes += bytes;
    } else {
        gauge->recent_bytes[0] += bytes;
    }
}

static uint64_t left_to_others(vlt_memory_gauge *gauge, const vlt_memory_grant *grant)
{
    return grant && grant->in_advance && !atomic_load(&gauge->alone)
               ? atomic_load(&gauge->kept_bytes)
               : 0;
}

/* *soon: it is refused for what others will settle, and for nothing else. */
static vlt_status ask(vlt_memory_gauge *gauge, vlt_memory_grant *grant, uint64_t bytes,
                      const char *what, bool *soon, vlt_error *err)
{
    vlt_memory_room room;
    const int64_t now = now_ms();
    const uint64_t recent = let_have_lately(gauge, now), kept = left_to_others(gauge, grant);
    *soon = false;
    if (now - gauge->read_ms < KEPT_MS && bytes + kept <= gauge->spare_bytes) {
        gauge->spare_bytes -= bytes;
        let_have(gauge, grant, bytes);
        return VLT_OK;
    }
    const uint64_t mine = grant ? grant->bytes : 0;
    const uint64_t lasting = atomic_load(&gauge->promised_bytes) + mine + gauge->waiting_bytes +
                             kept;
    const uint64_t passing = gauge->granted_bytes - mine - gauge->waiting_bytes + recent;
    read_for(gauge, bytes, lasting + passing, &room);
    vlt_status status = vlt_memory_room_judge(&room, bytes, lasting + passing, what, err);
    gauge->read_ms = now;
    gauge->spare_bytes = 0;
    if (status == VLT_OK) { /* half of what is left may go before anyone looks again: nothing that
                               would be refused then. Where there is little, everyone looks */
        const uint64_t gone = vlt_memory_with_margin(bytes) + lasting + passing;
        gauge->spare_bytes = room.limit_bytes < VLT_MEMORY_SCARCE_BYTES
                                 ? 0
                                 : minus(room.left_bytes, gone + vlt_memory_with_margin(0)) / 2;
        let_have(gauge, grant, bytes);
    } else {
        *soon = passing && vlt_memory_room_judge(&room, bytes, lasting, what, NULL) == VLT_OK;
    }
    return status;
}

static vlt_status ask_until(vlt_memory_gauge *gauge, vlt_memory_grant *grant, uint64_t bytes,
                            const char *what, vlt_error *err)
{
    const int64_t last_ms = now_ms() + WAIT_MS;
    const uint64_t mine = grant ? grant->bytes : 0;
    bool told = mine == 0;
    vlt_status status;
    bool soon;
    pthread_mutex_lock(&admitting);
    while ((status = ask(gauge, grant, bytes, what, &soon, err)) != VLT_OK && soon &&
           now_ms() < last_ms) {
        gauge->waiting_bytes += mine;
        if (!told) { /* nobody waits for it any more */
            pthread_cond_broadcast(&changed);
        }
        told = true;
        wait_until(now_ms() + PAUSE_MS);
        gauge->waiting_bytes -= mine;
    }
    pthread_mutex_unlock(&admitting);
    return status;
}

vlt_status vlt_memory_gauge_grant(vlt_memory_gauge *gauge, vlt_memory_grant *grant, uint64_t bytes,
                                  const char *what, vlt_error *err)
{
    if (bytes < (gauge->limit_bytes ? SMALL_WITHIN_BYTES : VLT_MEMORY_SMALL_BYTES)) {
        pthread_mutex_lock(&admitting);
        let_have(gauge, grant, bytes);
        pthread_mutex_unlock(&admitting);
        return VLT_OK;
    }
    const uint64_t all = bytes < UINT64_MAX - grant->bytes ? bytes + grant->bytes : bytes;
    vlt_status status = vlt_memory_gauge_fits(gauge, all, what, err);
    return status == VLT_OK ? ask_until(gauge, grant, bytes, what, err) : status;
}

vlt_status vlt_memory_gauge_admit(vlt_memory_gauge *gauge, uint64_t bytes, const char *what,
                                  vlt_error *err)
{
    return bytes < VLT_MEMORY_SMALL_BYTES ? VLT_OK : ask_until(gauge, NULL, bytes, what, err);
}

void vlt_memory_gauge_settle(vlt_memory_gauge *gauge, vlt_memory_grant *grant)
{
    if (grant->bytes) {
        pthread_mutex_lock(&admitting);
        gauge->granted_bytes -= grant->bytes;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&admitting);
    }
    grant->bytes = 0;
}

void vlt_memory_gauge_rest(vlt_memory_gauge *gauge)
{
    if (gauge->limit_bytes) {
        malloc_trim(0);
        const uint64_t own = vlt_memory_own_bytes_exactly(NULL);
        gauge->rest_bytes = (own / VLT_MEMORY_SMALL_BYTES + 2) * VLT_MEMORY_SMALL_BYTES;
    }
}

vlt_status vlt_memory_gauge_fits(const vlt_memory_gauge *gauge, uint64_t bytes, const char *what,
                                 vlt_error *err)
{
    const uint64_t wanted = vlt_memory_with_margin(bytes);
    const uint64_t left = minus(gauge->limit_bytes, gauge->rest_bytes);
    if (!gauge->limit_bytes || !gauge->rest_bytes || wanted <= left) {
        return VLT_OK;
    }
    return vlt_fail(err, VLT_STATUS_LIMIT,
                    "%s: needs %.1f MB, the memory limit of this process leaves %.1f of %.1f MB "
                    "with nothing else at work; %.1f MB must stay free",
                    what, (double)bytes / 1e6, (double)left / 1e6, (double)gauge->limit_bytes / 1e6,
                    (double)(wanted - bytes) / 1e6);
}

void vlt_memory_gauge_released(vlt_memory_gauge *gauge)
{
    pthread_mutex_lock(&admitting);
    gauge->releases++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&admitting);
}

uint64_t vlt_memory_gauge_releases(vlt_memory_gauge *gauge)
{
    pthread_mutex_lock(&admitting);
    const uint64_t releases = gauge->releases;
    pthread_mutex_unlock(&admitting);
    return releases;
}

void vlt_memory_gauge_wait(vlt_memory_gauge *gauge, uint64_t seen, int most_ms)
{
    const int64_t last_ms = now_ms() + most_ms;
    pthread_mutex_lock(&admitting);
    while (gauge->releases == seen && now_ms() < last_ms) {
        wait_until(last_ms);
    }
    pthread_mutex_unlock(&admitting);
}
