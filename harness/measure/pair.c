#include "harness/measure/pair.h"

#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "harness/measure/disturbance.h"
#include "harness/measure/statistics.h"
#include "harness/measure/thread_clocks.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"

enum {
    WARM_EPOCHS_MAX = 12 * VLT_STEADY_WINDOW,
    SLOW_CALL_NS = 1000 * 1000 * 1000, /* beyond it a first call is no slower than the next by more
                                          than such calls scatter anyway: it counts */
    LONG_CALL_NS = 20 * 1000 * 1000,   /* beyond it a launch holds so few calls that one of either
                                          side to warm up is one too many */
    PRESSURE_EVERY_NS = 10 * 1000 * 1000,
    FIRST_LOOK = 12,   /* pairs before the first look at the verdict */
    HALF_PAIRS_MIN = 3 /* before sides exchange their places: fewer tell more without */
};

/* Share of the time in which some thread waited for a CPU, beyond which wall time is the
 * scheduler's: alone on a machine it is below 0.01, beside one busy thread above 0.3. */
static const double CROWDED = 0.1;

/* What the system says about this thread (or process) up to now. */
struct reading {
    uint64_t wall_ns, cpu_ns;
    long switches, faults;
};

struct measuring {
    const vlt_clock *clock;
    vlt_clock_info info;
    vlt_subject subject[2]; /* others after an exchange */
    const vlt_pair_options *options;
    vlt_epoch epoch;
    vlt_disturbance_files files;
    vlt_thread_clocks threads; /* of all, where the subjects have several */
    uint64_t waited_from_ns;   /* what they had waited for CPUs when they were opened */
    uint64_t waited_ns;        /* what they waited before they were opened anew */
    uint8_t flags;             /* of all pairs from now on */
    vlt_disturbance last;      /* at which the current stretch of pressure began */
    struct reading reading;    /* the newest */
    int first;    /* the side that calibration and warm-up run first: also by coin, since
                               who runs first takes the better memory, for the whole process */
    bool slow[2]; /* the side's first call counts, and is here: */
    vlt_pair first_calls;
    float pressure;
    uint64_t begin_ns;
    double *log_ratio; /* scratch for looks, room for every pair */
    int next_look;
};

static bool stopped(const struct measuring *m)
{
    return m->options->stop && m->options->stop();
}

/* Of the time limit; 0 without one. */
static double share_gone(const struct measuring *m)
{
    double gone_s = (double)(vlt_clock_wall(m->clock) - m->begin_ns) * 1e-9;
    return m->options->limit_s > 0 ? gone_s / m->options->limit_s : 0;
}

static bool spent(const struct measuring *m, double share)
{
    return share_gone(m) > share;
}

/* Alternates the subjects until the newest window of both is steady. "No steady state" needs a
 * whole window at least: before that nothing has been tested. */
static vlt_status warm_up(const struct measuring *m, vlt_steadiness *steadiness, vlt_error *err)
{
    double window[2][VLT_STEADY_WINDOW];
    *steadiness = VLT_STEADY_UNKNOWN;
    if (m->epoch.longest_ns > VLT_PAIR_LONG_NS) {
        return VLT_OK; /* calibration has called both already */
    }
    for (int i = 0; i < WARM_EPOCHS_MAX && !stopped(m) && !spent(m, 0.3); i++) {
        for (int k = 0; k < 2; k++) {
            int side = k ^ m->first;
            uint64_t wall_ns = 0;
            vlt_status status = vlt_epoch_time(m->clock, &m->subject[side], m->epoch.iterations,
                                               &wall_ns, err);
            if (status != VLT_OK) {
                return status;
            }
            window[side][i % VLT_STEADY_WINDOW] = (double)wall_ns;
        }
        if (i % VLT_STEADY_WINDOW == VLT_STEADY_WINDOW - 1) {
            bool steady = vlt_steady(window[0], VLT_STEADY_WINDOW) &&
                          vlt_steady(window[1], VLT_STEADY_WINDOW);
            *steadiness = steady ? VLT_STEADY_YES : VLT_STEADY_NO;
            if (steady) {
                break;
            }
        }
    }
    return VLT_OK;
}

/* Everything at once. A reading ends one side's stretch and begins the next one's: half the system
 * calls, and nothing between two stretches goes unseen. */
static void take_reading(const struct measuring *m, struct reading *reading)
{
    struct rusage usage;
    reading->cpu_ns = vlt_clock_thread(m->clock);
    getrusage(m->options->whole_process ? RUSAGE_SELF : RUSAGE_THREAD, &usage);
    reading->switches = usage.ru_nivcsw;
    reading->faults = usage.ru_minflt + usage.ru_majflt;
    reading->wall_ns = vlt_clock_wall(m->clock);
}

