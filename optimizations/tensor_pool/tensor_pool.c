#include "optimizations/tensor_pool/tensor_pool_internal.h"

#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"

vlt_tensor_pool vlt_tensor_pool_of(const vlt_plan *plan)
{
    return ((const vlt_tensor_pool_common *)plan->state)->pool;
}

static void stats(const void *self, vlt_tensor_pool_stats *stats)
{
    *stats = ((const vlt_tensor_pool_common *)self)->stats;
}

void vlt_tensor_pool_common_init(vlt_tensor_pool_common *common, const vlt_plan *plan,
                                 vlt_tensor_pool functions)
{
    common->limit_bytes = (size_t)plan->problem.dim[VLT_TENSOR_POOL_DIM_LIMIT];
    common->pool = functions;
    common->pool.self = common;
    common->pool.stats = stats;
}

vlt_status vlt_tensor_pool_refuse(vlt_tensor_pool_common *common, size_t bytes, vlt_error *err)
{
    common->stats.refusals++;
    return vlt_fail(err, VLT_STATUS_LIMIT,
                    "tensor pool: %zu bytes beside %zu in use are beyond the limit of %zu", bytes,
                    common->stats.live_bytes, common->limit_bytes ? common->limit_bytes : SIZE_MAX);
}

void vlt_tensor_pool_note_peak(vlt_tensor_pool_common *common)
{
    size_t used = common->stats.live_bytes + common->stats.kept_bytes;
    common->stats.peak_bytes = used > common->stats.peak_bytes ? used : common->stats.peak_bytes;
}

static const vlt_dim dims[] = {
    {"requests", VLT_DIM_ANY, 1, INT64_C(1) << 24, "blocks that the trace asks for"},
    {"largest", VLT_DIM_POW2, 64, INT64_C(1) << 36, "bytes of the largest block"},
    {"limit", VLT_DIM_POW2, 0, INT64_C(1) << 40, "bytes that the pool may hold, 0: no limit"},
};

static const vlt_shape shapes[] = {
    {"request", {96, 64 << 20, 0}}, /* pictures up to 1024x1024 in the 2B model */
    {"bounded", {96, 64 << 20, 192 << 20}},
    {"picture", {768, 16 << 20, 0}}, /* up to 512x512 */
    {"small", {8192, 4 << 10, 0}},
};

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    *cost = (vlt_cost){.work = (double)problem->dim[VLT_TENSOR_POOL_DIM_REQUESTS], .unit = "req"};
}

/* What a holder does with a block: a word in every page, each at another line of it, and the last
 * byte. Two blocks that overlap, or one that is changed while it is out, give another checksum. */
enum { PAGE_BYTES = 4096, WORD = sizeof(uint64_t), STRIDE = PAGE_BYTES + VLT_ALIGN };

static void write_block(unsigned char *block, size_t bytes, uint64_t tag)
{
    for (size_t at = 0; at + WORD <= bytes; at += STRIDE) {
        uint64_t word = tag + at;
        memcpy(block + at, &word, WORD);
    }
    block[bytes - 1] = (unsigned char)tag;
}

static uint64_t read_block(const unsigned char *block, size_t bytes, uint64_t checksum)
{
    for (size_t at = 0; at + WORD <= bytes; at += STRIDE) {
        uint64_t word;
        memcpy(&word, block + at, WORD);
        checksum = (checksum ^ word) * 0x100000001B3u;
    }
    return (checksum ^ block[bytes - 1]) * 0x100000001B3u;
}

static uint64_t give_back(const vlt_tensor_pool *pool, vlt_tensor_pool_slot *slot,
                          uint64_t checksum)
{
    if (slot->block) {
        checksum = read_block(slot->block, slot->bytes, checksum);
        pool->release(pool->self, slot->block);
    }
    *slot = (vlt_tensor_pool_slot){NULL, 0};
    return checksum;
}

vlt_status vlt_tensor_pool_run(const vlt_plan *plan, vlt_frame frame, const void *args,
                               vlt_error *err)
{
    (void)frame;
    const vlt_tensor_pool_args *a = args;
    vlt_tensor_pool pool = vlt_tensor_pool_of(plan);
    vlt_status status = VLT_OK;
    uint64_t checksum = 0xCBF29CE484222325u;
    for (int64_t i = 0; i < a->event_count && status == VLT_OK; i++) {
        const vlt_tensor_pool_event *event = &a->event[i];
        vlt_tensor_pool_slot *slot = &a->slot[event->slot];
        checksum = give_back(&pool, slot, checksum);
        if (event->bytes) {
            void *block;
            status = pool.acquire(pool.self, event->bytes, &block, err);
            if (status == VLT_OK) {
                write_block(block, event->bytes, (uint64_t)i);
                *slot = (vlt_tensor_pool_slot){block, event->bytes};
            }
        }
    }
    for (uint32_t i = 0; i < a->slot_count; i++) {
        checksum = give_back(&pool, &a->slot[i], checksum);
    }
    *a->checksum = checksum;
    return status;
}

