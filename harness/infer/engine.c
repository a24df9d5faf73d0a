#include "harness/infer/engine.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/batch.h"
#include "harness/infer/engine_memory.h"
#include "harness/infer/services.h"
#include "harness/infer/towers.h"
#include "harness/machine/machine.h"
#include "optimizations/core/utf8_text.h"
#include "optimizations/device/device_open.h"

vlt_load_times vlt_engine_take_load(vlt_engine *engine)
{
    pthread_mutex_lock(&engine->load_lock);
    double packs_ms = vlt_packs_look(engine->packs).make_ms;
    vlt_load_times times = {.open_ms = engine->load_ms, .pack_ms = packs_ms - engine->packs_ms};
    engine->packs_ms = packs_ms;
    engine->load_ms = 0;
    pthread_mutex_unlock(&engine->load_lock);
    return times;
}

double vlt_engine_computing_ms(const vlt_engine *engine)
{
    return vlt_now_ms() - vlt_packs_look(engine->packs).make_ms;
}

void vlt_engine_message(const vlt_engine *engine, int level, const char *format, ...)
{
    if (engine && engine->message) {
        char message[VLT_ERROR_BYTES];
        va_list args;
        va_start(args, format);
        vlt_utf8_vformat(message, sizeof message, format, args);
        va_end(args);
        engine->message(engine->message_user, level, message);
    }
}

static void context_log(void *user, vlt_log_level level, const char *message)
{
    vlt_engine_message(user, (int)level, "%s", message);
}

static vlt_status context_admit(void *user, uint64_t bytes, const char *what, vlt_error *err)
{
    vlt_engine *engine = user;
    const vlt_trace_mark asked = vlt_trace_wait_begin(engine->trace);
    vlt_status status = vlt_memory_gauge_admit(&engine->memory, bytes, what, err);
    vlt_trace_wait_end(engine->trace, VLT_TRACE_MEMORY, asked);
    return status;
}

vlt_status vlt_engine_grant(vlt_engine *engine, vlt_memory_grant *grant, uint64_t bytes,
                            const char *what, vlt_error *err)
{
    const vlt_trace_mark asked = vlt_trace_wait_begin(engine->trace);
    vlt_status status = vlt_memory_gauge_grant(&engine->memory, grant, bytes, what, err);
    vlt_trace_wait_end(engine->trace, VLT_TRACE_MEMORY, asked);
    return status;
}

static vlt_status check_vocabulary(const vlt_engine *engine, vlt_error *err)
{
    int32_t size = vlt_vocab_size(vlt_tokenizer_vocab(engine->tokenizer));
    if (size > engine->config.text.vocab) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: the tokenizer has ids up to %d, but the embedding has %lld rows",
                        engine->directory, size - 1, (long long)engine->config.text.vocab);
    }
    return VLT_OK;
}

/* The files of one checkpoint must speak of one patch. */
static vlt_status check_processor(const vlt_engine *engine, const vlt_processor_config *processor,
                                  vlt_error *err)
{
    const vlt_vision_config *vision = &engine->config.vision;
    if (processor->present &&
        (processor->patch != vision->patch || processor->temporal != vision->temporal ||
         processor->merge != vision->merge)) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: %s: patch %lld, temporal %lld, merge %lld; config.json says %lld, "
                        "%lld, %lld",
                        engine->directory, processor->file, (long long)processor->patch,
                        (long long)processor->temporal, (long long)processor->merge,
                        (long long)vision->patch, (long long)vision->temporal,
                        (long long)vision->merge);
    }
    return VLT_OK;
}

static vlt_status load_processor(vlt_engine *engine, vlt_error *err)
{
    vlt_status status = engine->checkpoint->container->processor(engine->checkpoint,
                                                                 &engine->processor, err);
    if (status == VLT_OK) {
        status = check_processor(engine, &engine->processor.image, err);
    }
    if (status == VLT_OK) {
        status = check_processor(engine, &engine->processor.video, err);
    }
    return status;
}

/* The first blocks of each tower on the real weights; DeepStack taps move to blocks that are left.
 */
