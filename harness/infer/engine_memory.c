#include "harness/infer/engine_memory.h"

#include <string.h>

#include "optimizations/core/utf8_text.h"

static vlt_status read_weights(const char *text, vlt_weights_where *out, vlt_error *err)
{
    for (int i = VLT_WEIGHTS_SYSTEM; text && i <= VLT_WEIGHTS_LOCAL; i++) {
        if (!strcmp(text, vlt_weights_where_name((vlt_weights_where)i))) {
            *out = (vlt_weights_where)i;
            return VLT_OK;
        }
    }
    return text ? vlt_fail(err, VLT_STATUS_USAGE,
                           "weights '%s', expected system, interleave or local", text)
                : VLT_OK;
}

static vlt_status read_switch(const char *name, const char *text, bool *out, vlt_error *err)
{
    if (text && strcmp(text, "on") && strcmp(text, "off")) {
        return vlt_fail(err, VLT_STATUS_USAGE, "%s '%s', expected on or off", name, text);
    }
    *out = text ? !strcmp(text, "on") : *out;
    return VLT_OK;
}

/* Does the option, or a forced knob, ask for it? Then it is refused where it is impossible; what
 * is tuned is passed over. */
static bool is_asked(const vlt_engine *engine, const char *option, const char *knob)
{
    bool asked = option != NULL;
    for (int i = 0; i < engine->choices.count && !asked; i++) {
        const vlt_choice *choice = &engine->choices.entry[i];
        const int index = choice->op == &vlt_op_pipeline && choice->forced
                              ? vlt_variant_knob_index(choice->variant, knob)
                              : -1;
        asked = index >= 0 && (choice->knobs_given & UINT32_C(1) << index);
    }
    return asked;
}

static vlt_status settle_weights(vlt_engine *engine, bool asked, vlt_error *err)
{
    vlt_weights_where *where = &engine->tuned.weights;
    char reason[VLT_REASON_BYTES];
    if (*where == VLT_WEIGHTS_SYSTEM || vlt_pipeline_has_nodes(&engine->caps, reason)) {
        return VLT_OK;
    }
    if (asked) {
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED, "weights %s: %s",
                        vlt_weights_where_name(*where), reason);
    }
    vlt_engine_message(engine, 0, "pipeline: weights=%s is passed over: %s",
                       vlt_weights_where_name(*where), reason);
    *where = VLT_WEIGHTS_SYSTEM;
    return VLT_OK;
}

static vlt_status settle_first_touch(vlt_engine *engine, bool asked, vlt_error *err)
{
    bool *touch = &engine->tuned.first_touch;
    char reason[VLT_REASON_BYTES];
    if (!*touch) {
        return VLT_OK;
    }
    const bool nodes = vlt_pipeline_has_nodes(&engine->caps, reason);
    if (nodes && engine->pin) {
        return VLT_OK;
    }
    if (nodes) {
        vlt_utf8_format(
            reason, sizeof reason,
            "threads that go anywhere leave nothing near to them, it needs pinned ones");
    }
    *touch = asked;
    if (asked) {
        return vlt_fail(err, nodes ? VLT_STATUS_USAGE : VLT_STATUS_UNSUPPORTED, "first touch: %s",
                        reason);
    }
    vlt_engine_message(engine, 0, "pipeline: first_touch=1 is passed over: %s", reason);
    return VLT_OK;
}

vlt_status vlt_engine_memory_settle(vlt_engine *engine, const vlt_engine_options *options,
                                    vlt_error *err)
{
    vlt_pipeline_services *services = &engine->tuned;
    char reason[VLT_REASON_BYTES];
    vlt_status status;
    services->pin = engine->pin;
    if ((status = read_weights(options->weights, &services->weights, err)) != VLT_OK ||
        (status = read_switch("huge pages", options->huge_pages, &services->huge_pages, err)) !=
            VLT_OK ||
        (status = read_switch("first touch", options->first_touch, &services->first_touch, err)) !=
            VLT_OK ||
        (status = settle_weights(engine, is_asked(engine, options->weights, "weights"), err)) !=
            VLT_OK ||
        (status = settle_first_touch(engine, is_asked(engine, options->first_touch, "first_touch"),
                                     err)) != VLT_OK) {
        return status;
    }
    if (options->huge_pages && services->huge_pages &&
        !vlt_pipeline_has_large_pages(&engine->caps, reason)) {
        vlt_engine_message(engine, 0, "huge pages on: %s", reason);
    }
    vlt_pipeline_settle(&engine->choices, services);
    return VLT_OK;
}

