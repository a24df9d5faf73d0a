/* A session on disk: header, conversation, ids, keys, the cache's rows in use, a checksum.
 *
 *   magic "VLTSESS" and version   8 bytes
 *   struct header                 below
 *   conversation                  conversation_bytes
 *   ids, key                      count of int32, count of uint64
 *   cache                         per layer, k or v, and kv head: count rows in the cache's format
 *   checksum                      XXH3 over everything before, section by section
 *
 * Numbers are little-endian, as on every machine that vltune is built for. The header is checked
 * against the engine and against the size of the file before anything is allocated.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/files/file_kind.h"
#include "harness/files/new_file.h"
#include "harness/infer/session.h"
#include "optimizations/core/hash.h"

static const unsigned char magic[8] = {'V', 'L', 'T', 'S', 'E', 'S', 'S', 2};

struct header {
    uint64_t model_hash;
    int64_t layers, kv_heads, head;
    int64_t quality; /* vlt_quality that was permitted when the rows were computed */
    int64_t format;  /* vlt_format of the cache */
    int64_t count;
    int64_t conversation_bytes;
};

/* A stream that hashes what passes. */
struct stream {
    FILE *file;
    const char *path;
    uint64_t hash;
    vlt_status status;
    vlt_error *err;
};

static void put(struct stream *stream, const void *data, size_t bytes)
{
    if (stream->status != VLT_OK) {
        return;
    }
    if (fwrite(data, 1, bytes, stream->file) != bytes) {
        stream->status = vlt_fail(stream->err, VLT_STATUS_IO, "%s: %s", stream->path,
                                  strerror(errno));
    }
    stream->hash = vlt_hash_bytes(data, bytes, stream->hash);
}

static void get(struct stream *stream, void *data, size_t bytes)
{
    if (stream->status != VLT_OK) {
        return;
    }
    const size_t got = fread(data, 1, bytes, stream->file);
    if (got != bytes) {
        stream->status = vlt_fail(stream->err, VLT_STATUS_INPUT,
                                  "%s: the session ends %zu bytes too early or cannot be read",
                                  stream->path, bytes - got);
    } else {
        stream->hash = vlt_hash_bytes(data, bytes, stream->hash);
    }
}

static struct header header_of(const vlt_session *session)
{
    const vlt_text_config *text = &session->engine->config.text;
    return (struct header){
        .model_hash = session->engine->model_hash,
        .layers = text->layers,
        .kv_heads = text->kv_heads,
        .head = text->head,
        .quality = session->engine->quality,
        .format = session->cache.format->format,
        .count = session->cache.count,
        .conversation_bytes = session->conversation ? (int64_t)strlen(session->conversation) : 0};
}

/* Calls `pass` on every stretch of cache rows in use. */
static void each_stretch(struct stream *stream, const vlt_session *session,
                         void (*pass)(struct stream *stream, void *data, size_t bytes))
{
    const int64_t stretches = session->cache.count ? vlt_kv_cache_stretches(&session->cache) : 0;
    for (int64_t i = 0; i < stretches; i++) {
        size_t bytes;
        void *data = vlt_kv_cache_stretch(&session->cache, i, &bytes);
        pass(stream, data, bytes);
    }
}

static void put_stretch(struct stream *stream, void *data, size_t bytes)
{
    put(stream, data, bytes);
}

static void write_session(struct stream *stream, const vlt_session *session)
{
    const struct header header = header_of(session);
    put(stream, magic, sizeof magic);
    put(stream, &header, sizeof header);
    put(stream, session->conversation ? session->conversation : "",
        (size_t)header.conversation_bytes);
    put(stream, session->ids ? (const void *)session->ids : "",
        (size_t)header.count * sizeof *session->ids);
    put(stream, session->key ? (const void *)session->key : "",
        (size_t)header.count * sizeof *session->key);
    each_stretch(stream, session, put_stretch);
    const uint64_t hash = stream->hash;
    put(stream, &hash, sizeof hash);
}

