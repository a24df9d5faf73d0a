/* content_pieces.h: a key or a value in pieces, which lie one behind the other where it is kept. */
#ifndef VLT_HARNESS_CONTENT_PIECES_H
#define VLT_HARNESS_CONTENT_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vlt_content_piece {
    const void *data; /* may be NULL where there are no bytes */
    size_t bytes;
} vlt_content_piece;

/* Of keys that are cut alike; *bytes: of all pieces. */
uint64_t vlt_content_hash(const vlt_content_piece *piece, int pieces, size_t *bytes);

/* Of their sizes and some of their bytes: at once, whatever the size. Keys may share a mark. */
uint64_t vlt_content_mark(const vlt_content_piece *piece, int pieces, size_t *bytes);

/* Are the bytes at `kept` those of the pieces, which are as many? */
bool vlt_content_same(const void *kept, const vlt_content_piece *piece, int pieces);

/* The pieces behind each other at `out`. */
void vlt_content_join(void *out, const vlt_content_piece *piece, int pieces);

#endif
