/* One trial of a race, in a child of the worker. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/measure/race_internal.h"
#include "harness/measure/verify_internal.h"
#include "optimizations/core/clock.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"
#include "optimizations/core/utf8_text.h"

enum { FENCE_BYTES = 4096, FENCE = 0x6B, SHIFT_MAX = 1 << 16 };

/* Running takes no memory: what a process may grow by while it is measured, beside its frame. */
enum { GROWTH_MAX_BYTES = 4 << 20 };

struct side {
    vlt_choices choices; /* of children */
    vlt_ledger ledger;   /* of those that were prepared, where the sides may differ in them */
    vlt_context context;
    const vlt_variant *variant;
    vlt_binding binding;
    vlt_plan *plan;
};

struct trial {
    vlt_race_scene *scene;
    const vlt_race_trial *asked;
    vlt_threads *threads;
    struct side side[2];
    void *shift;          /* owned: moves what is allocated after it */
    unsigned char *block; /* owned: the frame of both, with a fence behind it */
    size_t frame_bytes;
    vlt_frame frame;
    vlt_error failure;
    void *kept[VLT_OUTPUT_MAX]; /* owned copies of outputs */
    uint64_t first_ns[2];       /* of the runs that verified; 0: none, or not known */
};

/* Of a challenger that takes so many times what the other side takes, one call is enough, where
 * calls are so long that a first one tells. */
static const double hopeless_factor = 2.5, hopeless_ns = 5e6;

/* So much less time, of a side that takes so long. */
static const double far_factor = 0.6, slow_ns = 50e6;

/* So quick a run is repeated before it is measured. */
static const double quick_ns = 5e6;

/* "OP|BUCKET|VARIANT|KNOBS" a line. */
static vlt_status read_children(const char *text, vlt_choices *choices, vlt_error *err)
{
    vlt_status status = VLT_OK;
    while (*text && status == VLT_OK) {
        char line[1024], *field[4], *rest = line;
        size_t length = strcspn(text, "\n");
        if (length >= sizeof line) {
            return vlt_fail(err, VLT_STATUS_USAGE, "race: children of %zu bytes a line", length);
        }
        memcpy(line, text, length);
        line[length] = '\0';
        for (int i = 0; i < 4; i++) {
            field[i] = strsep(&rest, "|");
        }
        vlt_choice choice = {.op = field[0] ? vlt_registry_find_op(field[0]) : NULL};
        if (!choice.op || !field[3]) {
            return vlt_fail(err, VLT_STATUS_USAGE, "race: children '%s'", line);
        }
        vlt_utf8_format(choice.bucket, sizeof choice.bucket, "%s", field[1]);
        choice.variant = vlt_registry_find_variant(choice.op, field[2]);
        status = choice.variant
                     ? vlt_binding_parse(choice.variant, field[3], &choice.binding, err)
                     : vlt_fail(err, VLT_STATUS_USAGE, "race: no variant '%s'", field[2]);
        if (status == VLT_OK) {
            status = vlt_choices_set(choices, &choice, err);
        }
        text += length + (text[length] == '\n');
    }
    return status;
}

/* "OP/VARIANT[:KNOBS]" */
static vlt_status read_setting(const struct trial *t, const char *text, struct side *side,
                               vlt_error *err)
{
    char name[512], *rest = name;
    vlt_utf8_format(name, sizeof name, "%s", text);
    const vlt_op *op = t->scene->workload.problem.op;
    const char *own = strsep(&rest, "/"), *variant = rest ? strsep(&rest, ":") : NULL;
    side->variant = variant && !strcmp(own, op->name) ? t->scene->find(op, variant) : NULL;
    if (!side->variant) {
        return vlt_fail(err, VLT_STATUS_USAGE, "race: '%s' is no variant of %s", text, op->name);
    }
    return vlt_binding_parse(side->variant, rest, &side->binding, err);
}

static bool children_differ(const vlt_race_trial *asked)
{
    const char *inside[2] = {asked->side[0].children, asked->side[1].children};
    return strcmp(inside[0] ? inside[0] : "", inside[1] ? inside[1] : "") != 0;
}

