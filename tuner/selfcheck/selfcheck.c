#include "tuner/selfcheck/selfcheck.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/files/temp_folder.h"
#include "harness/measure/measure_abi.h"
#include "harness/measure/statistics.h"
#include "optimizations/core/random.h"
#include "optimizations/core/utf8_text.h"

/* What the whole run holds open. */
struct run {
    const vlt_selfcheck_options *options;
    vlt_selfcheck *check;
    FILE *table; /* NULL: none */
    vlt_temp_folder folder;
    char *copy[2]; /* owned: paths of copies of libvltune.so; NULL: this build itself */
    uint64_t begin_ns;
    double longest_s; /* of a gate so far: a budget is kept by not beginning what cannot end */
};

static double seconds_since(uint64_t begin_ns)
{
    return (double)(vlt_clock_wall(vlt_clock_system()) - begin_ns) * 1e-9;
}

static bool copy_file(const char *from, const char *to)
{
    char buffer[65536];
    bool fine = true;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    ssize_t got = -1;
    while (in >= 0 && out >= 0 && fine && (got = read(in, buffer, sizeof buffer)) > 0) {
        fine = write(out, buffer, (size_t)got) == got;
    }
    fine = fine && got == 0;
    if (in >= 0) {
        close(in);
    }
    if (out >= 0) {
        fine = close(out) == 0 && fine;
    }
    return fine;
}

static void remove_copies(struct run *run)
{
    for (int i = 0; i < 2; i++) {
        free(run->copy[i]);
        run->copy[i] = NULL;
    }
    vlt_temp_folder_remove(&run->folder);
}

/* Two files, so that the loader maps them as two libraries. A program that has the library inside
 * itself (the tests) compares this build with itself instead. */
static void make_copies(struct run *run)
{
    Dl_info info;
    void *symbol;
    const vlt_measure_abi *(*table)(void) = vlt_measure_abi_table;
    memcpy(&symbol, &table, sizeof symbol);
    bool fine = dladdr(symbol, &info) && info.dli_fname && strstr(info.dli_fname, ".so") &&
                vlt_temp_folder_make("selfcheck", &run->folder, NULL) == VLT_OK;
    for (int i = 0; i < 2 && fine; i++) {
        if (asprintf(&run->copy[i], "%s/%c.so", run->folder.path, 'a' + i) < 0) {
            run->copy[i] = NULL;
        }
        fine = run->copy[i] && copy_file(info.dli_fname, run->copy[i]);
    }
    if (!fine) {
        remove_copies(run);
        snprintf(run->check->note, sizeof run->check->note,
                 "compared this build with itself: its library could not be copied");
    }
}

/* A process that computes for ever, and dies with us. */
static pid_t start_neighbour(void)
{
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGINT, SIG_DFL);
        for (volatile uint64_t i = 0;; i++) {
        }
    }
    return child;
}

static void stop_neighbour(pid_t child)
{
    if (child > 0) {
        kill(child, SIGKILL);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        }
    }
}

/* The seed of a gate depends on what it is alone, so that a resumed run measures what is missing.
 */
static uint64_t gate_seed(int busy, int work, int gate)
{
    vlt_random random = {(uint64_t)busy * 1000003 + (uint64_t)work * 7919 + (uint64_t)gate * 31 +
                         2026};
    return vlt_random_next(&random) >> 16;
}

static void fill_line(const vlt_gate_stage *stage, vlt_selfcheck_line *line)
{
    const vlt_measure_result *result = &stage->screen.experiment.result;
    line->verdict = stage->verdict;
    line->seconds = stage->seconds;
    line->confirmed = stage->confirm.experiment.result.launches;
    line->launches = result->launches < VLT_SELFCHECK_LAUNCHES ? result->launches
                                                               : VLT_SELFCHECK_LAUNCHES;
    for (int i = 0; i < line->launches; i++) {
        line->ppm[i] = (int32_t)lrint(fmax(-2000, fmin(2000, result->run[i].log_ratio)) * 1e6);
        vlt_rivals_replay(&result->run[i], result->seed[i], &line->rivals);
    }
}

