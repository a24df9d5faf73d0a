/* Which problems a request meets, and which share of the time each has. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/oracle.h"
#include "optimizations/core/utf8_text.h"
#include "optimizations/pipeline/pipeline.h"
#include "tuner/code_hash.h"
#include "tuner/tune_internal.h"

/* Blocks of each tower that are looked at where the whole model takes too long. */
enum { DEPTH = 2 };

/* Speeds of good code, and of a plain loop below which the baseline may be tried, for guesses. */
static const double good_flops = 30e9, good_bytes = 8e9, plain_s = 0.05;

/* A worker's start, drawing its inputs, and the calls of a first trial, likewise. */
static const double start_s = 0.05, drawn_bytes = 0.3e9;
enum { FIRST_CALLS = 10 };

static void estimate(const vlt_problem *problem, vlt_tune_item *item)
{
    vlt_cost cost = {0};
    if (problem->op->cost) {
        problem->op->cost(problem, &cost);
    }
    item->estimate_ns = 1000 + (cost.flops / good_flops + cost.bytes / good_bytes) * 1e9;
    item->first_s = start_s + cost.bytes / drawn_bytes + FIRST_CALLS * 1e-9 * item->estimate_ns;
}

/* The setting that ran: what the search has to beat. */
static vlt_status start_search(vlt_tuner *tuner, vlt_tune_item *item, bool *any, vlt_error *err)
{
    vlt_space space;
    vlt_setting incumbent = {
        .variant = vlt_registry_find_variant(item->problem.op, item->met.variant)};
    vlt_space_init(&space, &item->problem, &tuner->machine->caps, tuner->options->quality);
    *any = false;
    if (!incumbent.variant) {
        return vlt_fail(err, VLT_STATUS_INTERNAL, "%s: unknown variant '%s'", item->met.op,
                        item->met.variant);
    }
    vlt_status status = vlt_binding_parse(incumbent.variant, item->met.knobs, &incumbent.binding,
                                          err);
    bool plain = item->kind != VLT_TUNE_LEAF || vlt_baseline_guess_s(&item->problem) < plain_s;
    *any = vlt_space_count(&space, 2) > (incumbent.variant == space.variant[0] ? 0 : 1) ||
           (plain && vlt_space_count(&space, 1) > 0);
    if (status != VLT_OK || !*any) {
        return status;
    }
    const vlt_search_options options = {.plain = plain,
                                        .seed = tuner->options->seed + (uint64_t)tuner->item_count,
                                        .strategy = tuner->options->strategy,
                                        .seeds = tuner->seeds,
                                        .seed_count = tuner->seed_count,
                                        .where = tuner->options->where};
    status = vlt_search_init(&item->search, &space, &incumbent, &options, err);
    tuner->outside += status == VLT_OK && !vlt_search_permits(&item->search, &incumbent);
    return status;
}

static vlt_status add_item(vlt_tuner *tuner, const vlt_whole_problem *met, vlt_error *err)
{
    const vlt_op *op = vlt_registry_find_op(met->op);
    bool any;
    if (!op || (tuner->options->only_op && strcmp(tuner->options->only_op, met->op) != 0)) {
        return VLT_OK;
    }
    for (int i = 0; i < tuner->item_count; i++) {
        vlt_tune_item *item = &tuner->item[i];
        if (!strcmp(item->met.op, met->op) && !strcmp(item->met.bucket, met->bucket)) {
            item->met.runs += met->runs;
            return VLT_OK;
        }
    }
    vlt_tune_item *item = &tuner->item[tuner->item_count];
    *item = (vlt_tune_item){.met = *met,
                            .kind = op == &vlt_op_pipeline ? VLT_TUNE_SERVICE
                                    : met->composite       ? VLT_TUNE_COMPOSITE
                                                           : VLT_TUNE_LEAF,
                            .problem = {.op = op},
                            .default_ns = NAN,
                            .baseline_ns = NAN,
                            .baseline_spread = NAN,
                            .tuned_ns = NAN,
                            .wall_s = NAN,
                            .over_inside = vlt_comparison_unknown(),
                            .over_baseline = vlt_comparison_unknown()};
    vlt_status status = vlt_problem_parse(&item->problem, met->problem, err);
    if (status == VLT_OK) {
        status = start_search(tuner, item, &any, err);
    }
    if (status != VLT_OK || !any) {
        vlt_search_release(&item->search);
        return status; /* or there is nothing to choose */
    }
    estimate(&item->problem, item);
    tuner->item_count++;
    return tuner->options->fresh || item->kind != VLT_TUNE_LEAF
               ? VLT_OK
               : vlt_tuner_recall(tuner, item, err);
}

void vlt_tuner_keep_phases(vlt_tuner *tuner, const vlt_whole_request *request, int column)
{
    static const char *const names[] = {"image decode", "preprocess", "tokenize", "vision",
                                        "prefill",      "decode",     "other"};
    vlt_report *result = tuner->result;
    result->phase_count = sizeof names / sizeof *names;
    for (int i = 0; i < result->phase_count; i++) {
        vlt_report_phase *phase = &result->phase[i];
        double *const ms[] = {&phase->baseline_ms, &phase->default_ms, &phase->tuned_ms};
        if (!phase->name[0]) {
            *phase = (vlt_report_phase){.baseline_ms = NAN, .default_ms = NAN, .tuned_ms = NAN};
            vlt_utf8_format(phase->name, sizeof phase->name, "%s", names[i]);
        }
        for (int k = 0; k < request->phase_count; k++) {
            if (!strcmp(request->phase[k].name, names[i])) {
                *ms[column] = request->phase[k].ms;
            }
        }
    }
}