static vlt_status set_up_side(struct trial *t, int i, vlt_error *err)
{
    struct side *side = &t->side[i];
    const vlt_race_side *asked = &t->asked->side[i];
    bool baseline = asked->children && !strcmp(asked->children, "baseline");
    vlt_status status = read_setting(t, asked->setting, side, err);
    if (status == VLT_OK && asked->children && !baseline) {
        status = read_children(asked->children, &side->choices, err);
    }
    side->context = (vlt_context){.caps = &t->scene->caps,
                                  .threads = t->threads,
                                  .quality = t->scene->quality,
                                  .choices = &side->choices,
                                  .ledger = children_differ(t->asked) ? &side->ledger : NULL,
                                  .policy = baseline ? VLT_POLICY_BASELINE : VLT_POLICY_CHOICES};
    return status;
}

static vlt_status prepare_sides(struct trial *t, vlt_random *random, vlt_error *err)
{
    int first = (int)(vlt_random_next(random) >> 63);
    vlt_status status = VLT_OK;
    for (int k = 0; k < 2 && status == VLT_OK; k++) {
        struct side *side = &t->side[k ^ first];
        status = vlt_plan_create_with(&side->context, &t->scene->workload.problem, side->variant,
                                      &side->binding, &side->plan, err);
    }
    for (int i = 0; i < 2 && status == VLT_OK; i++) {
        size_t bytes = vlt_plan_scratch(t->side[i].plan);
        t->frame_bytes = bytes > t->frame_bytes ? bytes : t->frame_bytes;
    }
    return status;
}

/* Children were chosen that neither side has: what differs between the sides is nothing. */
static bool sides_are_same(const struct trial *t)
{
    const vlt_ledger *a = &t->side[0].ledger, *b = &t->side[1].ledger;
    bool same = children_differ(t->asked) && a->count == b->count;
    for (int i = 0; i < a->count && same; i++) {
        bool found = false;
        for (int k = 0; k < b->count && !found; k++) {
            found = a->entry[i].op == b->entry[k].op &&
                    a->entry[i].variant == b->entry[k].variant &&
                    !strcmp(a->entry[i].bucket, b->entry[k].bucket) &&
                    !memcmp(&a->entry[i].binding, &b->entry[k].binding, sizeof a->entry[i].binding);
        }
        same = found;
    }
    return same;
}

/* One frame for both sides; whoever takes more than it asked for meets the fence. */
static vlt_status make_frame(struct trial *t, vlt_error *err)
{
    void *block = NULL;
    vlt_status status = vlt_alloc(t->frame_bytes + FENCE_BYTES, &block, err);
    if (status == VLT_OK) {
        t->block = block;
        t->frame = (vlt_frame){.base = block, .left_bytes = t->frame_bytes};
    }
    return status;
}

/* The fence lies behind what this side asked for. */
static void put_fence(const struct trial *t, const struct side *side)
{
    VLT_UNPOISON(t->block, t->frame_bytes + FENCE_BYTES); /* what the run before has sealed */
    memset(t->block + side->plan->scratch_bytes, FENCE, FENCE_BYTES);
}

static bool fence_intact(const struct trial *t, const struct side *side)
{
    const unsigned char *fence = t->block + side->plan->scratch_bytes;
    VLT_UNPOISON(t->block, t->frame_bytes + FENCE_BYTES);
    for (int i = 0; i < FENCE_BYTES; i++) {
        if (fence[i] != FENCE) {
            return false;
        }
    }
    return true;
}

static vlt_status run_verified(struct trial *t, struct side *side, vlt_error *err)
{
    put_fence(t, side);
    uint64_t begin = vlt_clock_wall(vlt_clock_system());
    vlt_status status = vlt_verify_run_in(side->plan, t->frame, &t->scene->workload, err);
    t->first_ns[side - t->side] = vlt_clock_wall(vlt_clock_system()) - begin;
    if (status == VLT_OK && !fence_intact(t, side)) {
        status = vlt_fail(err, VLT_STATUS_WRONG, "%s/%s: writes behind its scratch of %zu bytes",
                          side->variant->op, side->variant->name, side->plan->scratch_bytes);
    }
    return status;
}