static void bind(void *user, void *pages, size_t bytes)
{
    vlt_memory_nodes_bind(user, pages, bytes);
}

static void visit(void *user, const void *mapped, size_t bytes)
{
    vlt_memory_nodes_read(user, mapped, bytes);
}

/* The nodes that weights are wished on; none: as the system gives. */
static void find_nodes(vlt_engine *engine)
{
    const vlt_machine *machine = engine->machine;
    const bool interleave = engine->tuned.weights == VLT_WEIGHTS_INTERLEAVE;
    vlt_error err = {0};
    if (engine->tuned.weights == VLT_WEIGHTS_SYSTEM) {
        return;
    }
    const vlt_cpu_set *cpus = engine->pin ? &engine->worker_cpus : &machine->usable;
    const vlt_cpu_set nodes = interleave ? vlt_machine_all_nodes(machine)
                                         : vlt_machine_near_node(machine, cpus);
    vlt_status status = vlt_cpu_set_count(&nodes)
                            ? vlt_memory_nodes_create(machine, &nodes, interleave, &engine->nodes,
                                                      &err)
                            : vlt_fail(&err, VLT_STATUS_UNSUPPORTED,
                                       "the threads' node has no memory for this process");
    if (status != VLT_OK) {
        vlt_engine_message(engine, 0, "weights %s: %s; they lie as the system puts them",
                           vlt_weights_where_name(engine->tuned.weights), err.message);
    }
}

/* Exact ones are used where they are mapped, or read whole to be rearranged; of others little is
 * used. */
static void read_files(vlt_engine *engine)
{
    const vlt_checkpoint *checkpoint = engine->checkpoint;
    const vlt_container *container = checkpoint->container;
    const int count = engine->nodes && engine->quality == VLT_QUALITY_EXACT
                          ? container->file_count(checkpoint)
                          : 0;
    vlt_memory_room room;
    uint64_t bytes = 0;
    for (int i = 0; i < count; i++) {
        bytes += container->file_at(checkpoint, i).bytes;
    }
    vlt_memory_room_read(NULL, &room);
    if (bytes > room.left_bytes) {
        vlt_engine_message(engine, 0,
                           "weights %s: %.0f MB of files do not fit into the %.0f MB that are "
                           "left; they lie as the system puts them",
                           vlt_weights_where_name(engine->tuned.weights), (double)bytes / 1e6,
                           (double)room.left_bytes / 1e6);
        return;
    }
    for (int i = 0; i < count; i++) {
        const vlt_safetensors_file file = container->file_at(checkpoint, i);
        vlt_memory_nodes_read(engine->nodes, file.data, file.bytes);
    }
}

vlt_status vlt_engine_memory_apply(vlt_engine *engine, vlt_error *err)
{
    const vlt_pipeline_services *services = &engine->tuned;
    find_nodes(engine);
    engine->policy = (vlt_memory_policy){.small_pages = !services->huge_pages,
                                         .touch = services->first_touch ? engine->threads : NULL};
    engine->weights_policy = engine->policy;
    if (engine->nodes) {
        engine->weights_policy.bind = bind;
        engine->weights_policy.visit = visit;
        engine->weights_policy.user = engine->nodes;
    }
    vlt_packs_follow(engine->packs, &engine->weights_policy);
    read_files(engine);
    return vlt_tokenizer_follow(engine->tokenizer, &engine->policy, err);
}

void vlt_engine_memory_say(vlt_engine *engine)
{
    const int refused = engine->nodes ? vlt_memory_nodes_refused(engine->nodes) : 0;
    if (refused) {
        vlt_engine_message(engine, 0, "weights %s: the system refuses: %s",
                           vlt_weights_where_name(engine->tuned.weights), strerror(refused));
    }
}

void vlt_engine_memory_release(vlt_engine *engine)
{
    vlt_memory_nodes_destroy(engine->nodes);
    vlt_machine_destroy(engine->machine);
}