static uint64_t since(uint64_t begin, uint64_t end)
{
    return end > begin ? end - begin : 0;
}

/* Fills one side of a pair: an epoch of epoch_ns at the end of the stretch since `before`. */
static void fill_side(const struct measuring *m, const struct reading *before, uint64_t epoch_ns,
                      int side, vlt_pair *pair)
{
    uint64_t stretch_ns = since(before->wall_ns, m->reading.wall_ns);
    double cpu_share = (double)since(before->cpu_ns, m->reading.cpu_ns) /
                       fmax(1, (double)stretch_ns);
    pair->wall_ns[side] = epoch_ns;
    pair->cpu_ns[side] = (uint64_t)(fmin(1, cpu_share) * (double)epoch_ns);
    pair->switches[side] = (uint32_t)(m->reading.switches - before->switches);
    pair->faults[side] = (uint32_t)(m->reading.faults - before->faults);
    pair->flags |= pair->switches[side] ? VLT_PAIR_PREEMPTED : 0;
    pair->flags |= epoch_ns ? 0 : VLT_PAIR_CLOCK;
}

/* A reset, a priming call and one epoch; the wall clock is read innermost. */
static int time_side(struct measuring *m, int side, vlt_pair *pair)
{
    const vlt_subject *subject = &m->subject[side];
    const struct reading before = m->reading;
    if (subject->reset) {
        subject->reset(subject->state);
    }
    int result = m->epoch.longest_ns > VLT_PAIR_LONG_NS ? 0 : subject->run(subject->state, 1);
    uint64_t cpu_begin = vlt_thread_clocks_cpu_ns(&m->threads);
    uint64_t begin = vlt_clock_wall(m->clock);
    result = result ? result : subject->run(subject->state, m->epoch.iterations);
    uint64_t end = vlt_clock_wall(m->clock);
    uint64_t cpu_end = vlt_thread_clocks_cpu_ns(&m->threads);
    take_reading(m, &m->reading);

    fill_side(m, &before, since(begin, end), side, pair);
    if (m->threads.count > 0) {
        pair->cpu_ns[side] = since(cpu_begin, cpu_end);
    }
    return result;
}

/* One call of each side, or as many as its length needs, begun by the side of the coin. Where that
 * was long, the same code's call on the other side already counts: it has warmed up. */
static vlt_status calibrate(struct measuring *m, vlt_error *err)
{
    double call_ns[2] = {0};
    take_reading(m, &m->reading);
    for (int k = 0; k < 2; k++) {
        int side = k ^ m->first;
        const struct reading before = m->reading;
        uint64_t cpu_begin = vlt_thread_clocks_cpu_ns(&m->threads);
        vlt_status status = vlt_epoch_time_call(m->clock, &m->info, &m->subject[side],
                                                &call_ns[side], err);
        if (status != VLT_OK) {
            return status;
        }
        uint64_t cpu_end = vlt_thread_clocks_cpu_ns(&m->threads);
        take_reading(m, &m->reading);
        bool warm = k == 1 && m->options->same_code && !m->slow[!side] &&
                    call_ns[!side] > LONG_CALL_NS;
        m->slow[side] = call_ns[side] > (warm ? LONG_CALL_NS : SLOW_CALL_NS);
        if (m->slow[side]) {
            fill_side(m, &before, (uint64_t)call_ns[side], side, &m->first_calls);
        }
        if (m->slow[side] && m->threads.count > 0) {
            m->first_calls.cpu_ns[side] = since(cpu_begin, cpu_end);
        }
    }
    vlt_epoch_plan(&m->info, call_ns, 2, &m->epoch);
    if (m->epoch.iterations > 1) {
        m->slow[0] = m->slow[1] = false; /* the other side is so short that an epoch needs more */
    }
    return VLT_OK;
}

/* The first pair where a side is slow: its first call, beside that of the other or an epoch of it.
 */
static int first_pair(struct measuring *m, vlt_pair *pair)
{
    int result = 0, quick = m->slow[0]; /* the side that is not slow, when one is */
    *pair = m->first_calls;
    pair->b_first = (uint8_t)(m->slow[0] && m->slow[1] ? m->first : m->slow[1]);
    if (!(m->slow[0] && m->slow[1])) {
        take_reading(m, &m->reading);
        result = time_side(m, quick, pair);
    }
    return result;
}

/* The kernel sums pressure up in steps of milliseconds, so that a reading serves many pairs. */
static void note_pressure(struct measuring *m, vlt_pair *pair)
{
    double now_s = (double)vlt_clock_wall(vlt_clock_system()) * 1e-9;
    if (now_s - m->last.at_s > PRESSURE_EVERY_NS * 1e-9) {
        vlt_disturbance next;
        vlt_disturbance_read(&m->files, 0, &next);
        m->pressure = (float)vlt_disturbance_pressure(&m->last, &next);
        m->last = next;
    }
    pair->pressure = m->pressure;
}

