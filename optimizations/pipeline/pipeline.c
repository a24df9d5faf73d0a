#include "optimizations/pipeline/pipeline_internal.h"

#include "optimizations/core/random.h"
#include "optimizations/core/registry.h"
#include "optimizations/core/utf8_text.h"

int vlt_pipeline_slots(const vlt_plan *plan)
{
    const vlt_pipeline_common *common = plan->state;
    return common ? common->slots : 1;
}

int vlt_pipeline_parallel(const vlt_plan *plan)
{
    const vlt_pipeline_common *common = plan->state;
    return common ? common->parallel : 1;
}

static int64_t value_or(const vlt_variant *variant, const vlt_binding *binding, const char *name,
                        int64_t otherwise)
{
    const int index = vlt_variant_knob_index(variant, name);
    return index < 0 ? otherwise : binding->value[index];
}

static int64_t knob_or(const vlt_plan *plan, const char *name, int64_t otherwise)
{
    return value_or(plan->variant, &plan->binding, name, otherwise);
}

vlt_pipeline_services vlt_pipeline_services_of(const vlt_plan *plan)
{
    return (vlt_pipeline_services){
        .parallel = (int)knob_or(plan, VLT_PIPELINE_PARALLEL, 1),
        .prefetch = (int)knob_or(plan, VLT_PIPELINE_PREFETCH, VLT_PIPELINE_PREFETCH_DEFAULT),
        .preprocess_threads = (int)knob_or(plan, VLT_PIPELINE_PREPROCESS_THREADS, 0),
        .tokenize_threads = (int)knob_or(plan, VLT_PIPELINE_TOKENIZE_THREADS, 0),
        .tokenize_chunk = knob_or(plan, VLT_PIPELINE_TOKENIZE_CHUNK,
                                  VLT_PIPELINE_TOKENIZE_CHUNK_DEFAULT),
        .tokenize_cache = knob_or(plan, VLT_PIPELINE_TOKENIZE_CACHE,
                                  VLT_PIPELINE_TOKENIZE_CACHE_DEFAULT),
        .pin = knob_or(plan, VLT_PIPELINE_PIN, 0) != 0,
        .weights = (vlt_weights_where)knob_or(plan, VLT_PIPELINE_WEIGHTS, VLT_WEIGHTS_SYSTEM),
        .huge_pages = knob_or(plan, VLT_PIPELINE_HUGE_PAGES, 1) != 0,
        .first_touch = knob_or(plan, VLT_PIPELINE_FIRST_TOUCH, 0) != 0};
}

const char *const vlt_weights_where_names[] = {
    [VLT_WEIGHTS_SYSTEM] = "system",
    [VLT_WEIGHTS_INTERLEAVE] = "interleave",
    [VLT_WEIGHTS_LOCAL] = "local",
};

const char *vlt_weights_where_name(vlt_weights_where where)
{
    return vlt_weights_where_names[where];
}

bool vlt_pipeline_has_nodes(const vlt_caps *caps, char *reason)
{
    if (caps->node_count > 1) {
        return true;
    }
    vlt_utf8_format(reason, VLT_REASON_BYTES, "%s NUMA node may be used here, 2 or more are needed",
                    caps->node_count == 1 ? "one" : "no");
    return false;
}

bool vlt_pipeline_is_possible(const vlt_variant *variant, const vlt_binding *binding,
                              const vlt_caps *caps, char *reason)
{
    char missing[VLT_REASON_BYTES];
    const int64_t where = value_or(variant, binding, VLT_PIPELINE_WEIGHTS, VLT_WEIGHTS_SYSTEM);
    const bool touch = value_or(variant, binding, VLT_PIPELINE_FIRST_TOUCH, 0) != 0;
    if ((where == VLT_WEIGHTS_SYSTEM && !touch) || vlt_pipeline_has_nodes(caps, missing)) {
        return true;
    }
    vlt_utf8_format(reason, VLT_REASON_BYTES, "%s=%s: %s",
                    touch ? VLT_PIPELINE_FIRST_TOUCH : VLT_PIPELINE_WEIGHTS,
                    touch ? "1" : vlt_weights_where_name((vlt_weights_where)where), missing);
    return false;
}

