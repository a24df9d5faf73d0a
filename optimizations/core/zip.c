#include "optimizations/core/zip.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

enum { WINDOW_GZIP = 15 + 16, LEVEL = 9, MEMORY = 8, PIECE_MAX = 1 << 30 };

static vlt_status no_memory(const char *name, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", name);
}

uint32_t vlt_crc32(const void *data, size_t bytes)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), data, bytes);
}

vlt_status vlt_unzip(const void *packed, size_t packed_bytes, void *out, size_t room,
                     vlt_unzipped *result, vlt_error *err)
{
    z_stream stream = {.next_in = (z_const Bytef *)packed, .next_out = out};
    int code = Z_OK;
    *result = (vlt_unzipped){.left_bytes = packed_bytes};
    if (inflateInit(&stream) != Z_OK) {
        return no_memory("compressed data", err);
    }
    while (code == Z_OK) {
        size_t space = room - result->bytes;
        stream.avail_in = (uInt)(result->left_bytes < PIECE_MAX ? result->left_bytes : PIECE_MAX);
        stream.avail_out = (uInt)(space < PIECE_MAX ? space : PIECE_MAX);
        uInt in = stream.avail_in, made = stream.avail_out;
        code = inflate(&stream, Z_SYNC_FLUSH);
        result->left_bytes -= in - stream.avail_in;
        result->bytes += made - stream.avail_out;
    }
    inflateEnd(&stream);
    result->ended = code == Z_STREAM_END;
    result->broken = !result->ended && code != Z_BUF_ERROR;
    return code == Z_MEM_ERROR ? no_memory("compressed data", err) : VLT_OK;
}

bool vlt_is_gzip(const void *data, size_t bytes)
{
    return bytes >= 2 && !memcmp(data, "\x1f\x8b", 2);
}

/* What has been read and made. */
typedef struct unpacking {
    z_stream stream;
    const char *packed, *name;
    size_t packed_bytes, used;
    char *out; /* owned */
    size_t filled, room, limit;
    vlt_error *err;
} unpacking;

/* Makes room for more; LIMIT beyond the limit. */
static vlt_status grow(unpacking *u)
{
    if (u->out && u->room >= u->limit) {
        return vlt_fail(u->err, VLT_STATUS_LIMIT, "%s: more than %zu bytes uncompressed", u->name,
                        u->limit);
    }
    size_t wanted = u->out ? (u->room > u->limit / 2 ? u->limit : u->room * 2)
                           : (u->packed_bytes < u->limit / 8 ? u->packed_bytes * 8 + 64 : u->limit);
    char *grown = realloc(u->out, wanted + 1);
    if (!grown) {
        return no_memory(u->name, u->err);
    }
    u->out = grown;
    u->room = wanted;
    return VLT_OK;
}

/* One member of the file. */
static vlt_status unpack_member(unpacking *u)
{
    int code = Z_OK;
    while (code != Z_STREAM_END) {
        vlt_status status = u->filled == u->room ? grow(u) : VLT_OK;
        if (status != VLT_OK) {
            return status;
        }
        size_t in = u->packed_bytes - u->used, space = u->room - u->filled;
        u->stream.next_in = (z_const Bytef *)(u->packed + u->used);
        u->stream.avail_in = (uInt)(in < PIECE_MAX ? in : PIECE_MAX);
        u->stream.next_out = (Bytef *)(u->out + u->filled);
        u->stream.avail_out = (uInt)(space < PIECE_MAX ? space : PIECE_MAX);
        uInt in_before = u->stream.avail_in, out_before = u->stream.avail_out;
        code = inflate(&u->stream, Z_NO_FLUSH);
        u->used += in_before - u->stream.avail_in;
        u->filled += out_before - u->stream.avail_out;
        if (code == Z_BUF_ERROR && u->used == u->packed_bytes && u->filled < u->room) {
            return vlt_fail(u->err, VLT_STATUS_INPUT,
                            "%s: the compressed data ends early, at byte %zu", u->name,
                            u->packed_bytes);
        }
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
            return vlt_fail(u->err, VLT_STATUS_INPUT, "%s: byte %zu: damaged compressed data (%s)",
                            u->name, u->used, u->stream.msg ? u->stream.msg : "no reason given");
        }
    }
    return VLT_OK;
}

vlt_status vlt_gunzip(const void *packed, size_t packed_bytes, size_t limit, const char *name,
                      char **out, size_t *out_bytes, vlt_error *err)
{
    unpacking u = {
        .packed = packed, .packed_bytes = packed_bytes, .name = name, .limit = limit, .err = err};
    *out = NULL;
    vlt_status status = grow(&u);
    if (status == VLT_OK && inflateInit2(&u.stream, WINDOW_GZIP) != Z_OK) {
        status = no_memory(name, err);
    }
    do {
        status = status == VLT_OK ? unpack_member(&u) : status;
        status = status == VLT_OK && inflateReset(&u.stream) != Z_OK ? no_memory(name, err)
                                                                     : status;
    } while (status == VLT_OK && u.used < u.packed_bytes);
    inflateEnd(&u.stream);
    if (status != VLT_OK) {
        free(u.out);
        return status;
    }
    u.out[u.filled] = 0;
    *out = u.out;
    *out_bytes = u.filled;
    return VLT_OK;
}

vlt_status vlt_gzip(const void *data, size_t bytes, const char *name, void **out, size_t *out_bytes,
                    vlt_error *err)
{
    z_stream stream = {0};
    *out = NULL;
    if (bytes > PIECE_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "%s: %zu bytes, at most %d are compressed", name,
                        bytes, PIECE_MAX);
    }
    if (deflateInit2(&stream, LEVEL, Z_DEFLATED, WINDOW_GZIP, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK) {
        return no_memory(name, err);
    }
    uLong room = deflateBound(&stream, (uLong)bytes);
    Bytef *packed = malloc(room);
    vlt_status status = packed ? VLT_OK : no_memory(name, err);
    if (status == VLT_OK) {
        stream.next_in = (z_const Bytef *)data;
        stream.avail_in = (uInt)bytes;
        stream.next_out = packed;
        stream.avail_out = (uInt)room;
        if (deflate(&stream, Z_FINISH) != Z_STREAM_END) {
            status = vlt_fail(err, VLT_STATUS_INTERNAL, "%s: cannot be compressed", name);
        }
    }
    *out_bytes = stream.total_out;
    deflateEnd(&stream);
    if (status != VLT_OK) {
        free(packed);
        return status;
    }
    *out = packed;
    return VLT_OK;
}