static vlt_status keep_outputs(struct trial *t, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < t->scene->workload.output_count && status == VLT_OK; i++) {
        const vlt_output *output = &t->scene->workload.output[i];
        size_t bytes = vlt_output_bytes(output);
        status = t->kept[i] ? VLT_OK : vlt_alloc_raw(bytes, &t->kept[i], err);
        if (status == VLT_OK) {
            memcpy(t->kept[i], output->data, bytes);
        }
    }
    return status;
}

/* A second run must repeat every bit of the first one. */
static vlt_status check_repeat(struct trial *t, const struct side *side, const char *when,
                               vlt_error *err)
{
    for (int i = 0; i < t->scene->workload.output_count; i++) {
        const vlt_output *output = &t->scene->workload.output[i];
        if (memcmp(t->kept[i], output->data, vlt_output_bytes(output)) != 0) {
            return vlt_fail(err, VLT_STATUS_WRONG,
                            "%s/%s: output '%s' of %s differs from the first", side->variant->op,
                            side->variant->name, output->name, when);
        }
    }
    return VLT_OK;
}

/* The other side's outputs, which the oracle has seen as far as it sees: kept where all trials of
 * the worker find them, and beside. */
static vlt_status know_a(struct trial *t, vlt_error *err)
{
    vlt_race_scene *scene = t->scene;
    if (vlt_race_verified_has(&scene->verified, &t->asked->side[0])) {
        t->first_ns[0] = vlt_race_verified_ns(&scene->verified);
        return VLT_OK;
    }
    vlt_status status = run_verified(t, &t->side[0], err);
    if (status == VLT_OK) {
        status = vlt_oracle_check(&scene->oracle, t->side[0].plan, &scene->workload, err);
    }
    if (status == VLT_OK && scene->verified.map) {
        vlt_race_verified_keep(&scene->verified, &t->asked->side[0], &scene->workload,
                               t->first_ns[0]);
    } else if (status == VLT_OK) {
        status = keep_outputs(t, err);
    }
    return status;
}

/* Where the oracle does not see everything: all rows against the side that has been verified. */
static vlt_status check_against_a(struct trial *t, vlt_error *err)
{
    vlt_verify_result result = {0};
    vlt_status status = VLT_OK;
    const vlt_race_scene *scene = t->scene;
    for (int i = 0; i < scene->workload.output_count && status == VLT_OK; i++) {
        vlt_output both = scene->workload.output[i];
        const void *a = t->kept[i]
                            ? t->kept[i]
                            : vlt_race_verified_output(&scene->verified, &scene->workload, i);
        both.tolerance += both.tolerance + t->side[0].plan->loss;
        status = vlt_verify_compare(t->side[1].plan, &both, a, &result, err);
    }
    return status;
}

/* One run of B, seen by everything that can see it. */
static vlt_status verify_run(struct trial *t, vlt_error *err)
{
    struct side *b = &t->side[1];
    vlt_race_scene *scene = t->scene;
    bool same = t->side[0].variant == b->variant &&
                !memcmp(&t->side[0].binding, &b->binding, sizeof b->binding) &&
                !children_differ(t->asked);
    bool by_a = scene->oracle.kind != VLT_ORACLE_WHOLE && !same;
    vlt_status status = by_a ? know_a(t, err) : VLT_OK;
    if (status == VLT_OK) {
        status = run_verified(t, b, err);
    }
    if (status == VLT_OK) {
        status = vlt_oracle_check(&scene->oracle, b->plan, &scene->workload, err);
    }
    if (status == VLT_OK && by_a) {
        status = check_against_a(t, err);
    }
    return status == VLT_OK ? keep_outputs(t, err) : status;
}

/* What is measured is run once more behind the measuring, and must repeat its bits then; what is
 * quick here too. */