static void limit_depth(vlt_model_config *config, int depth)
{
    vlt_vision_config *vision = &config->vision;
    if (depth <= 0) {
        return;
    }
    vision->blocks = vision->blocks < depth ? vision->blocks : depth;
    config->text.layers = config->text.layers < depth ? config->text.layers : depth;
    int64_t most = vision->blocks < config->text.layers ? vision->blocks : config->text.layers;
    if (vision->deepstack_count > most) {
        vision->deepstack_count = (int)most;
    }
    for (int i = 0; i < vision->deepstack_count; i++) {
        int last = (int)vision->blocks - vision->deepstack_count + i;
        vision->deepstack[i] = vision->deepstack[i] < last ? vision->deepstack[i] : last;
    }
}

static vlt_status load_model(vlt_engine *engine, int depth, vlt_error *err)
{
    const char *directory = engine->directory;
    const vlt_container *container = engine->checkpoint->container;
    vlt_status status;
    if ((status = container->config(engine->checkpoint, &engine->config, err)) != VLT_OK) {
        return status;
    }
    limit_depth(&engine->config, depth);
    if ((status = container->generation(engine->checkpoint, &engine->config, &engine->generation,
                                        err)) != VLT_OK ||
        (status = container->map(engine->checkpoint, err)) != VLT_OK) {
        return status;
    }
    status = vlt_weights_init(engine->checkpoint, &engine->config, &engine->weights, err);
    if (status != VLT_OK) {
        return vlt_fail_in(err, status, "%s: ", directory);
    }
    if ((status = container->tokenizer(engine->checkpoint, &engine->tokenizer, err)) != VLT_OK ||
        (status = check_vocabulary(engine, err)) != VLT_OK ||
        (status = load_processor(engine, err)) != VLT_OK) {
        return status;
    }
    vlt_error foreign = {0};
    if (container->chat_template(engine->checkpoint, &foreign) != VLT_OK) {
        vlt_engine_message(engine, 0, "%s", foreign.message);
    }
    if (engine->weights.tied && !engine->config.tied) {
        vlt_engine_message(engine, 0,
                           "%s: tie_word_embeddings is false, but there is no lm_head.weight: the "
                           "embedding is used",
                           directory);
    }
    engine->vision_tokens = (vlt_vision_tokens){.image_pad = engine->config.image_token,
                                                .video_pad = engine->config.video_token,
                                                .vision_start = engine->config.vision_start_token,
                                                .vision_end = engine->config.vision_end_token};
    const vlt_text_config *text = &engine->config.text;
    vlt_mrope_init(&engine->rope, text->head, text->rope_theta, text->mrope_section);
    engine->weights.decoder.rope = &engine->rope;
    engine->model_hash = container->hash(engine->checkpoint);
    return VLT_OK;
}

/* GPUs are looked at where one is asked for alone. */
static vlt_status detect_machine(vlt_engine *engine, const vlt_engine_options *options,
                                 vlt_error *err)
{
    const vlt_machine_sources sources = {.no_gpu = true};
    vlt_status status = vlt_machine_probe(&sources, &engine->machine, err);
    if (status == VLT_OK) {
        const vlt_machine *machine = engine->machine;
        engine->caps = *vlt_machine_caps(machine);
        engine->thread_count = vlt_machine_thread_count(machine);
        int count = options->threads > 0 ? options->threads : engine->thread_count;
        engine->worker_cpus = vlt_machine_worker_cpus(machine, count);
    }
    if (status == VLT_OK) {
        status = vlt_device_open(options->device, &engine->device, err);
        vlt_caps_take_device(&engine->caps, engine->device);
    }
    return status;
}

static void config_warning(void *user, const char *text)
{
    vlt_engine_message(user, 0, "%s", text);
}

