#include "harness/services/content_pieces.h"

#include <string.h>

#include "optimizations/core/hash.h"

uint64_t vlt_content_hash(const vlt_content_piece *piece, int pieces, size_t *bytes)
{
    uint64_t hash = 0;
    *bytes = 0;
    for (int i = 0; i < pieces; i++) {
        hash = vlt_hash_bytes(piece[i].data, piece[i].bytes, hash);
        *bytes += piece[i].bytes;
    }
    return hash;
}

uint64_t vlt_content_mark(const vlt_content_piece *piece, int pieces, size_t *bytes)
{
    enum { WORDS = 24, WORD = sizeof(uint64_t) };
    uint64_t mark = 0;
    *bytes = 0;
    for (int i = 0; i < pieces; i++) {
        const unsigned char *data = piece[i].data;
        if (piece[i].bytes > WORDS * WORD) {
            uint64_t word[WORDS];
            const size_t step = (piece[i].bytes - WORD) / (WORDS - 1);
            for (size_t w = 0; w < WORDS - 1; w++) {
                memcpy(&word[w], data + w * step, WORD);
            }
            memcpy(&word[WORDS - 1], data + piece[i].bytes - WORD, WORD);
            mark = vlt_hash_bytes(word, sizeof word, mark + piece[i].bytes);
        } else if (piece[i].bytes) {
            mark = vlt_hash_bytes(data, piece[i].bytes, mark);
        }
        *bytes += piece[i].bytes;
    }
    return mark;
}

bool vlt_content_same(const void *kept, const vlt_content_piece *piece, int pieces)
{
    const unsigned char *at = kept;
    for (int i = 0; i < pieces; at += piece[i++].bytes) {
        if (piece[i].bytes && memcmp(at, piece[i].data, piece[i].bytes) != 0) {
            return false;
        }
    }
    return true;
}

void vlt_content_join(void *out, const vlt_content_piece *piece, int pieces)
{
    unsigned char *at = out;
    for (int i = 0; i < pieces; at += piece[i++].bytes) {
        if (piece[i].bytes) {
            memcpy(at, piece[i].data, piece[i].bytes);
        }
    }
}