static vlt_status verify(struct trial *t, vlt_error *err)
{
    struct side *b = &t->side[1];
    vlt_race_scene *scene = t->scene;
    uint64_t inputs = vlt_inputs_hash(&scene->workload);
    vlt_status status = VLT_OK;
    if (t->asked->edges) {
        status = vlt_edges_check(&b->context, &scene->workload.problem, b->variant, &b->binding,
                                 scene->data_seed, err);
    }
    if (status == VLT_OK) {
        status = verify_run(t, err);
    }
    if (status == VLT_OK && (t->asked->pairs == 0 || (double)t->first_ns[1] < quick_ns)) {
        uint64_t first_ns = t->first_ns[1];
        status = run_verified(t, b, err);
        t->first_ns[1] = first_ns;
        status = status == VLT_OK ? check_repeat(t, b, "a second run", err) : status;
    }
    if (status == VLT_OK && !scene->oracle.changes_inputs &&
        scene->oracle.kind != VLT_ORACLE_NONE && vlt_inputs_hash(&scene->workload) != inputs) {
        status = vlt_fail(err, VLT_STATUS_WRONG, "%s/%s: changes its inputs", b->variant->op,
                          b->variant->name);
    }
    return status;
}

struct subject {
    struct trial *trial;
    const vlt_plan *plan;
};

static int run_subject(void *state, int64_t iterations)
{
    struct subject *s = state;
    vlt_status status = VLT_OK;
    for (int64_t i = 0; i < iterations && status == VLT_OK; i++) {
        status = vlt_plan_run(s->plan, s->trial->frame, s->trial->scene->workload.args,
                              &s->trial->failure);
    }
    return (int)status;
}

static void reset_subject(void *state)
{
    vlt_workload *workload = &((struct subject *)state)->trial->scene->workload;
    if (workload->reset) {
        workload->reset(workload);
    }
}

/* What the plans really do: the children of a composite may have been chosen to round. */
static void fill_costs(struct trial *t, vlt_launch *launch)
{
    for (int i = 0; i < 2; i++) {
        vlt_cost cost;
        vlt_plan_cost(t->side[i].plan, &cost);
        launch->cost[i][VLT_LAUNCH_FLOPS] = cost.flops;
        launch->cost[i][VLT_LAUNCH_BYTES] = cost.bytes;
        launch->cost[i][VLT_LAUNCH_WORK] = cost.work;
        launch->cost[i][VLT_LAUNCH_COMPUTE] = cost.compute;
        launch->cost[i][VLT_LAUNCH_PRODUCTS] = cost.products;
    }
}

static bool is_hopeless(const struct trial *t)
{
    double a_ns = (double)t->first_ns[0], b_ns = (double)t->first_ns[1];
    return t->asked->decide && t->asked->verify && a_ns > 0 && b_ns > hopeless_ns &&
           b_ns > hopeless_factor * a_ns;
}

/* Where A is slow and B takes much less, one pair tells enough. */
static bool is_far(const struct trial *t)
{
    double a_ns = (double)t->first_ns[0], b_ns = (double)t->first_ns[1];
    return t->asked->decide && a_ns > slow_ns && b_ns > 0 && b_ns < far_factor * a_ns;
}

/* One pair: the call that verified B, and one of A behind it. */
static vlt_status note_hopeless(struct trial *t, vlt_launch *launch, vlt_error *err)
{
    void *pair = NULL;
    vlt_status status = run_verified(t, &t->side[0], err);
    if (status == VLT_OK && (status = vlt_alloc(sizeof *launch->run.pair, &pair, err)) == VLT_OK) {
        launch->run = (vlt_pair_run){.pair = pair,
                                     .pair_count = 1,
                                     .iterations = 1,
                                     .pressure = NAN,
                                     .steal = NAN,
                                     .frequency_hz = NAN,
                                     .steadiness = VLT_STEADY_UNKNOWN};
        *launch->run.pair = (vlt_pair){
            .wall_ns = {t->first_ns[0], t->first_ns[1]}, .pressure = NAN, .b_first = 1};
        status = vlt_pair_summarise(&launch->run, err);
    }
    return status;
}

