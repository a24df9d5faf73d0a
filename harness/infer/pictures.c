#include "harness/infer/pictures.h"

#include <stdlib.h>

#include "harness/infer/services.h"

/* Rows of a picture on their way, and what libraries take to decode it: nobody asks about them one
 * by one. */
#define WORK_BYTES VLT_MEMORY_SMALL_BYTES

/* Whether a picture may be spread over the engine's threads. */
enum kind { WIDE, NARROW, KINDS };

struct reader {
    struct reader *next;
    vlt_vision_reader *reader;
    enum kind kind;
    vlt_context context;    /* whose asking for memory is the grant's */
    vlt_memory_grant grant; /* of the picture at hand */
    vlt_engine *engine;
};

struct vlt_pictures {
    vlt_engine *engine;
    pthread_mutex_t lock;
    struct reader *idle[KINDS];
    vlt_threads *threads;
    pthread_mutex_t alone; /* held by who makes what found no memory */
};

vlt_status vlt_pictures_create(vlt_engine *engine, int threads, vlt_pictures **out, vlt_error *err)
{
    const vlt_threads_options options = {.count = threads, .spin_us = 20};
    vlt_pictures *pictures = *out = calloc(1, sizeof *pictures);
    if (!pictures) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for pictures");
    }
    pictures->engine = engine;
    pthread_mutex_init(&pictures->lock, NULL);
    pthread_mutex_init(&pictures->alone, NULL);
    vlt_status status = vlt_threads_create(&options, &pictures->threads, err);
    if (status != VLT_OK) {
        vlt_pictures_destroy(pictures);
        *out = NULL;
    }
    return status;
}

void vlt_pictures_forget(vlt_pictures *pictures)
{
    for (int kind = 0; kind < KINDS; kind++) {
        pthread_mutex_lock(&pictures->lock);
        struct reader *reader = pictures->idle[kind];
        pictures->idle[kind] = NULL;
        pthread_mutex_unlock(&pictures->lock);
        for (struct reader *next; reader; reader = next) {
            next = reader->next;
            vlt_vision_reader_destroy(reader->reader);
            free(reader);
        }
    }
}

void vlt_pictures_destroy(vlt_pictures *pictures)
{
    if (!pictures) {
        return;
    }
    vlt_pictures_forget(pictures);
    vlt_threads_destroy(pictures->threads);
    pthread_mutex_destroy(&pictures->alone);
    pthread_mutex_destroy(&pictures->lock);
    free(pictures);
}

static vlt_status admit(void *user, uint64_t bytes, const char *what, vlt_error *err)
{
    struct reader *reader = user;
    return vlt_engine_grant(reader->engine, &reader->grant, bytes, what, err);
}

static vlt_status create_reader(const vlt_pictures *pictures, enum kind kind, struct reader **out,
                                vlt_error *err)
{
    vlt_engine *engine = pictures->engine;
    struct reader *reader = *out = calloc(1, sizeof *reader);
    if (!reader) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for a reader of pictures");
    }
    reader->kind = kind;
    reader->engine = engine;
    reader->context = kind == WIDE ? engine->prepare_context : engine->alone_context;
    reader->context.admit = admit;
    reader->context.admit_user = reader;
    vlt_status status = vlt_vision_reader_create(&reader->context, &engine->processor,
                                                 &engine->vision_options, &reader->reader, err);
    if (status != VLT_OK) {
        free(reader);
        *out = NULL;
    }
    return status;
}

static vlt_status take_reader(vlt_pictures *pictures, enum kind kind, struct reader **out,
                              vlt_error *err)
{
    pthread_mutex_lock(&pictures->lock);
    *out = pictures->idle[kind];
    pictures->idle[kind] = *out ? (*out)->next : NULL;
    pthread_mutex_unlock(&pictures->lock);
    return *out ? VLT_OK : create_reader(pictures, kind, out, err);
}

static void give_reader(vlt_pictures *pictures, struct reader *reader)
{
    pthread_mutex_lock(&pictures->lock);
    reader->next = pictures->idle[reader->kind];
    pictures->idle[reader->kind] = reader;
    pthread_mutex_unlock(&pictures->lock);
}

/* One item on its way. */
struct item {
    const vlt_media *media;
    vlt_visual_files files;
    vlt_visual *out;
    vlt_visual_times times;
    uint64_t took_bytes; /* while it was made */
    vlt_status status;
    vlt_error error;
};

struct load {
    vlt_pictures *pictures;
    struct item *item;
    int count;
    bool in_advance; /* answers under way go first */
};

static void trace_picture(vlt_trace *trace, double start_ms, double decode_ms)
{
    vlt_trace_span(trace, "prepare", "decode image", start_ms, start_ms + decode_ms, NULL, 0);
    vlt_trace_span(trace, "prepare", "resize and cut", start_ms + decode_ms, vlt_now_ms(), NULL, 0);
}

