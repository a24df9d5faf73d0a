#include "harness/measure/prepared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/machine/quick_caps.h"
#include "harness/measure/cold.h"
#include "harness/measure/model_subject.h"
#include "harness/measure/prepared_threads.h"
#include "harness/measure/probe.h"
#include "harness/measure/verify.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/utf8_text.h"
#include "optimizations/device/device_open.h"

struct vlt_prepared {
    vlt_caps caps;
    vlt_device *device; /* that was asked for; NULL: none */
    vlt_context context;
    vlt_scratch scratch; /* of the plans, unless the buffers' source lent one */
    vlt_frame frame;
    vlt_probe *probe;         /* or: */
    vlt_model_subject *model; /* or: */
    int model_threads;
    vlt_regime regime;
    int copies, next;
    vlt_error failure;      /* of the last run */
    vlt_workload *workload; /* [copies] */
    vlt_plan **plan;        /* [copies] */
};

static const char *const regime_names[] = {"hot", "cold", "weights-cold"};

const char *vlt_regime_name(vlt_regime regime)
{
    return regime_names[regime];
}

vlt_status vlt_regime_parse(const char *text, vlt_regime *regime, vlt_error *err)
{
    for (int i = 0; i <= VLT_REGIME_WEIGHTS_COLD; i++) {
        if (!strcmp(text, regime_names[i])) {
            *regime = (vlt_regime)i;
            return VLT_OK;
        }
    }
    return vlt_fail(err, VLT_STATUS_USAGE, "cache regime '%s', expected hot, cold or weights-cold",
                    text);
}

vlt_status vlt_what_parse(const char *what, vlt_problem *problem, const vlt_variant **variant,
                          vlt_binding *binding, vlt_error *err)
{
    char text[512];
    static const char baseline[] = "/baseline";
    size_t name = strcspn(what, "@:/"), rest = strlen(what + name) + 1;
    if (what[name] == '/' && name) {
        return vlt_registry_parse(what, problem, variant, binding, err);
    }
    if (!name) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "'%s' names no operator, expected OP[/VARIANT][@DIM=N,...]",
                        vlt_quoted_word(what).text);
    }
    if (name + sizeof baseline - 1 + rest > sizeof text || strchr(what, ':')) {
        return vlt_fail(err, VLT_STATUS_USAGE, "'%s', expected OP[/VARIANT][@DIM=N,...]",
                        vlt_quoted_word(what).text);
    }
    memcpy(text, what, name);
    memcpy(text + name, baseline, sizeof baseline - 1);
    memcpy(text + name + sizeof baseline - 1, what + name, rest);
    vlt_status status = vlt_registry_parse(text, problem, variant, binding, err);
    *variant = NULL;
    return status;
}

/* Learns what the machine can do; returns the threads to use. */
static int detect_threads(vlt_prepared *prepared, const vlt_prepare_request *request)
{
    int usual;
    vlt_quick_caps(&prepared->caps, &usual);
    return request->threads > 0 ? request->threads : usual;
}

/* Variants that need a device are told of none where its times would be simulated. */
static vlt_status open_device(vlt_prepared *prepared, const char *name, vlt_error *err)
{
    vlt_status status = vlt_device_open(name, &prepared->device, err);
    if (status == VLT_OK && prepared->device && prepared->device->kind == VLT_DEVICE_SIMULATED) {
        vlt_device_close(prepared->device);
        prepared->device = NULL;
        vlt_utf8_format(prepared->caps.device_reason, sizeof prepared->caps.device_reason,
                        "a time taken on the simulated device is no measurement");
        return VLT_OK;
    }
    vlt_caps_take_device(&prepared->caps, prepared->device);
    return status;
}

static vlt_status open_context(vlt_prepared *prepared, const vlt_prepare_request *request,
                               vlt_error *err)
{
    int threads = detect_threads(prepared, request);
    vlt_status status = open_device(prepared, request->device, err);
    prepared->context = (vlt_context){.caps = &prepared->caps,
                                      .buffers = request->buffers,
                                      .quality = request->quality,
                                      .device = prepared->device};
    return status == VLT_OK ? vlt_prepared_threads_take(threads, &prepared->context.threads, err)
                            : status;
}