static vlt_status choose_variants(vlt_engine *engine, const vlt_engine_options *options,
                                  vlt_error *err)
{
    const vlt_tuned_request request = {.config = options->config,
                                       .directory = engine->directory,
                                       .model_hash = engine->model_hash,
                                       .quality = engine->quality,
                                       .caps = &engine->caps,
                                       .no_config = options->no_config,
                                       .baseline = options->baseline,
                                       .require = options->require_tuned,
                                       .warn = config_warning,
                                       .warn_user = engine};
    vlt_status status = VLT_OK;
    for (int i = 0; i < options->force_count && status == VLT_OK; i++) {
        status = vlt_choices_force(&engine->choices, options->force[i], err);
        if (status != VLT_OK) {
            return vlt_fail_in(err, status, "--force: ");
        }
    }
    return status == VLT_OK ? vlt_tuned_load(&request, &engine->choices, &engine->config_state, err)
                            : status;
}

/* What is permitted and can be used here; one line where that is less than was asked for. Baselines
 * lose nothing, unless a variant among them is forced. */
static void settle_quality(vlt_engine *engine, const vlt_engine_options *options)
{
    vlt_quality here = vlt_registry_quality(engine->quality, &engine->caps);
    if (options->baseline && !options->force_count) {
        here = VLT_QUALITY_EXACT;
    } else if (here != engine->quality) {
        vlt_engine_message(
            engine, 0, "quality %s: no variant of it in this build for this machine; %s is used",
            vlt_quality_name(engine->quality), vlt_quality_name(here));
    }
    engine->quality = here;
}

/* Where something may be lost still images stay bytes until they are in the tower, an eighth of the
 * memory; exact ones do not, because the tower would sum in another order. */
static void keep_pixels(vlt_engine *engine)
{
    vlt_vision_options *options = &engine->vision_options;
    options->pixels = engine->quality != VLT_QUALITY_EXACT && engine->processor.image.present;
    if (options->pixels) {
        vlt_processor_table(&engine->processor.image, options->arithmetic, &engine->pixel_table);
        engine->weights.vision.pixels = &engine->pixel_table;
    }
}

/* One line where the config was tuned with another number of threads: what a variant would take
 * beyond those that there are is left out. */
static void say_threads(const vlt_engine *engine)
{
    int tuned = engine->config_state.threads, here = vlt_threads_count(engine->threads);
    if (tuned > 0 && tuned != here) {
        vlt_engine_message(engine, 0,
                           "%s was tuned with %d threads, %d are used: its knobs are held to those",
                           engine->config_state.path, tuned, here);
    }
}

static void pack_message(void *user, int level, const char *message)
{
    vlt_engine_message(user, level, "%s", message);
}

static vlt_status make_packs(vlt_engine *engine, const vlt_engine_options *options, vlt_error *err)
{
    const vlt_pack_cache_options cache = {
        .checkpoint = engine->checkpoint,
        .directory = engine->directory,
        .limit_bytes = options->pack_cache ? options->pack_cache : VLT_PACK_CACHE_DEFAULT_BYTES,
        .say = pack_message,
        .user = engine};
    if (cache.limit_bytes < 0) {
        return vlt_packs_create(NULL, &engine->packs, err);
    }
    vlt_status status = vlt_pack_cache_create(&cache, &engine->pack_cache, err);
    if (status == VLT_OK) {
        const vlt_pack_shelf shelf = vlt_pack_cache_shelf(engine->pack_cache);
        status = vlt_packs_create(&shelf, &engine->packs, err);
    }
    return status;
}

/* 0: nobody asked; negative: for none, or for the default that 0 stands for. */
static int64_t asked_or(int64_t asked, int64_t tuned)
{
    return asked > 0 ? asked : asked < 0 ? 0 : tuned;
}

static void overrule(vlt_pipeline_services *tuned, const vlt_service_options *options)
{
    tuned->parallel = options->parallel > 0 ? options->parallel : tuned->parallel;
    tuned->prefetch = (int)asked_or(options->prefetch, tuned->prefetch);
    tuned->preprocess_threads = (int)asked_or(options->preprocess_threads,
                                              tuned->preprocess_threads);
    tuned->tokenize_threads = (int)asked_or(options->tokenize_threads, tuned->tokenize_threads);
    tuned->tokenize_chunk = asked_or(options->tokenize_chunk, tuned->tokenize_chunk);
    tuned->tokenize_cache = asked_or(options->tokenize_cache, tuned->tokenize_cache);
}