/* Looks become rarer as the sample grows, so that they cost a constant share. */
static bool decided(struct measuring *m, const vlt_pair_run *run)
{
    vlt_judgement judgement;
    if (!m->options->judge || run->pair_count < m->next_look) {
        return false;
    }
    m->next_look = run->pair_count + run->pair_count / 4 + 1;
    int n = vlt_pair_log_ratios(run, m->log_ratio);
    vlt_judge(m->log_ratio, n, m->options->judge, &judgement);
    return judgement.verdict != VLT_VERDICT_INCONCLUSIVE;
}

/* Until there are `pairs` in all; from pairs_min on until this share of the time limit has gone. */
static vlt_status measure_until(struct measuring *m, int pairs, int pairs_min, double share,
                                vlt_random *coin, vlt_pair_run *run, vlt_error *err)
{
    take_reading(m, &m->reading);
    while (run->pair_count < pairs) {
        bool enough = run->pair_count >= pairs_min;
        if (stopped(m) || (enough && (spent(m, share) || decided(m, run)))) {
            break;
        }
        vlt_pair *pair = &run->pair[run->pair_count];
        int result;
        *pair = (vlt_pair){.b_first = (uint8_t)(vlt_random_next(coin) >> 63), .flags = m->flags};
        if (run->pair_count == 0 && (m->slow[0] || m->slow[1])) {
            result = first_pair(m, pair);
        } else {
            result = time_side(m, pair->b_first, pair);
            result = result ? result : time_side(m, !pair->b_first, pair);
        }
        if (result) {
            return vlt_fail(err, (vlt_status)result, "the measured code failed: %s",
                            vlt_status_text((vlt_status)result));
        }
        note_pressure(m, pair);
        run->pair_count++;
    }
    return VLT_OK;
}

static void open_threads(struct measuring *m)
{
    if (m->options->whole_process) {
        vlt_thread_clocks_open(&m->threads);
        m->waited_from_ns = vlt_thread_clocks_waited_ns(&m->threads);
    }
}

static void close_threads(struct measuring *m)
{
    m->waited_ns += since(m->waited_from_ns, vlt_thread_clocks_waited_ns(&m->threads));
    vlt_thread_clocks_close(&m->threads);
}

/* Opens them anew: by now the subjects have started all of theirs. Where these are more, the CPU
 * time of first calls is not known. */
static void open_started_threads(struct measuring *m)
{
    int known = m->threads.count;
    close_threads(m);
    open_threads(m);
    if (m->threads.count != known) {
        m->first_calls.cpu_ns[0] = m->first_calls.cpu_ns[1] = 0;
    }
}

/* The subjects after it are others: they are called once, and may have other threads. */
static vlt_status exchange(struct measuring *m, vlt_error *err)
{
    close_threads(m);
    vlt_status status = m->options->exchange(m->options->exchange_user, m->subject, err);
    for (int k = 0; k < 2 && status == VLT_OK; k++) {
        const vlt_subject *subject = &m->subject[k ^ m->first];
        if (subject->reset) {
            subject->reset(subject->state);
        }
        uint64_t wall_ns;
        status = vlt_epoch_time(m->clock, subject, 1, &wall_ns, err);
    }
    open_threads(m);
    m->flags |= VLT_PAIR_EXCHANGED;
    return status;
}

/* The share of the limit at which half of what is left will be gone, half a pair early or late. */
static double halfway(const struct measuring *m)
{
    double half_pair_s = 1e-9 * m->epoch.longest_ns;
    double pair_share = m->options->limit_s > 0 ? half_pair_s / m->options->limit_s : 0;
    return 0.5 * (1 + share_gone(m)) - pair_share;
}

/* With an exchange, when half of the time is over; then as many pairs again. */
static vlt_status measure_pairs(struct measuring *m, vlt_random *coin, vlt_pair_run *run,
                                vlt_error *err)
{
    const vlt_pair_options *options = m->options;
    vlt_status status = VLT_OK;
    if (options->exchange) {
        status = measure_until(m, options->pairs / 2, 1, halfway(m), coin, run, err);
        const int pairs = 2 * run->pair_count;
        if (status == VLT_OK && run->pair_count >= HALF_PAIRS_MIN && !stopped(m)) {
            status = exchange(m, err);
            if (status == VLT_OK) {
                status = measure_until(m, pairs, pairs, 1, coin, run, err);
            }
        }
    }
    if (status == VLT_OK) {
        status = measure_until(m, options->pairs, options->pairs_min, 1, coin, run, err);
    }
    if (status == VLT_OK && run->pair_count < options->pairs_min) {
        status = vlt_fail(err, VLT_STATUS_STOPPED, "stopped after %d of %d pairs", run->pair_count,
                          options->pairs);
    }
    return status;
}