static vlt_status prepare_copy(vlt_prepared *prepared, const vlt_prepare_request *request,
                               const vlt_problem *problem, const vlt_variant *variant,
                               const vlt_binding *binding, int i, vlt_error *err)
{
    vlt_workload *workload = &prepared->workload[i];
    vlt_status status = vlt_workload_init(workload, &prepared->context, problem, request->seed,
                                          err);
    if (status != VLT_OK) {
        return status;
    }
    return variant
               ? vlt_plan_create_with(&prepared->context, &workload->problem, variant, binding,
                                      &prepared->plan[i], err)
               : vlt_plan_create(&prepared->context, &workload->problem, &prepared->plan[i], err);
}

/* One frame for all copies, laid over the other side's where there is a source of buffers. */
static vlt_status prepare_frame(vlt_prepared *prepared, const vlt_buffer_source *buffers,
                                vlt_error *err)
{
    size_t bytes = 0;
    for (int i = 0; i < prepared->copies; i++) {
        size_t needed = vlt_plan_scratch(prepared->plan[i]);
        bytes = needed > bytes ? needed : bytes;
    }
    void *lent = buffers && bytes ? buffers->take(buffers->user, bytes) : NULL;
    if (lent) {
        prepared->frame = (vlt_frame){.base = lent, .left_bytes = bytes};
        return VLT_OK;
    }
    vlt_status status = vlt_scratch_reserve(&prepared->scratch, bytes, err);
    prepared->frame = vlt_scratch_frame(&prepared->scratch);
    return status;
}

static vlt_status prepare_plans(vlt_prepared *prepared, const vlt_prepare_request *request,
                                vlt_error *err)
{
    vlt_problem problem;
    const vlt_variant *variant;
    vlt_binding binding;
    vlt_cost cost;
    void *workloads = NULL, *plans = NULL;
    vlt_status status = vlt_what_parse(request->what, &problem, &variant, &binding, err);
    if (status == VLT_OK) {
        status = vlt_problem_check(&problem, err);
    }
    if (status == VLT_OK && variant && variant->quality > request->quality) {
        status = vlt_fail(err, VLT_STATUS_UNSUPPORTED, "%s/%s rounds, it needs --quality %s",
                          problem.op->name, variant->name, vlt_quality_name(variant->quality));
    }
    if (status != VLT_OK) {
        return status;
    }
    if (variant && variant == vlt_registry_variant(problem.op, 0)) {
        prepared->context.policy = VLT_POLICY_BASELINE; /* a baseline has baseline children */
    }
    problem.op->cost(&problem, &cost);
    int copies = request->regime == VLT_REGIME_HOT
                     ? 1
                     : vlt_cold_copies(request->cold_bytes, cost.bytes);
    status = vlt_alloc((size_t)copies * sizeof *prepared->workload, &workloads, err);
    if (status == VLT_OK) {
        prepared->workload = workloads;
        prepared->copies = copies;
        status = vlt_alloc((size_t)copies * sizeof *prepared->plan, &plans, err);
    }
    prepared->plan = plans;
    for (int i = 0; i < copies && status == VLT_OK; i++) {
        status = prepare_copy(prepared, request, &problem, variant, &binding, i, err);
    }
    return status == VLT_OK ? prepare_frame(prepared, request->buffers, err) : status;
}