/* The trace is what a Qwen3-VL request would ask for if every activation came from a pool: layers
 * over the patches of a picture, layers over the prompt, then single tokens; the next picture has
 * another size. Widths are in quarters of the largest block, which is the hidden layer of the
 * feed-forward over the largest picture. */
enum { SLOTS = 4, ROWS_MAX = 1024, LAYERS = 2, TOKENS = 4 };

struct step {
    uint8_t slot;
    uint8_t quarters; /* 0: release */
};

/* Slot 0 holds the residual stream: normed, qkv, attended, projected, normed, hidden, output. */
static const struct step layer[] = {{1, 1}, {2, 3}, {1, 0}, {3, 1}, {2, 0}, {1, 1}, {3, 0},
                                    {1, 0}, {1, 1}, {2, 4}, {1, 0}, {1, 1}, {2, 0}, {1, 0}};

struct trace {
    vlt_tensor_pool_event *event;
    int64_t count;
    int64_t requests, requests_max;
    size_t largest_bytes;
    bool held[SLOTS];
};

static void emit(struct trace *trace, uint32_t slot, int quarters, int rows)
{
    bool full = trace->requests == trace->requests_max;
    if (quarters ? full : !trace->held[slot]) {
        return;
    }
    size_t bytes = trace->largest_bytes / 4 * (size_t)quarters * (size_t)rows / ROWS_MAX;
    bytes = quarters && bytes == 0 ? 1 : bytes;
    trace->event[trace->count++] = (vlt_tensor_pool_event){slot, bytes};
    trace->requests += quarters > 0;
    trace->held[slot] = quarters > 0;
}

static void emit_layers(struct trace *trace, int layers, int rows)
{
    emit(trace, 0, 1, rows);
    for (int i = 0; i < layers; i++) {
        for (size_t s = 0; s < sizeof layer / sizeof *layer; s++) {
            emit(trace, layer[s].slot, layer[s].quarters, rows);
        }
    }
    emit(trace, 0, 0, 0);
}

static void emit_trace(struct trace *trace, uint64_t seed)
{
    vlt_random random = {seed};
    while (trace->requests < trace->requests_max) {
        int rows = (int)vlt_random_range(&random, 4, 16) * ROWS_MAX / 16;
        emit_layers(trace, LAYERS, rows);
        emit_layers(trace, LAYERS, rows / 4 + (int)vlt_random_range(&random, 8, 64));
        for (int i = 0; i < TOKENS; i++) {
            emit_layers(trace, LAYERS, 1);
        }
    }
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        emit(trace, slot, 0, 0);
    }
}

/* At most seven quarters are held at once, each rounded up by a quarter, in three quarters of the
 * limit (tensor_pool_classes.c), and some pages. */
static vlt_status check_limit(const int64_t *dim, vlt_error *err)
{
    int64_t limit = dim[VLT_TENSOR_POOL_DIM_LIMIT];
    int64_t need = dim[VLT_TENSOR_POOL_DIM_LARGEST] * 35 / 12 + SLOTS * 16 * PAGE_BYTES;
    if (limit && limit < need) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "tensor_pool: limit %lld does not hold the trace, expected 0 or at least "
                        "%lld",
                        (long long)limit, (long long)need);
    }
    return VLT_OK;
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    const int64_t *dim = workload->problem.dim;
    size_t requests = (size_t)dim[VLT_TENSOR_POOL_DIM_REQUESTS];
    void *args, *events, *slots, *checksum;
    vlt_status status = check_limit(dim, err);
    if (status != VLT_OK ||
        (status = vlt_workload_buffer(workload, 1, sizeof(vlt_tensor_pool_args), &args, err)) !=
            VLT_OK ||
        (status = vlt_workload_buffer(workload, 2 * requests, sizeof(vlt_tensor_pool_event),
                                      &events, err)) != VLT_OK ||
        (status = vlt_workload_buffer(workload, SLOTS, sizeof(vlt_tensor_pool_slot), &slots,
                                      err)) != VLT_OK ||
        (status = vlt_workload_output(workload, "checksum", 1, VLT_DTYPE_I64, 0, &checksum, err)) !=
            VLT_OK) {
        return status;
    }
    struct trace trace = {.event = events,
                          .requests_max = (int64_t)requests,
                          .largest_bytes = (size_t)dim[VLT_TENSOR_POOL_DIM_LARGEST]};
    emit_trace(&trace, seed);
    *(vlt_tensor_pool_args *)args = (vlt_tensor_pool_args){.event = events,
                                                           .event_count = trace.count,
                                                           .slot = slots,
                                                           .slot_count = SLOTS,
                                                           .checksum = checksum};
    workload->args = args;
    return VLT_OK;
}

VLT_OP(tensor_pool, .keeps_state = true, .summary = "memory for tensors that come and go",
       .dims = dims, .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);
