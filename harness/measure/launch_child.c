/* The child of a launch: loads both sides, lays them over the same buffers, verifies, measures. */
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json_make.h"
#include "harness/measure/launch_internal.h"
#include "harness/measure/model_subject.h"
#include "harness/measure/placement.h"
#include "optimizations/core/dtype.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"
#include "optimizations/core/utf8_text.h"

struct child {
    vlt_side side[2];
    vlt_launch_options options;
    const vlt_measure_abi *abi[2];
    char *request[2]; /* owned texts */
    char *library[2]; /* owned paths; NULL: this build */
    void *handle[2];
    vlt_placement *placement;
    bool share;        /* both sides lie in the same memory */
    int first;         /* the side that is prepared first */
    double prepared_s; /* what preparing both took */
    vlt_launch launch;
};

vlt_status vlt_launch_load(const char *path, const vlt_measure_abi **abi, vlt_error *err)
{
    if (!path) {
        *abi = vlt_measure_abi_table();
        return VLT_OK;
    }
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library) {
        return vlt_fail(err, VLT_STATUS_INPUT, "library '%s': %s", path, dlerror());
    }
    void *symbol = dlsym(library, "vlt_measure_abi_table");
    vlt_measure_abi_function *table = NULL;
    memcpy(&table, &symbol, sizeof table); /* C has no cast from object to function pointer */
    *abi = table ? table() : NULL;
    dlclose(library); /* it stays, as the flag says: a child ends soon anyway */
    if (!*abi) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "library '%s' is no build of vltune that can be "
                        "measured: it lacks vlt_measure_abi_table",
                        path);
    }
    if ((*abi)->version != VLT_MEASURE_ABI_VERSION ||
        (*abi)->size_bytes < sizeof(vlt_measure_abi)) {
        return vlt_fail(err, VLT_STATUS_STALE, "library '%s': measuring interface %u, expected %d",
                        path, (*abi)->version, VLT_MEASURE_ABI_VERSION);
    }
    return VLT_OK;
}

static vlt_status write_request(struct child *child, int side, vlt_error *err)
{
    const vlt_launch_options *options = &child->options;
    json_t *object = vlt_json_make(
        "{s:s, s:I, s:i, s:s, s:I, s:s*, s:s*}", "what", child->side[side].what, "seed",
        (json_int_t)options->data_seed, "threads", options->threads, "regime",
        vlt_regime_name(options->regime), "cold_bytes", (json_int_t)options->cold_bytes, "quality",
        vlt_quality_unless_exact(options->quality), "device", options->device);
    child->request[side] = vlt_json_dump(object, err);
    json_decref(object);
    return child->request[side] ? VLT_OK : VLT_STATUS_NOMEM;
}

static vlt_status pass_on(const struct child *child, int side, int result, const char *message,
                          vlt_error *err)
{
    if (result == 0) {
        return VLT_OK;
    }
    const char *library = child->side[side].library;
    return vlt_fail(err, (vlt_status)result, "%s%s%s", library ? library : "", library ? ": " : "",
                    message);
}

static vlt_status prepare_side(struct child *child, int side, vlt_error *err)
{
    char message[VLT_MEASURE_MESSAGE_BYTES] = "";
    vlt_placement_begin(child->placement, side);
    int result = child->abi[side]->prepare(child->request[side], vlt_placement_take,
                                           child->placement, &child->handle[side], message);
    return pass_on(child, side, result, message, err);
}

/* Which sides have the same problem? Then they can share their data, not only their sizes. */
static bool same_problem(const vlt_side side[2])
{
    vlt_problem problem[2];
    const vlt_variant *variant;
    vlt_binding binding;
    size_t name = strcspn(side[0].what, "@");
    if (vlt_model_subject_named(side[0].what)) {
        return vlt_model_subject_named(side[1].what);
    }
    if (!strncmp(side[0].what, "probe/", 6)) {
        return !strncmp(side[0].what, side[1].what, name) &&
               (side[1].what[name] == '\0' || side[1].what[name] == '@');
    }
    for (int i = 0; i < 2; i++) {
        if (vlt_what_parse(side[i].what, &problem[i], &variant, &binding, NULL) != VLT_OK) {
            return !strcmp(side[0].what, side[1].what);
        }
    }
    return problem[0].op == problem[1].op &&
           !memcmp(problem[0].dim, problem[1].dim, sizeof problem[0].dim);
}

/* The same variant on both sides, whatever the problem: then more CPU time is more work. */
static bool same_code(const vlt_side side[2])
{
    size_t name[2];
    for (int i = 0; i < 2; i++) {
        name[i] = strcspn(side[i].what, "@");
        if (vlt_model_subject_named(side[i].what)) {
            return false;
        }
    }
    const char *knobs[2] = {strchr(side[0].what, ':'), strchr(side[1].what, ':')};
    return name[0] == name[1] && !memcmp(side[0].what, side[1].what, name[0]) &&
           !strcmp(knobs[0] ? knobs[0] : "", knobs[1] ? knobs[1] : "");
}