vlt_status vlt_prepared_create(const vlt_prepare_request *request, vlt_prepared **out,
                               vlt_error *err)
{
    void *block;
    *out = NULL;
    vlt_status status = vlt_alloc(sizeof(vlt_prepared), &block, err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_prepared *prepared = block;
    prepared->regime = request->regime;
    if (vlt_probe_named(request->what)) {
        status = vlt_probe_create(request->what, request->buffers, &prepared->probe, err);
    } else if (vlt_model_subject_named(request->what)) {
        prepared->model_threads = detect_threads(prepared, request);
        status = vlt_model_subject_create(request->what, prepared->model_threads, request->device,
                                          request->seed, &prepared->model, err);
    } else {
        status = open_context(prepared, request, err);
        if (status == VLT_OK) {
            status = prepare_plans(prepared, request, err);
        }
    }
    if (status != VLT_OK) {
        vlt_prepared_destroy(prepared);
        return status;
    }
    *out = prepared;
    return VLT_OK;
}

void vlt_prepared_destroy(vlt_prepared *prepared)
{
    if (!prepared) {
        return;
    }
    for (int i = 0; i < prepared->copies; i++) {
        if (prepared->plan) {
            vlt_plan_destroy(prepared->plan[i]);
        }
        vlt_workload_release(&prepared->workload[i]);
    }
    vlt_free(prepared->plan);
    vlt_free(prepared->workload);
    vlt_probe_destroy(prepared->probe);
    vlt_model_subject_destroy(prepared->model);
    vlt_device_close(prepared->device);
    vlt_prepared_threads_give(prepared->context.threads);
    vlt_scratch_release(&prepared->scratch);
    vlt_free(prepared);
}

int vlt_prepared_run(void *state, int64_t iterations)
{
    vlt_prepared *prepared = state;
    if (prepared->probe) {
        return vlt_probe_run(prepared->probe, iterations);
    }
    if (prepared->model) {
        return vlt_model_subject_run(prepared->model, iterations, &prepared->failure);
    }
    vlt_status status = VLT_OK;
    for (int64_t i = 0; i < iterations && status == VLT_OK; i++) {
        int copy = prepared->next;
        const vlt_workload *workload =
            &prepared->workload[prepared->regime == VLT_REGIME_COLD ? copy : 0];
        status = vlt_plan_run(prepared->plan[copy], prepared->frame, workload->args,
                              &prepared->failure);
        prepared->next = copy + 1 < prepared->copies ? copy + 1 : 0;
    }
    return (int)status;
}

const char *vlt_prepared_failure(const vlt_prepared *prepared)
{
    return prepared->failure.message;
}

void vlt_prepared_reset(void *state)
{
    vlt_prepared *prepared = state;
    for (int i = 0; i < prepared->copies; i++) {
        vlt_workload *workload = &prepared->workload[i];
        if (workload->reset) {
            workload->reset(workload);
        }
    }
}

const vlt_workload *vlt_prepared_workload(const vlt_prepared *prepared)
{
    return prepared->workload;
}

void vlt_prepared_cost(const vlt_prepared *prepared, vlt_cost *cost)
{
    vlt_plan_cost(prepared->plan[0], cost);
}

int vlt_prepared_threads(const vlt_prepared *prepared)
{
    return prepared->model ? prepared->model_threads : vlt_threads_count(prepared->context.threads);
}

double vlt_prepared_loss(const vlt_prepared *prepared)
{
    return prepared->plan ? prepared->plan[0]->loss : 0;
}

const vlt_model_subject *vlt_prepared_model(const vlt_prepared *prepared)
{
    return prepared->model;
}

/* The variant that an untuned engine would run. */
static vlt_status default_variant(vlt_prepared *scene, const vlt_problem *problem,
                                  const vlt_variant **variant, vlt_binding *binding, vlt_error *err)
{
    vlt_workload workload;
    vlt_plan *plan = NULL;
    vlt_status status = vlt_workload_init(&workload, &scene->context, problem, 1, err);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_plan_create(&scene->context, &workload.problem, &plan, err);
    if (status == VLT_OK) {
        *variant = plan->variant;
        *binding = plan->binding;
    }
    vlt_plan_destroy(plan);
    vlt_workload_release(&workload);
    return status;
}

vlt_status vlt_prepared_verify(const vlt_prepare_request *request, vlt_error *err)
{
    vlt_prepared scene = {0};
    vlt_problem problem;
    const vlt_variant *variant;
    vlt_binding binding;
    if (vlt_probe_named(request->what) || vlt_model_subject_named(request->what)) {
        return VLT_OK;
    }
    vlt_prepare_request private = *request;
    private.buffers = NULL;
    vlt_status status = vlt_what_parse(request->what, &problem, &variant, &binding, err);
    if (status == VLT_OK) {
        status = open_context(&scene, &private, err);
    }
    if (status == VLT_OK && !variant) {
        status = default_variant(&scene, &problem, &variant, &binding, err);
    }
    if (status == VLT_OK) {
        status = vlt_verify(&scene.context, &problem, variant, &binding, request->seed, NULL, err);
    }
    vlt_device_close(scene.device);
    vlt_prepared_threads_give(scene.context.threads);
    return status;
}