static void make(const struct load *load, struct item *item)
{
    struct reader *reader = NULL;
    if (item->status == VLT_OK) {
        item->status = take_reader(load->pictures, load->count > 1 ? NARROW : WIDE, &reader,
                                   &item->error);
    }
    const double start_ms = vlt_now_ms(), decoded_ms = item->times.image_decode_ms;
    if (item->status == VLT_OK) {
        reader->grant.in_advance = load->in_advance;
        item->status = vlt_engine_grant(reader->engine, &reader->grant, WORK_BYTES,
                                        "the work of decoding", &item->error);
        if (item->status == VLT_OK) {
            item->status = vlt_visual_make(reader->reader, item->media->kind, &item->files,
                                           item->out, &item->times, &item->error);
        }
        item->took_bytes = reader->grant.bytes;
        vlt_memory_gauge_settle(&reader->engine->memory, &reader->grant);
        give_reader(load->pictures, reader);
        trace_picture(load->pictures->engine->trace, start_ms,
                      item->times.image_decode_ms - decoded_ms);
    }
    if (item->status != VLT_STATUS_LIMIT) {
        vlt_visual_files_release(&item->files);
    }
}

/* What found no memory, one after the other over all requests. */
static void make_alone(struct load *load, struct item *item)
{
    enum { MOST_MS = 20 }; /* until it is tried again though nobody says that he is done */
    vlt_engine *engine = load->pictures->engine;
    vlt_trace_mark asked = vlt_trace_wait_begin(engine->trace);
    pthread_mutex_lock(&load->pictures->alone);
    vlt_trace_wait_end(engine->trace, VLT_TRACE_MEMORY, asked);
    for (bool others = true; item->status == VLT_STATUS_LIMIT && others;) {
        const uint64_t releases = vlt_memory_gauge_releases(&engine->memory);
        others = atomic_load(&engine->ahead) && atomic_load(&engine->under_way);
        load->in_advance = others;
        vlt_services_forget(engine);
        item->status = VLT_OK;
        make(load, item);
        if (item->status == VLT_STATUS_LIMIT && others) {
            asked = vlt_trace_wait_begin(engine->trace);
            vlt_memory_gauge_wait(&engine->memory, releases, MOST_MS);
            vlt_trace_wait_end(engine->trace, VLT_TRACE_MEMORY, asked);
        }
    }
    pthread_mutex_unlock(&load->pictures->alone);
}

/* Would they do one after the other, with nobody else there? Made side by side, or with what others
 * had left, they may have. The same in every run. */
static vlt_status check_in_turn(const struct load *load, vlt_error *err)
{
    const vlt_engine *engine = load->pictures->engine;
    uint64_t before = 0;
    vlt_status status = VLT_OK;
    for (int i = 0; i < load->count && status == VLT_OK; i++) {
        const struct item *item = &load->item[i];
        status = vlt_memory_gauge_fits(&engine->memory, before + item->took_bytes,
                                       "the images of one request", err);
        before += vlt_visual_patch_bytes(item->out, &engine->config.vision);
    }
    return status;
}

static void make_some(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct load *load = argument;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        make(load, &load->item[i]);
    }
}

struct asking {
    const vlt_pictures_watch *watch;
    int done;
};

static bool asked(void *user)
{
    const struct asking *asking = user;
    return asking->watch->stop(asking->watch->user, asking->done);
}

/* By the caller, because a pipe may keep it waiting. */
static void read_all(const struct load *load, const char *folder, const vlt_pictures_watch *watch)
{
    struct asking asking = {.watch = watch};
    const vlt_stop stop = {asked, &asking};
    for (; asking.done < load->count; asking.done++) {
        struct item *item = &load->item[asking.done];
        item->status = vlt_visual_read(item->media, folder, &stop, &item->files, &item->times,
                                       &item->error);
        if (item->status == VLT_STATUS_INTERRUPTED) {
            break;
        }
    }
}

vlt_status vlt_pictures_load(vlt_pictures *pictures, const vlt_media *media, int count,
                             const char *folder, const vlt_pictures_watch *watch, vlt_visual *out,
                             vlt_visual_times *times, vlt_error *err)
{
    struct load load = {.pictures = pictures, .count = count};
    vlt_status status = VLT_OK;
    load.item = calloc((size_t)count + 1, sizeof *load.item);
    if (!load.item) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %d images", count);
    }
    for (int i = 0; i < count; i++) {
        load.item[i].media = &media[i];
        load.item[i].out = &out[i];
    }
    read_all(&load, folder, watch);
    for (int i = 0; i < count; i++) { /* nothing is decoded beside one that is not there */
        status = status == VLT_OK ? load.item[i].status : status;
    }
    if (status == VLT_OK) { /* what they take together depends on who is first */
        const int together = atomic_load(&pictures->engine->memory.alone) ? 1 : 0;
        load.in_advance = atomic_load(&pictures->engine->ahead);
        vlt_threads_for(pictures->threads, count, 1, together, make_some, &load);
    }
    for (int i = 0; i < count && status == VLT_OK; i++) {
        if (load.item[i].status == VLT_STATUS_LIMIT) {
            make_alone(&load, &load.item[i]);
        }
    }
    status = VLT_OK;
    for (int i = 0; i < count; i++) {
        const struct item *item = &load.item[i];
        if (status == VLT_OK && item->status != VLT_OK) {
            status = vlt_fail(err, item->status, "%s", item->error.message);
        }
        vlt_visual_files_release(&load.item[i].files);
        times->image_decode_ms += item->times.image_decode_ms;
        times->preprocess_ms += item->times.preprocess_ms;
    }
    status = status == VLT_OK ? check_in_turn(&load, err) : status;
    free(load.item);
    return status;
}