static vlt_status prepare_in(struct child *child, int first, vlt_error *err)
{
    vlt_status status = prepare_side(child, first, err);
    return status == VLT_OK ? prepare_side(child, !first, err) : status;
}

static void unprepare(struct child *child)
{
    for (int i = 0; i < 2; i++) {
        if (child->abi[i] && child->handle[i]) {
            child->abi[i]->release(child->handle[i]);
        }
        child->handle[i] = NULL;
    }
}

static void place(struct child *child, bool share)
{
    const size_t bytes = (size_t)1 << 35; /* of address space */
    child->share = share;
    vlt_placement_release(child->placement);
    vlt_placement_init(child->placement, share, bytes, child->options.seed);
    for (int i = 1; !child->placement->region[share ? 0 : 1] && i < 8; i++) { /* ulimit -v */
        vlt_placement_release(child->placement);
        vlt_placement_init(child->placement, share, bytes >> i, child->options.seed);
    }
}

/* Prepares both, first the side that the coin says; another coin says who has which region. Two
 * sides whose problem is the same share their
 * memory, unless the builds make different data of one seed. */
static vlt_status prepare_both(struct child *child, vlt_random *random, vlt_error *err)
{
    const int first = child->first = (int)(vlt_random_next(random) >> 63);
    place(child, same_problem(child->side) && child->options.regime == VLT_REGIME_HOT);
    child->placement->turn = (int)(vlt_random_next(random) >> 63);
    vlt_status status = prepare_side(child, first, err);
    if (status == VLT_OK && child->share) {
        uint64_t before = vlt_placement_hash(child->placement, first);
        status = prepare_side(child, !first, err);
        if (status != VLT_OK || vlt_placement_hash(child->placement, first) == before) {
            return status;
        }
        unprepare(child); /* the first side's data may be overwritten: both anew, apart */
        place(child, false);
        return prepare_in(child, first, err);
    }
    return status == VLT_OK ? prepare_side(child, !first, err) : status;
}

static vlt_status run_once(struct child *child, int side, vlt_error *err)
{
    child->abi[side]->reset(child->handle[side]);
    int result = child->abi[side]->run(child->handle[side], 1);
    return pass_on(child, side, result, child->abi[side]->failure(child->handle[side]), err);
}

/* Runs A, keeps its outputs, runs B over them. */
static vlt_status cross_check(struct child *child, vlt_error *err)
{
    vlt_measure_output a[VLT_OUTPUT_MAX], b;
    void *kept[VLT_OUTPUT_MAX] = {NULL};
    int count = 0;
    vlt_status status = run_once(child, 0, err);
    while (status == VLT_OK && count < VLT_OUTPUT_MAX &&
           child->abi[0]->output(child->handle[0], count, &a[count]) == 0) {
        size_t bytes = (size_t)a[count].count * vlt_dtype_bytes((vlt_dtype)a[count].dtype);
        status = vlt_alloc(bytes, &kept[count], err);
        if (status == VLT_OK) {
            memcpy(kept[count], a[count].data, bytes);
            count++;
        }
    }
    if (status == VLT_OK && count > 0) {
        status = run_once(child, 1, err);
    }
    for (int i = 0; i < count && status == VLT_OK; i++) {
        bool there = child->abi[1]->output(child->handle[1], i, &b) == 0;
        if (there && !strcmp(a[i].name, VLT_MEASURE_IDS) && count > 1) {
            if (child->options.quality == VLT_QUALITY_EXACT) { /* rounding may change answers */
                status = vlt_launch_compare_ids(&a[0], kept[0], kept[1], &b, err);
            }
            break; /* the leads may differ by the tolerances of every operator */
        }
        status = there ? vlt_launch_compare_output(&a[i], kept[i], &b, err) : VLT_OK;
    }
    for (int i = 0; i < VLT_OUTPUT_MAX; i++) {
        vlt_free(kept[i]);
    }
    return status;
}

static vlt_status verify_both(struct child *child, vlt_error *err)
{
    char message[VLT_MEASURE_MESSAGE_BYTES] = "";
    vlt_status status = VLT_OK;
    for (int side = child->options.a_is_reference; side < 2 && status == VLT_OK; side++) {
        int result = child->abi[side]->verify(child->request[side], message);
        status = pass_on(child, side, result, message, err);
    }
    if (status == VLT_OK && !child->options.a_is_reference && same_problem(child->side)) {
        status = cross_check(child, err);
    }
    return status;
}

static vlt_subject subject_of(const struct child *child, int side)
{
    return (vlt_subject){.run = child->abi[side]->run,
                         .reset = child->abi[side]->reset,
                         .state = child->handle[side]};
}

/* Both sides anew, each where the other one lay. The first one's old self is overwritten before it
 * is released, not run any more: threads that both use go on, and the heap is no emptier for one of
 * them. */