/* What the operator `pipeline` is tuned to or options say, before there are threads. */
static vlt_status settle_services(vlt_engine *engine, const vlt_engine_options *options,
                                  vlt_error *err)
{
    const vlt_problem problem = vlt_batch_problem();
    vlt_context unheard = engine->context; /* what holds is settled and noted below */
    vlt_plan plan;
    unheard.ledger = NULL;
    unheard.log = NULL;
    vlt_status status = vlt_plan_settle(&unheard, &problem, &plan, err);
    if (status == VLT_OK) {
        engine->tuned = vlt_pipeline_services_of(&plan);
        overrule(&engine->tuned, &options->services);
        engine->pin = options->pin || (engine->tuned.pin && !options->no_pin);
        status = vlt_engine_memory_settle(engine, options, err);
    }
    return status == VLT_OK ? vlt_plan_settle(&engine->context, &problem, &plan, err) : status;
}

static vlt_status make_threads(vlt_engine *engine, const vlt_engine_options *options,
                               vlt_error *err)
{
    vlt_threads_options threads = {.count = options->threads, .spin_us = 20};
    threads.count = threads.count > 0 ? threads.count : engine->thread_count;
    if (engine->pin) {
        threads.cpu_set = engine->worker_cpus.word;
        threads.cpu_set_words = sizeof engine->worker_cpus.word / sizeof *engine->worker_cpus.word;
    }
    vlt_status status = vlt_threads_create(&threads, &engine->threads, err);
    engine->turns.threads = engine->threads;
    return status;
}

static vlt_status make_context(vlt_engine *engine, const vlt_engine_options *options,
                               vlt_error *err)
{
    settle_quality(engine, options);
    keep_pixels(engine);
    engine->context = (vlt_context){.caps = &engine->caps,
                                    .choices = &engine->choices,
                                    .policy = options->baseline ? VLT_POLICY_BASELINE
                                                                : VLT_POLICY_CHOICES,
                                    .quality = engine->quality,
                                    .head_quality = engine->head_quality,
                                    .device = engine->device,
                                    .ledger = &engine->ledger,
                                    .log = context_log,
                                    .log_user = engine,
                                    .admit = context_admit,
                                    .admit_user = engine};
    vlt_status status = settle_services(engine, options, err);
    if (status == VLT_OK) {
        status = make_threads(engine, options, err);
    }
    if (status == VLT_OK) {
        status = make_packs(engine, options, err);
    }
    if (status == VLT_OK) {
        vlt_packs_ask(engine->packs, context_admit, engine);
        status = vlt_engine_memory_apply(engine, err);
    }
    engine->context.packs = engine->packs;
    engine->context.memory = &engine->policy;
    engine->context.threads = engine->threads;
    if (status == VLT_OK) {
        say_threads(engine);
    }
    engine->prepare_context = engine->context;
    engine->prepare_context.ledger = &engine->prepare_ledger;
    engine->prepare_context.making = &engine->prepare_lock;
    engine->alone_context = engine->prepare_context;
    engine->alone_context.threads = NULL;
    return status;
}

/* How caches are stored, and the plan of one token: the others are made when they are met. */
static vlt_status prepare_decoding(vlt_engine *engine, vlt_error *err)
{
    const vlt_text_config *text = &engine->config.text;
    const vlt_problem cache = vlt_kv_cache_problem(VLT_CONTEXT_CLASS, text->kv_heads, text->head);
    vlt_plan *plan;
    vlt_status status = vlt_plan_create(&engine->context, &cache, &engine->kv_plan, err);
    if (status != VLT_OK) {
        return status;
    }
    engine->kv_format = vlt_kv_format_of(engine->kv_plan);
    status = vlt_engine_decode_plan(engine, 1, VLT_CONTEXT_CLASS, &plan, err);
    vlt_engine_memory_say(engine);
    return status == VLT_OK ? vlt_plan_reserve(&engine->scratch, plan, err) : status;
}

static void init_recursive(pthread_mutex_t *lock)
{
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(lock, &kind);
    pthread_mutexattr_destroy(&kind);
}