bool vlt_pipeline_has_large_pages(const vlt_caps *caps, char *reason)
{
    if (caps->large_pages) {
        return true;
    }
    vlt_utf8_format(reason, VLT_REASON_BYTES,
                    "the system gives no large pages "
                    "(/sys/kernel/mm/transparent_hugepage/enabled is absent, or says never)");
    return false;
}

void vlt_pipeline_settle(vlt_choices *choices, const vlt_pipeline_services *services)
{
    const vlt_op *op = &vlt_op_pipeline;
    vlt_choices_settle(choices, op, VLT_PIPELINE_PARALLEL, services->parallel);
    vlt_choices_settle(choices, op, VLT_PIPELINE_PREFETCH, services->prefetch);
    vlt_choices_settle(choices, op, VLT_PIPELINE_PREPROCESS_THREADS, services->preprocess_threads);
    vlt_choices_settle(choices, op, VLT_PIPELINE_TOKENIZE_THREADS, services->tokenize_threads);
    vlt_choices_settle(choices, op, VLT_PIPELINE_TOKENIZE_CHUNK, services->tokenize_chunk);
    vlt_choices_settle(choices, op, VLT_PIPELINE_TOKENIZE_CACHE, services->tokenize_cache);
    vlt_choices_settle(choices, op, VLT_PIPELINE_PIN, services->pin);
    vlt_choices_settle(choices, op, VLT_PIPELINE_WEIGHTS, services->weights);
    vlt_choices_settle(choices, op, VLT_PIPELINE_HUGE_PAGES, services->huge_pages);
    vlt_choices_settle(choices, op, VLT_PIPELINE_FIRST_TOUCH, services->first_touch);
}

static const vlt_dim dims[] = {
    {"items", VLT_DIM_ANY, 0, INT64_C(1) << 32, "items of the benched run"},
    {"stages", VLT_DIM_EXACT, 1, VLT_PIPELINE_STAGE_MAX, "stages that every item passes"},
};

static const vlt_shape shapes[] = {
    {"request", {32, 4}},
    {"pair", {32, 2}},
    {"long", {32, 8}},
};

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    *cost = (vlt_cost){.work = (double)problem->dim[VLT_PIPELINE_DIM_ITEMS], .unit = "item"};
}

/* The workload is a request in small: stage 0 halves a picture, the stages between smooth it, the
 * last one takes a digest. Each stage costs some tens of microseconds. */
enum { SIDE = 256, HALF = SIDE / 2, ROW = HALF * 3 };

struct slot {
    int stage; /* the next one */
    bool in_order;
    uint8_t *pixels; /* [HALF, HALF, 3] */
};

struct state {
    vlt_pipeline_args args;
    const uint8_t *picture; /* [SIDE, SIDE, 3] */
    int64_t *digest;        /* [items] */
    int64_t expected[VLT_PIPELINE_STAGE_MAX];
    struct slot slot[VLT_PIPELINE_SLOT_MAX];
};

/* Notes whether the stage met the item in its turn. */
static void note_order(struct state *state, struct slot *slot, int64_t item)
{
    int64_t *expected = &state->expected[slot->stage++];
    slot->in_order = slot->in_order && (item == 0 || item == *expected);
    *expected = item + 1;
}