static vlt_status exchange(void *user, vlt_subject subject[2], vlt_error *err)
{
    struct child *child = user;
    vlt_status status = VLT_OK;
    child->placement->turn = !child->placement->turn;
    for (int k = 0; k < 2 && status == VLT_OK; k++) {
        int side = k ^ child->first;
        void *old = child->handle[side];
        status = prepare_side(child, side, err);
        child->abi[side]->release(old);
        subject[side] = subject_of(child, side);
    }
    return status;
}

/* Is there anything to exchange, and time for it? */
static bool may_exchange(const struct child *child)
{
    const double share = 0.25;
    const vlt_placement *placement = child->placement;
    return !child->share && placement->regions == 2 && placement->region[0] &&
           placement->region[1] && placement->count > 0 &&
           child->prepared_s < share * child->options.limit_s;
}

static vlt_status measure(struct child *child, vlt_random *random, vlt_error *err)
{
    vlt_subject subject[2];
    bool whole_process = false;
    for (int i = 0; i < 2; i++) {
        vlt_measure_cost cost;
        subject[i] = subject_of(child, i);
        whole_process |= child->abi[i]->threads(child->handle[i]) > 1;
        child->abi[i]->cost(child->handle[i], &cost);
        child->launch.cost[i][VLT_LAUNCH_FLOPS] = cost.flops;
        child->launch.cost[i][VLT_LAUNCH_BYTES] = cost.bytes;
        child->launch.cost[i][VLT_LAUNCH_WORK] = cost.work;
        child->launch.cost[i][VLT_LAUNCH_COMPUTE] = NAN;
        child->launch.cost[i][VLT_LAUNCH_PRODUCTS] = NAN;
        vlt_utf8_format(child->launch.unit, sizeof child->launch.unit, "%s",
                        cost.unit ? cost.unit : "");
    }
    vlt_pair_options options = {.seed = vlt_random_next(random),
                                .pairs = child->options.pairs,
                                .pairs_min = 1,
                                .limit_s = child->options.limit_s,
                                .whole_process = whole_process,
                                .same_code = same_code(child->side),
                                .exchange = may_exchange(child) ? exchange : NULL,
                                .exchange_user = child};
    vlt_status status = vlt_pair_measure(NULL, subject, &options, &child->launch.run, err);
    if (status == VLT_OK && child->options.count) {
        subject[1] = subject_of(child, 1);
        vlt_counted_measure(&subject[1], child->launch.run.call_ns[1], &child->launch.counted);
    }
    return status;
}

static vlt_status serve(struct child *child, const json_t *document, vlt_error *err)
{
    vlt_random random;
    vlt_status status = vlt_launch_request_from_json(document, child->side, child->library,
                                                     &child->options, err);
    random.state = child->options.seed;
    int first = (int)(vlt_random_next(&random) >> 63);
    for (int i = 0; i < 2 && status == VLT_OK; i++) {
        int side = i == 0 ? first : !first;
        status = vlt_launch_load(child->side[side].library, &child->abi[side], err);
        if (status == VLT_OK) {
            status = write_request(child, side, err);
        }
    }
    if (status == VLT_OK) {
        uint64_t begin_ns = vlt_clock_wall(vlt_clock_system());
        status = prepare_both(child, &random, err);
        child->prepared_s = 1e-9 * (double)(vlt_clock_wall(vlt_clock_system()) - begin_ns);
    }
    if (status == VLT_OK) {
        vlt_utf8_format(child->launch.note, sizeof child->launch.note, "%s",
                        vlt_placement_note(child->placement));
    }
    if (status == VLT_OK && child->options.verify) {
        status = verify_both(child, err);
    }
    if (status == VLT_OK && child->options.pairs > 0) {
        status = measure(child, &random, err);
    }
    return status;
}

static void release(struct child *child)
{
    unprepare(child);
    for (int i = 0; i < 2; i++) {
        free(child->request[i]);
        free(child->library[i]);
    }
    vlt_placement_release(child->placement);
    vlt_launch_release(&child->launch);
}

vlt_status vlt_launch_serve(FILE *in, FILE *out, vlt_error *err)
{
    static vlt_placement placement; /* too big for the stack; a child serves one request */
    vlt_error failure = {0};
    char *text = NULL;
    json_t *document = NULL;
    size_t bytes = 0;
    placement = (vlt_placement){0};
    struct child child = {.placement = &placement};
    vlt_status status = vlt_read_stream(in, "launch request", VLT_CHILD_REQUEST_MAX, &text, &bytes,
                                        &failure);
    if (status == VLT_OK) {
        status = vlt_json_parse(text, bytes, "launch request", &document, &failure);
    }
    if (status == VLT_OK) {
        status = serve(&child, document, &failure);
    }
    json_t *answer = vlt_launch_answer_to_json(status, &failure, &child.launch);
    status = vlt_json_print(answer, true, out, err);
    json_decref(answer);
    release(&child);
    json_decref(document);
    free(text);
    return status;
}
