/* zip.h: compressed data, over zlib; the only place that includes it. */
#ifndef VLT_CORE_ZIP_H
#define VLT_CORE_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/status.h"

uint32_t vlt_crc32(const void *data, size_t bytes);

/* What became of a zlib stream. */
typedef struct vlt_unzipped {
    size_t bytes; /* that came out */
    size_t
        left_bytes; /* of the packed ones, not read: there was no more room, or the stream ended */
    bool ended;     /* the stream did, with its checksum */
    bool broken;    /* it is no zlib stream; one that is merely cut is neither ended nor broken */
} vlt_unzipped;

/* Unpacks into out[room]. NOMEM. */
vlt_status vlt_unzip(const void *packed, size_t packed_bytes, void *out, size_t room,
                     vlt_unzipped *result, vlt_error *err);

/* Does data begin like a gzip file? */
bool vlt_is_gzip(const void *data, size_t bytes);

/* Unpacks a gzip file (all its members) into *out, malloc'ed with a NUL behind. INPUT: it is
 * damaged, ends early, or something else follows. LIMIT: beyond `limit` bytes. `name` stands in
 * messages. */
vlt_status vlt_gunzip(const void *packed, size_t packed_bytes, size_t limit, const char *name,
                      char **out, size_t *out_bytes, vlt_error *err);

/* Packs into *out (malloc'ed). Equal data gives equal bytes. LIMIT beyond 1 GiB. */
vlt_status vlt_gzip(const void *data, size_t bytes, const char *name, void **out, size_t *out_bytes,
                    vlt_error *err);

#endif