/* The picture begins at another row for each item. */
static vlt_status halve(void *user, int64_t item, int slot_index, vlt_error *err)
{
    (void)err;
    struct state *state = user;
    struct slot *slot = &state->slot[slot_index];
    slot->stage = 0;
    slot->in_order = true;
    note_order(state, slot, item);
    for (int y = 0; y < HALF; y++) {
        const uint8_t *top = state->picture + (size_t)((2 * y + item) % SIDE) * SIDE * 3;
        const uint8_t *bottom = state->picture + (size_t)((2 * y + 1 + item) % SIDE) * SIDE * 3;
        uint8_t *out = slot->pixels + (size_t)y * ROW;
        for (int x = 0; x < HALF; x++) {
            for (int c = 0; c < 3; c++) {
                int i = x * 6 + c;
                out[x * 3 + c] = (uint8_t)((top[i] + top[i + 3] + bottom[i] + bottom[i + 3] + 2) /
                                           4);
            }
        }
    }
    return VLT_OK;
}

static vlt_status smooth(void *user, int64_t item, int slot_index, vlt_error *err)
{
    (void)err;
    struct state *state = user;
    struct slot *slot = &state->slot[slot_index];
    note_order(state, slot, item);
    for (int y = 1; y < HALF; y++) {
        const uint8_t *above = slot->pixels + (size_t)(y - 1) * ROW;
        uint8_t *row = slot->pixels + (size_t)y * ROW;
        for (int i = 3; i < ROW; i++) {
            row[i] = (uint8_t)((2 * row[i] + row[i - 3] + above[i] + 2) / 4);
        }
    }
    return VLT_OK;
}

static vlt_status take_digest(void *user, int64_t item, int slot_index, vlt_error *err)
{
    (void)err;
    struct state *state = user;
    struct slot *slot = &state->slot[slot_index];
    note_order(state, slot, item);
    uint64_t digest = 0xCBF29CE484222325u + slot->in_order;
    for (size_t i = 0; i < (size_t)HALF * ROW; i++) {
        digest = (digest ^ slot->pixels[i]) * 0x100000001B3u;
    }
    state->digest[item] = (int64_t)digest;
    return VLT_OK;
}

static vlt_status do_all(void *user, int64_t item, int slot, vlt_error *err)
{
    vlt_status status = halve(user, item, slot, err);
    return status == VLT_OK ? take_digest(user, item, slot, err) : status;
}

static void set_stages(struct state *state, int stages)
{
    for (int i = 0; i < stages; i++) {
        state->args.stage[i] = i == 0 ? halve : i == stages - 1 ? take_digest : smooth;
    }
    if (stages == 1) {
        state->args.stage[0] = do_all;
    }
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    const int64_t *dim = workload->problem.dim;
    size_t half_bytes = (size_t)HALF * ROW, bytes = (size_t)SIDE * SIDE * 3;
    vlt_random random = {seed};
    void *state, *picture, *pixels, *digest;
    vlt_status status;

    if ((status = vlt_workload_buffer(workload, 1, sizeof(struct state), &state, err)) != VLT_OK ||
        (status = vlt_workload_buffer(workload, bytes, 1, &picture, err)) != VLT_OK ||
        (status = vlt_workload_buffer(workload, VLT_PIPELINE_SLOT_MAX, half_bytes, &pixels, err)) !=
            VLT_OK ||
        (status = vlt_workload_output(workload, "digest", (size_t)dim[VLT_PIPELINE_DIM_ITEMS],
                                      VLT_DTYPE_I64, 0, &digest, err)) != VLT_OK) {
        return status;
    }
    for (size_t i = 0; i < bytes; i++) {
        ((uint8_t *)picture)[i] = (uint8_t)vlt_random_next(&random);
    }
    struct state *s = state;
    s->picture = picture;
    s->digest = digest;
    for (int i = 0; i < VLT_PIPELINE_SLOT_MAX; i++) {
        s->slot[i].pixels = (uint8_t *)pixels + (size_t)i * half_bytes;
    }
    s->args = (vlt_pipeline_args){.user = s, .items = dim[VLT_PIPELINE_DIM_ITEMS]};
    set_stages(s, (int)dim[VLT_PIPELINE_DIM_STAGES]);
    workload->args = &s->args;
    return VLT_OK;
}

VLT_OP(pipeline, .keeps_state = true,
       .summary = "stages of many requests, in sequence or overlapped", .dims = dims,
       .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);