static vlt_status measure(struct trial *t, vlt_random *random, vlt_launch *launch, vlt_error *err)
{
    vlt_judge_options judge = vlt_judge_defaults();
    judge.margin = 0.1; /* what is so far off is dropped, or needs fresh processes anyway */
    struct subject state[2];
    vlt_subject subject[2];
    for (int i = 0; i < 2; i++) {
        state[i] = (struct subject){t, t->side[i].plan};
        subject[i] = (vlt_subject){.run = run_subject, .reset = reset_subject, .state = &state[i]};
    }
    const vlt_pair_options options = {.seed = vlt_random_next(random),
                                      .pairs = t->asked->pairs,
                                      .pairs_min = is_far(t) ? 1 : t->asked->pairs_min,
                                      .limit_s = t->asked->limit_s,
                                      .whole_process = t->scene->threads > 1,
                                      .judge = t->asked->decide ? &judge : NULL};
    uint64_t before = vlt_child_resident_bytes(getpid());
    vlt_status status = vlt_pair_measure(NULL, subject, &options, &launch->run, err);
    uint64_t after = vlt_child_resident_bytes(getpid());
    if (status == VLT_OK && after > before + t->frame_bytes + GROWTH_MAX_BYTES) {
        status = vlt_fail(err, VLT_STATUS_WRONG, "%s/%s: leaves memory behind, %llu MB so far",
                          t->side[1].variant->op, t->side[1].variant->name,
                          (unsigned long long)((after - before) >> 20));
    }
    if (status == VLT_OK && t->asked->count) {
        vlt_counted_measure(&subject[1], launch->run.call_ns[1], &launch->counted);
    }
    if (status == VLT_OK && t->asked->verify) {
        status = run_verified(t, &t->side[1], err);
        if (status == VLT_OK) {
            status = check_repeat(t, &t->side[1], "the run after measuring", err);
        }
    }
    return status;
}

static vlt_status run_trial(struct trial *t, vlt_random *random, vlt_launch *launch, vlt_error *err)
{
    vlt_threads_options threads = {.count = t->scene->threads, .spin_us = 20};
    vlt_status status = vlt_alloc_raw((size_t)vlt_random_range(random, 64, SHIFT_MAX), &t->shift,
                                      err);
    if (status == VLT_OK && threads.count > 1) {
        status = vlt_threads_create(&threads, &t->threads, err);
    }
    for (int i = 0; i < 2 && status == VLT_OK; i++) {
        status = set_up_side(t, i, err);
    }
    if (status == VLT_OK) {
        status = prepare_sides(t, random, err);
    }
    if (status == VLT_OK) {
        status = make_frame(t, err);
    }
    if (status == VLT_OK && t->asked->verify) {
        status = verify(t, err);
    }
    vlt_utf8_format(launch->note, sizeof launch->note, "%s",
                    status == VLT_OK && sides_are_same(t) ? VLT_RACE_SAME : "");
    if (status != VLT_OK || t->asked->pairs == 0) {
        return status;
    }
    fill_costs(t, launch);
    return is_hopeless(t) ? note_hopeless(t, launch, err) : measure(t, random, launch, err);
}

vlt_status vlt_race_trial_run(vlt_race_scene *scene, const vlt_race_trial *trial,
                              vlt_launch *launch, vlt_error *err)
{
    vlt_random random = {trial->seed};
    struct trial t = {.scene = scene, .asked = trial};
    *launch = (vlt_launch){0};
    vlt_status status = run_trial(&t, &random, launch, err);
    for (int i = 0; i < 2; i++) {
        vlt_plan_destroy(t.side[i].plan);
        vlt_ledger_release(&t.side[i].ledger);
        vlt_choices_release(&t.side[i].choices);
    }
    for (int i = 0; i < VLT_OUTPUT_MAX; i++) {
        vlt_free(t.kept[i]);
    }
    vlt_threads_destroy(t.threads);
    vlt_free(t.block);
    vlt_free(t.shift);
    return status;
}