vlt_status vlt_session_save(const vlt_session *session, const char *path, vlt_error *err)
{
    vlt_new_file file;
    vlt_status status = vlt_new_file_open(path, VLT_NEW_FILE_PRIVATE, &file, err);
    if (status == VLT_OK) {
        struct stream stream = {.path = path, .err = err, .file = file.stream};
        write_session(&stream, session);
        status = stream.status;
    }
    if (status == VLT_OK) {
        status = vlt_new_file_commit(&file, err);
    }
    vlt_new_file_discard(&file);
    return status;
}

/* Is it of this model, and computed and stored as this engine would? */
static vlt_status check_kind(const struct header *header, const vlt_engine *engine,
                             const char *path, vlt_error *err)
{
    const vlt_text_config *text = &engine->config.text;
    if (header->model_hash != engine->model_hash) {
        return vlt_fail(err, VLT_STATUS_STALE,
                        "%s: the session is of model %016" PRIx64 ", this one is %016" PRIx64, path,
                        header->model_hash, engine->model_hash);
    }
    if (header->layers != text->layers || header->kv_heads != text->kv_heads ||
        header->head != text->head) {
        return vlt_fail(err, VLT_STATUS_STALE,
                        "%s: cache of %lld layers x %lld x %lld, this model has %lld x %lld x %lld",
                        path, (long long)header->layers, (long long)header->kv_heads,
                        (long long)header->head, (long long)text->layers, (long long)text->kv_heads,
                        (long long)text->head);
    }
    if (header->quality != (int64_t)engine->quality) {
        bool known = header->quality >= 0 && header->quality < VLT_QUALITY_COUNT;
        return vlt_fail(err, VLT_STATUS_STALE,
                        "%s: the session was computed with --quality %s, this run has %s", path,
                        known ? vlt_quality_name((vlt_quality)header->quality) : "of another build",
                        vlt_quality_name(engine->quality));
    }
    if (header->format != (int64_t)engine->kv_format->format) {
        bool known = header->format >= VLT_FORMAT_BF16 && header->format < VLT_FORMAT_END;
        return vlt_fail(err, VLT_STATUS_STALE, "%s: cache in %s, this run keeps it in %s", path,
                        known ? vlt_format_name((vlt_format)header->format) : "an unknown format",
                        vlt_format_name(engine->kv_format->format));
    }
    return VLT_OK;
}

static vlt_status check_header(const struct header *header, const vlt_engine *engine,
                               uint64_t file_bytes, const char *path, vlt_error *err)
{
    const vlt_text_config *text = &engine->config.text;
    const int64_t row_bytes = (int64_t)engine->kv_format->element_bytes * 2 * text->layers *
                                  text->kv_heads * text->head +
                              (int64_t)(sizeof(int32_t) + sizeof(uint64_t));
    vlt_status status = check_kind(header, engine, path, err);
    if (status != VLT_OK) {
        return status;
    }
    bool fits = header->count >= 0 && header->count <= text->position_max &&
                header->conversation_bytes >= 0 &&
                (uint64_t)header->conversation_bytes <= file_bytes;
    uint64_t expected = sizeof magic + sizeof *header + sizeof(uint64_t) +
                        (fits ? (uint64_t)header->conversation_bytes +
                                    (uint64_t)header->count * (uint64_t)row_bytes
                              : 0);
    if (!fits || expected != file_bytes) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: %" PRIu64 " bytes, but %lld rows of session need %" PRIu64, path,
                        file_bytes, (long long)header->count, expected);
    }
    return VLT_OK;
}

static void read_body(struct stream *stream, const struct header *header, vlt_session *session)
{
    uint64_t hash, stored = 0;
    session->conversation = calloc(1, (size_t)header->conversation_bytes + 1);
    if (!session->conversation) {
        stream->status = vlt_fail(stream->err, VLT_STATUS_NOMEM, "%s: out of memory", stream->path);
        return;
    }
    get(stream, session->conversation, (size_t)header->conversation_bytes);
    get(stream, session->ids, (size_t)header->count * sizeof *session->ids);
    get(stream, session->key, (size_t)header->count * sizeof *session->key);
    vlt_kv_cache_commit(&session->cache, header->count);
    each_stretch(stream, session, get);
    hash = stream->hash;
    get(stream, &stored, sizeof stored);
    if (stream->status == VLT_OK && stored != hash) {
        stream->status = vlt_fail(stream->err, VLT_STATUS_INPUT,
                                  "%s: checksum %016" PRIx64 ", its contents have %016" PRIx64,
                                  stream->path, stored, hash);
    }
    if (!header->conversation_bytes) {
        free(session->conversation);
        session->conversation = NULL;
    }
}