static vlt_status begin_session(vlt_tuner *tuner, const vlt_whole_request *request, vlt_error *err)
{
    vlt_status status = vlt_tuned_key_here(request->model_hash, &tuner->key, err);
    if (status != VLT_OK) {
        return status;
    }
    const vlt_store_session info = {.kind = "tune",
                                    .key = &tuner->key,
                                    .model_name = request->model_name,
                                    .code_hash = vlt_code_hash(),
                                    .threads = tuner->options->threads,
                                    .seed = tuner->options->seed};
    return vlt_store_begin_session(tuner->store, &info, &tuner->session, err);
}

/* --op names an operator that the request meets and that leaves something to choose; otherwise the
 * config would hold nothing and still count as tuned. */
static vlt_status check_only_op(const vlt_tuner *tuner, const vlt_whole_request *request,
                                vlt_error *err)
{
    char met[512] = "";
    const char *only = tuner->options->only_op;
    for (int i = 0; i < request->problem_count; i++) {
        const char *op = request->problem[i].op;
        bool new_one = true;
        if (!only || !strcmp(op, only)) {
            return VLT_OK;
        }
        for (int k = 0; k < i && new_one; k++) {
            new_one = strcmp(request->problem[k].op, op) != 0;
        }
        size_t used = strlen(met);
        if (new_one) {
            vlt_utf8_format(met + used, sizeof met - used, "%s%s", used ? ", " : "", op);
        }
    }
    return only ? vlt_fail(err, VLT_STATUS_USAGE,
                           "--op: a request to this model never meets operator '%s', it meets %s",
                           only, met)
                : VLT_OK;
}

static vlt_status keep_problems(vlt_tuner *tuner, const vlt_whole_request *request, vlt_error *err)
{
    vlt_status status = VLT_OK;
    tuner->item = calloc((size_t)request->problem_count + 1, sizeof *tuner->item);
    if (!tuner->item) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tuning: out of memory");
    }
    for (int i = 0; i < request->problem_count && status == VLT_OK; i++) {
        status = add_item(tuner, &request->problem[i], err);
    }
    if (status == VLT_OK && tuner->options->where) {
        status = vlt_restriction_check(tuner->options->where, err);
    }
    if (status == VLT_OK && tuner->outside) {
        vlt_tuner_note(
            tuner,
            "--where leaves out the defaults of %d of %d problems: there a choice has to "
            "beat the default all the same, which stays where none does",
            tuner->outside, tuner->item_count);
    }
    if (status == VLT_OK && tuner->options->only_op && tuner->item_count == 0) {
        status = vlt_fail(err, VLT_STATUS_USAGE,
                          "--op: operator '%s' leaves nothing to choose on this machine",
                          tuner->options->only_op);
    }
    return status;
}

vlt_status vlt_tuner_find_problems(vlt_tuner *tuner, double limit_s, vlt_error *err)
{
    vlt_whole_request request;
    vlt_whole_task task = vlt_tuner_task(tuner, "default", tuner->scenes, 1);
    task.depth = DEPTH;
    task.limit_s = limit_s;
    vlt_tuner_progress(tuner, "problems", NULL);
    vlt_status status = vlt_whole_run_request(&task, &request, err);
    if (status != VLT_OK) {
        return status == VLT_STATUS_STOPPED
                   ? vlt_fail_in(err, VLT_STATUS_UNMEASURED,
                                 "the first blocks of the model did not answer one request within "
                                 "the budget: ")
                   : status;
    }
    tuner->request_ms = request.total_ms;
    tuner->depth = tuner->result->depth = request.depth;
    vlt_utf8_format(tuner->result->model, sizeof tuner->result->model, "%s", request.model_name);
    vlt_tuner_keep_phases(tuner, &request, VLT_PHASE_DEFAULT);
    if (tuner->depth) {
        vlt_tuner_note(tuner,
                       "problems, shares and the times of phases come from the first %d blocks of "
                       "each tower, times the number of blocks: a whole request takes about %.0f s",
                       tuner->depth, tuner->request_ms * 1e-3);
    }
    if ((status = check_only_op(tuner, &request, err)) == VLT_OK &&
        (status = begin_session(tuner, &request, err)) == VLT_OK) {
        status = keep_problems(tuner, &request, err);
    }
    vlt_whole_request_release(&request);
    return status;
}

double vlt_item_weight(const vlt_tune_item *item, bool tuned)
{
    const vlt_tried *best = tuned ? vlt_search_best(&item->search) : NULL;
    double ns = isnan(item->default_ns) ? item->estimate_ns : item->default_ns;
    return ns * item->met.runs * (best ? exp(best->log_ratio) : 1);
}

double vlt_tuner_request_ns(const vlt_tuner *tuner)
{
    double sum = 0;
    for (int i = 0; i < tuner->item_count; i++) {
        sum += tuner->item[i].kind != VLT_TUNE_LEAF ? 0 : vlt_item_weight(&tuner->item[i], false);
    }
    /* a request seen through its first blocks is known by its parts alone; of a whole one, parts
     * that were measured alone may take longer than they do inside */
    return tuner->depth ? sum : fmax(sum, tuner->request_ms * 1e6);
}