vlt_status vlt_engine_open(const char *directory, const vlt_engine_options *options,
                           vlt_engine **out, vlt_error *err)
{
    vlt_checkpoint *checkpoint = NULL;
    *out = NULL;
    vlt_status status = vlt_checkpoint_open(directory, &checkpoint, err);
    return status == VLT_OK ? vlt_engine_open_checkpoint(checkpoint, options, out, err) : status;
}

/* What there is of memory and packs now is there whatever is asked; the time of packing is within
 * that of opening. */
static void note_rest(vlt_engine *engine)
{
    const vlt_packs_stats packs = vlt_packs_look(engine->packs);
    engine->packs_ms = packs.make_ms;
    engine->rest_packs = packs.bytes - packs.mapped;
    engine->scarce = vlt_memory_is_scarce(engine->memory.limit_bytes);
    if (engine->scarce && engine->scratch.size_bytes) {
        vlt_pages_ready(engine->scratch.base, engine->scratch.size_bytes);
    }
    vlt_memory_gauge_rest(&engine->memory);
}

vlt_status vlt_engine_open_checkpoint(vlt_checkpoint *checkpoint, const vlt_engine_options *options,
                                      vlt_engine **out, vlt_error *err)
{
    static const vlt_engine_options defaults;
    double start_ms = vlt_now_ms();
    options = options ? options : &defaults;
    *out = NULL;
    vlt_engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        vlt_status status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", checkpoint->path);
        vlt_checkpoint_close(checkpoint);
        return status;
    }
    engine->checkpoint = checkpoint;
    engine->directory = checkpoint->path;
    init_recursive(&engine->prepare_lock);
    vlt_turns_init(&engine->turns);
    pthread_mutex_init(&engine->load_lock, NULL);
    engine->message = options->message;
    engine->message_user = options->message_user;
    engine->memory.limit_bytes = (uint64_t)options->services.memory_limit;
    vlt_status status = vlt_vision_options_read(options->reference, options->exif, options->alpha,
                                                options->dialect, options->strict_images,
                                                &engine->vision_options, err);
    if (status == VLT_OK) {
        status = vlt_service_options_check(&options->services, err);
    }
    if (status == VLT_OK) {
        status = vlt_quality_parse(options->quality, &engine->quality, err);
    }
    if (status == VLT_OK) {
        status = vlt_quality_parse(options->head_quality, &engine->head_quality, err);
    }
    if (status == VLT_OK) {
        status = load_model(engine, options->depth, err);
    }
    if (status == VLT_OK) {
        status = detect_machine(engine, options, err);
    }
    if (status == VLT_OK) {
        status = choose_variants(engine, options, err);
    }
    if (status == VLT_OK) {
        status = make_context(engine, options, err);
    }
    if (status == VLT_OK) {
        status = vlt_services_open(engine, &options->services, err);
    }
    if (status == VLT_OK) {
        status = prepare_decoding(engine, err);
    }
    if (status != VLT_OK) {
        vlt_engine_close(engine);
        return status;
    }
    note_rest(engine);
    engine->load_ms = vlt_now_ms() - start_ms;
    *out = engine;
    return VLT_OK;
}

void vlt_engine_close(vlt_engine *engine)
{
    if (!engine) {
        return;
    }
    vlt_services_close(engine);
    vlt_plan_table_release(&engine->plans);
    vlt_plan_destroy(engine->kv_plan);
    vlt_device_close(engine->device);
    vlt_threads_destroy(engine->threads);
    vlt_packs_destroy(engine->packs);
    vlt_pack_cache_destroy(engine->pack_cache);
    vlt_engine_memory_release(engine);
    vlt_scratch_release(&engine->scratch);
    vlt_ledger_release(&engine->ledger);
    vlt_ledger_release(&engine->prepare_ledger);
    vlt_choices_release(&engine->choices);
    vlt_tokenizer_destroy(engine->tokenizer);
    vlt_weights_release(&engine->weights);
    vlt_checkpoint_close(engine->checkpoint);
    pthread_mutex_destroy(&engine->load_lock);
    vlt_turns_release(&engine->turns);
    pthread_mutex_destroy(&engine->prepare_lock);
    free(engine);
}