static vlt_status read_session(struct stream *stream, vlt_engine *engine,
                               const vlt_session_options *options, vlt_session **out)
{
    struct header header = {0};
    unsigned char found[sizeof magic] = {0};
    struct stat info;
    vlt_session *session = NULL;
    get(stream, found, sizeof found);
    if (stream->status == VLT_OK && memcmp(found, magic, sizeof magic) != 0) {
        bool ours = memcmp(found, magic, sizeof magic - 1) == 0;
        return ours ? vlt_fail(stream->err, VLT_STATUS_STALE,
                               "%s: session of version %d, expected %d", stream->path,
                               found[sizeof magic - 1], magic[sizeof magic - 1])
                    : vlt_fail(stream->err, VLT_STATUS_INPUT, "%s: not a session of vltune",
                               stream->path);
    }
    get(stream, &header, sizeof header);
    if (stream->status != VLT_OK) {
        return stream->status;
    }
    if (fstat(fileno(stream->file), &info) != 0) {
        return vlt_fail(stream->err, VLT_STATUS_IO, "%s: %s", stream->path, strerror(errno));
    }
    vlt_status status = check_header(&header, engine, (uint64_t)info.st_size, stream->path,
                                     stream->err);
    if (status == VLT_OK) {
        status = vlt_session_open(engine, options, &session, stream->err);
    }
    if (status == VLT_OK && session->context && header.count > session->context) {
        status = vlt_fail(stream->err, VLT_STATUS_LIMIT,
                          "%s: session of %lld tokens, the context is %lld", stream->path,
                          (long long)header.count, (long long)session->context);
    }
    if (status == VLT_OK) {
        status = vlt_session_admit(session, header.count, stream->err);
    }
    if (status == VLT_OK) {
        status = vlt_session_reserve(session, header.count ? header.count : 1, stream->err);
    }
    if (status == VLT_OK) {
        read_body(stream, &header, session);
        status = stream->status;
    }
    if (status != VLT_OK) {
        vlt_session_close(session);
        return status;
    }
    vlt_session_settle(session, 0);
    *out = session;
    return VLT_OK;
}

/* What is no regular file is no session, and a pipe must not keep anybody waiting. */
static vlt_status open_regular(const char *path, FILE **out, vlt_error *err)
{
    struct stat info = {.st_size = sizeof magic};
    const int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    vlt_status status = VLT_OK;
    *out = NULL;
    if (file >= 0 && fstat(file, &info) == 0 && !S_ISREG(info.st_mode)) {
        status = vlt_fail(err, VLT_STATUS_INPUT,
                          "%s: %s, expected a session in a regular file, or none yet", path,
                          vlt_mode_kind(info.st_mode));
    } else if (file >= 0 && info.st_size == 0) {
        status = vlt_fail(err, VLT_STATUS_INPUT,
                          "%s: the file is empty, expected a session of vltune, or no file yet",
                          path);
    } else if (file >= 0 && info.st_size < (off_t)sizeof magic) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "%s: %lld bytes, not a session of vltune", path,
                          (long long)info.st_size);
    } else if (file < 0 || !(*out = fdopen(file, "rb"))) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
    }
    if (status != VLT_OK && file >= 0) {
        close(file);
    }
    return status;
}

vlt_status vlt_session_load(vlt_engine *engine, const char *path,
                            const vlt_session_options *options, vlt_session **out, vlt_error *err)
{
    *out = NULL;
    double start_ms = vlt_now_ms();
    struct stream stream = {.path = path, .err = err};
    vlt_status status = open_regular(path, &stream.file, err);
    if (status != VLT_OK) {
        return status;
    }
    status = read_session(&stream, engine, options, out);
    fclose(stream.file);
    if (status == VLT_OK) {
        (*out)->open_ms = vlt_now_ms() - start_ms;
    }
    return status;
}