/* What was written before stays, as on a disk that is full. */
static vlt_status fail_table(const vlt_selfcheck_options *options, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_IO, "table '%s': %s; the same command goes on from there",
                    options->table, strerror(errno));
}

/* All lines of a gate at once: a table never holds half of one. */
static vlt_status append_lines(struct run *run, const vlt_selfcheck_line *lines, vlt_error *err)
{
    char text[2048];
    for (int k = 0; k < VLT_PROBE_COUNT; k++) {
        vlt_status status = vlt_selfcheck_add(run->check, &lines[k], err);
        if (status != VLT_OK) {
            return status;
        }
        if (run->table) {
            vlt_selfcheck_format_line(&lines[k], text, sizeof text);
            fprintf(run->table, "%s\n", text);
        }
    }
    if (run->table && (fflush(run->table) != 0 || fdatasync(fileno(run->table)) != 0)) {
        return fail_table(run->options, err);
    }
    return VLT_OK;
}

/* One whole gate of the three kernels. */
static vlt_status run_gate(struct run *run, int busy, int work, int number, vlt_error *err)
{
    vlt_gate gate = {0};
    vlt_gate_options options = run->options->gate;
    vlt_selfcheck_line lines[VLT_PROBE_COUNT];
    pid_t neighbour = busy ? start_neighbour() : -1;
    vlt_status status = VLT_OK;
    options.experiment.launch.seed = gate_seed(busy, work, number);
    for (int k = 0; k < VLT_PROBE_COUNT && status == VLT_OK; k++) {
        char a[64], b[64];
        vlt_utf8_format(a, sizeof a, "probe/%s@work=%d", vlt_probe_name(k), vlt_selfcheck_work[0]);
        vlt_utf8_format(b, sizeof b, "probe/%s@work=%d", vlt_probe_name(k),
                        vlt_selfcheck_work[work]);
        const vlt_side side[2] = {{.what = a, .library = run->copy[0]},
                                  {.what = b, .library = run->copy[1]}};
        vlt_gate_stage *stage = vlt_gate_add(&gate, vlt_probe_name(k), side, 0.01, err);
        if (!stage) {
            status = VLT_STATUS_NOMEM;
        } else {
            stage->screen.status = VLT_OK; /* probes need no verifying */
        }
    }
    if (status == VLT_OK) {
        status = vlt_gate_measure(&gate, &options, err);
    }
    stop_neighbour(neighbour);
    if (status == VLT_OK) {
        for (int k = 0; k < VLT_PROBE_COUNT; k++) {
            lines[k] = (vlt_selfcheck_line){.busy = busy,
                                            .gate = number,
                                            .kernel = k,
                                            .work = work,
                                            .seed = options.experiment.launch.seed};
            fill_line(&gate.stage[k], &lines[k]);
        }
        status = append_lines(run, lines, err);
    }
    vlt_gate_release(&gate);
    return status;
}

/* What clock, pair and an empty kernel cost: medians over a few processes. */
static vlt_status measure_costs(struct run *run, int busy, vlt_error *err)
{
    enum { LAUNCHES = 7 };
    vlt_selfcheck_costs *costs = &run->check->costs[busy];
    vlt_launch_options options = run->options->gate.experiment.launch;
    const vlt_side side[2] = {{.what = "probe/empty"}, {.what = "probe/empty"}};
    double book_ns[LAUNCHES], empty_ns[LAUNCHES], overhead_ns[LAUNCHES];
    pid_t neighbour = busy ? start_neighbour() : -1;
    vlt_status status = VLT_OK;
    options.verify = false;
    options.threads = 1;
    vlt_clock_probe(vlt_clock_system(), &costs->clock);
    for (int i = 0; i < LAUNCHES && status == VLT_OK; i++) {
        vlt_launch launch;
        options.seed = gate_seed(busy, VLT_SELFCHECK_WORKS, i);
        status = vlt_launch_run(side, &options, &launch, err);
        if (status == VLT_OK) {
            book_ns[i] = launch.run.book_ns;
            empty_ns[i] = launch.run.call_ns[0];
            overhead_ns[i] = launch.run.overhead_ns;
            vlt_launch_release(&launch);
        }
    }
    stop_neighbour(neighbour);
    if (status == VLT_OK) {
        costs->known = true;
        costs->book_ns = vlt_median(book_ns, LAUNCHES);
        costs->empty_ns = vlt_median(empty_ns, LAUNCHES);
        costs->clock.overhead_ns = vlt_median(overhead_ns, LAUNCHES);
    }
    return status;
}