/* What a pair costs beside its epochs and priming calls: the same steps around nothing. */
static int run_nothing(void *state, int64_t iterations)
{
    (void)state, (void)iterations;
    return 0;
}

static double book_keeping_ns(const struct measuring *m)
{
    enum { REPEATS = 15 };
    struct measuring empty = *m;
    double cost[REPEATS];
    empty.subject[0] = empty.subject[1] = (vlt_subject){.run = run_nothing};
    take_reading(&empty, &empty.reading);
    for (int i = 0; i < REPEATS; i++) {
        vlt_pair pair = {0};
        uint64_t begin = vlt_clock_wall(m->clock);
        time_side(&empty, 0, &pair);
        time_side(&empty, 1, &pair);
        note_pressure(&empty, &pair);
        cost[i] = (double)(vlt_clock_wall(m->clock) - begin);
    }
    return vlt_median(cost, REPEATS);
}

/* The pairs, and whether their threads had to wait for CPUs meanwhile. */
static vlt_status measure_watched(struct measuring *m, vlt_random *coin, vlt_pair_run *run,
                                  vlt_error *err)
{
    m->waited_ns = 0;
    m->waited_from_ns = vlt_thread_clocks_waited_ns(&m->threads);
    uint64_t begin_ns = vlt_clock_wall(m->clock);
    vlt_status status = measure_pairs(m, coin, run, err);
    uint64_t waited_ns = m->waited_ns +
                         since(m->waited_from_ns, vlt_thread_clocks_waited_ns(&m->threads));
    double wall_ns = (double)since(begin_ns, vlt_clock_wall(m->clock));
    bool known = m->options->same_code && m->threads.count > 1;
    if (known && (double)waited_ns > CROWDED * wall_ns) {
        for (int i = 0; i < run->pair_count; i++) {
            run->pair[i].flags |= VLT_PAIR_CROWDED;
        }
    }
    return status;
}

vlt_status vlt_pair_measure(const vlt_clock *clock, const vlt_subject subject[2],
                            const vlt_pair_options *options, vlt_pair_run *run, vlt_error *err)
{
    struct measuring m = {.clock = clock ? clock : vlt_clock_system(),
                          .subject = {subject[0], subject[1]},
                          .options = options,
                          .pressure = NAN,
                          .next_look = FIRST_LOOK};
    vlt_random coin = {options->seed};
    vlt_disturbance begin, end;
    void *block = NULL, *looks = NULL;
    *run = (vlt_pair_run){0};
    vlt_disturbance_open(&m.files);
    vlt_status status = vlt_alloc((size_t)options->pairs * sizeof *run->pair, &block, err);
    if (status != VLT_OK) {
        goto done;
    }
    run->pair = block;
    status = vlt_alloc((size_t)options->pairs * sizeof(double), &looks, err);
    if (status != VLT_OK) {
        goto done;
    }
    m.log_ratio = looks;
    m.begin_ns = vlt_clock_wall(m.clock);
    vlt_clock_probe(m.clock, &m.info);
    m.first = (int)(vlt_random_next(&coin) >> 63);
    open_threads(&m);
    status = calibrate(&m, err);
    if (status != VLT_OK) {
        goto done;
    }
    open_started_threads(&m);
    status = warm_up(&m, &run->steadiness, err);
    if (status != VLT_OK) {
        goto done;
    }
    run->iterations = m.epoch.iterations;
    run->overhead_ns = m.info.overhead_ns;
    vlt_disturbance_read(&m.files, 1, &begin);
    m.last = begin;
    run->book_ns = book_keeping_ns(&m);
    status = measure_watched(&m, &coin, run, err);
    if (status != VLT_OK) {
        goto done;
    }
    vlt_disturbance_read(&m.files, 1, &end);
    run->pressure = vlt_disturbance_pressure(&begin, &end);
    run->steal = vlt_disturbance_steal(&begin, &end);
    run->frequency_hz = vlt_disturbance_frequency_hz();
    status = vlt_pair_summarise(run, err);
done:
    vlt_free(looks);
    vlt_thread_clocks_close(&m.threads);
    vlt_disturbance_close(&m.files);
    if (status != VLT_OK) {
        vlt_pair_run_release(run);
    }
    return status;
}

void vlt_pair_run_release(vlt_pair_run *run)
{
    vlt_free(run->pair);
    *run = (vlt_pair_run){0};
}