static int gates_done(const vlt_selfcheck *check, int busy, int work)
{
    vlt_selfcheck_figures figures;
    vlt_selfcheck_figure(check, busy, -1, work, &figures);
    return figures.gates;
}

static int gates_wanted(const vlt_selfcheck_options *options, int busy, int work)
{
    int all = work == 0 ? options->gates : options->trials;
    return !options->busy ? (busy ? 0 : all) : busy ? all / 2 : all - all / 2;
}

/* What is furthest behind its wanted count comes next, so that a run cut short is balanced. */
static bool next_gate(const struct run *run, int *busy, int *work, double *share)
{
    double least = 1, done_all = 0, wanted_all = 0;
    for (int b = 0; b <= 1; b++) {
        for (int w = 0; w < VLT_SELFCHECK_WORKS; w++) {
            int done = gates_done(run->check, b, w), wanted = gates_wanted(run->options, b, w);
            double part = wanted > 0 ? (double)done / wanted : 1;
            done_all += done < wanted ? done : wanted;
            wanted_all += wanted;
            if (part < least) {
                least = part;
                *busy = b;
                *work = w;
            }
        }
    }
    *share = wanted_all > 0 ? done_all / wanted_all : 1;
    return least < 1;
}

static vlt_status open_table(struct run *run, vlt_error *err)
{
    const char *path = run->options->table;
    vlt_status status = path ? vlt_selfcheck_read(path, run->check, err) : VLT_OK;
    if (status != VLT_OK || !path) {
        return status;
    }
    run->table = fopen(path, "a+e");
    if (!run->table) {
        return vlt_fail(err, VLT_STATUS_IO, "table '%s': %s", path, strerror(errno));
    }
    fseek(run->table, 0, SEEK_END);
    if (ftell(run->table) == 0) {
        fprintf(run->table, "%s\n", vlt_selfcheck_header());
    } else {
        /* a line that a kill or a full disk cut must not run into the next one */
        fseek(run->table, -1, SEEK_END);
        bool whole = fgetc(run->table) == '\n';
        fseek(run->table, 0, SEEK_END);
        fputs(whole ? "" : "\n", run->table);
    }
    return VLT_OK;
}

vlt_status vlt_selfcheck_run(const vlt_selfcheck_options *options, vlt_selfcheck *check,
                             vlt_error *err)
{
    struct run run = {.options = options,
                      .check = check,
                      .folder = VLT_TEMP_FOLDER_NONE,
                      .begin_ns = vlt_clock_wall(vlt_clock_system())};
    int busy = 0, work = 0;
    double share = 0;
    *check = (vlt_selfcheck){0};
    vlt_status status = open_table(&run, err);
    if (status != VLT_OK) {
        goto done;
    }
    make_copies(&run);
    status = measure_costs(&run, 0, err);
    if (status == VLT_OK && options->busy) {
        status = measure_costs(&run, 1, err);
    }
    while (status == VLT_OK && next_gate(&run, &busy, &work, &share)) {
        double spent_s = seconds_since(run.begin_ns);
        if (options->stop && options->stop()) {
            status = vlt_fail(err, VLT_STATUS_INTERRUPTED, "interrupted");
        } else if (options->budget_s > 0 && spent_s + run.longest_s > options->budget_s) {
            break;
        } else {
            if (options->progress) {
                options->progress(options->user, check, share);
            }
            status = run_gate(&run, busy, work, gates_done(check, busy, work), err);
            run.longest_s = fmax(run.longest_s, seconds_since(run.begin_ns) - spent_s);
        }
    }
done:
    remove_copies(&run);
    if (run.table && fclose(run.table) != 0 && status == VLT_OK) {
        status = fail_table(options, err);
    }
    return status;
}
