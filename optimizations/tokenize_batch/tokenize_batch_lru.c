/* Bottleneck: chat traffic repeats itself: a batch holds the same system prompts, tool lists and
 * earlier turns again and again.
 * Idea: a cache of whole texts bounded in bytes, least recently used out first; text and ids are
 * kept in blocks of a store taken at prepare, and a hit is compared byte by byte before it counts.
 * Loses: where no text comes twice it costs a hash and a copy of every text; texts beyond a quarter
 * of the store pass by. It forgets at the start of every run: what is measured replays one batch,
 * and a memory of the last replay would be measured on nothing but hits.
 */
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/hash.h"
#include "optimizations/tokenize_batch/tokenize_batch_internal.h"

enum { BLOCK_BYTES = 248, NONE = -1 };

struct block {
    int32_t next; /* block of the same entry, or free block */
    unsigned char data[BLOCK_BYTES];
};

/* One text and its ids, which follow each other in the chain of blocks. */
struct entry {
    uint64_t hash;
    size_t text_bytes;
    size_t id_count;
    int32_t first_block;
    int32_t older, newer;   /* list by use */
    int32_t next_in_bucket; /* or next free entry */
    bool no_special;
};

struct state {
    vlt_batch_encoders encoders;
    struct block *block;
    int32_t block_count, free_block, free_blocks;
    struct entry *entry;
    int32_t entry_count, free_entry;
    int32_t *bucket; /* [bucket_mask + 1] */
    uint32_t bucket_mask;
    int32_t oldest, newest;
};

static void unlink_entry(struct state *s, int32_t e)
{
    struct entry *entry = &s->entry[e];
    *(entry->older == NONE ? &s->oldest : &s->entry[entry->older].newer) = entry->newer;
    *(entry->newer == NONE ? &s->newest : &s->entry[entry->newer].older) = entry->older;
}

static void make_newest(struct state *s, int32_t e)
{
    s->entry[e].older = s->newest;
    s->entry[e].newer = NONE;
    *(s->newest == NONE ? &s->oldest : &s->entry[s->newest].newer) = e;
    s->newest = e;
}

static void evict_oldest(struct state *s)
{
    int32_t e = s->oldest;
    struct entry *entry = &s->entry[e];
    unlink_entry(s, e);
    int32_t *link = &s->bucket[entry->hash & s->bucket_mask];
    while (*link != e) {
        link = &s->entry[*link].next_in_bucket;
    }
    *link = entry->next_in_bucket;
    for (int32_t b = entry->first_block, next; b != NONE; b = next) {
        next = s->block[b].next;
        s->block[b].next = s->free_block;
        s->free_block = b;
        s->free_blocks++;
    }
    entry->next_in_bucket = s->free_entry;
    s->free_entry = e;
}

/* A place in the chain of an entry's blocks. */
struct cursor {
    int32_t block;
    size_t at;
};

/* The next bytes of the chain, at most `bytes` of them, and how many. */
static unsigned char *next_piece(const struct state *s, struct cursor *cursor, size_t bytes,
                                 size_t *piece)
{
    if (cursor->at == BLOCK_BYTES) {
        cursor->block = s->block[cursor->block].next;
        cursor->at = 0;
    }
    unsigned char *data = s->block[cursor->block].data + cursor->at;
    *piece = BLOCK_BYTES - cursor->at < bytes ? BLOCK_BYTES - cursor->at : bytes;
    cursor->at += *piece;
    return data;
}

static bool same_bytes(const struct state *s, struct cursor *cursor, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    while (bytes) {
        size_t piece;
        const unsigned char *stored = next_piece(s, cursor, bytes, &piece);
        if (memcmp(stored, p, piece) != 0) {
            return false;
        }
        p += piece;
        bytes -= piece;
    }
    return true;
}

static void store_bytes(const struct state *s, struct cursor *cursor, const void *data,
                        size_t bytes)
{
    const unsigned char *p = data;
    while (bytes) {
        size_t piece;
        unsigned char *stored = next_piece(s, cursor, bytes, &piece);
        memcpy(stored, p, piece);
        p += piece;
        bytes -= piece;
    }
}

static void read_bytes(const struct state *s, struct cursor *cursor, void *data, size_t bytes)
{
    unsigned char *p = data;
    while (bytes) {
        size_t piece;
        const unsigned char *stored = next_piece(s, cursor, bytes, &piece);
        memcpy(p, stored, piece);
        p += piece;
        bytes -= piece;
    }
}

/* Copies the ids of a text that is here; false when it is not. */
static bool look_up(struct state *s, uint64_t hash, const vlt_tokenize_batch_args *args, int64_t t,
                    int32_t *ids, size_t *count)
{
    for (int32_t e = s->bucket[hash & s->bucket_mask]; e != NONE; e = s->entry[e].next_in_bucket) {
        const struct entry *entry = &s->entry[e];
        struct cursor cursor = {entry->first_block, 0};
        if (entry->hash != hash || entry->text_bytes != args->text_bytes[t] ||
            entry->no_special != args->no_special ||
            !same_bytes(s, &cursor, args->text[t], entry->text_bytes)) {
            continue;
        }
        read_bytes(s, &cursor, ids, entry->id_count * sizeof *ids);
        *count = entry->id_count;
        unlink_entry(s, e);
        make_newest(s, e);
        return true;
    }
    return false;
}

static void remember(struct state *s, uint64_t hash, const vlt_tokenize_batch_args *args, int64_t t,
                     const int32_t *ids, size_t count)
{
    size_t bytes = args->text_bytes[t] + count * sizeof *ids;
    size_t blocks = bytes ? (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES : 1;
    if (blocks > (size_t)s->block_count / 4) {
        return;
    }
    while ((size_t)s->free_blocks < blocks || s->free_entry == NONE) {
        evict_oldest(s);
    }
    int32_t e = s->free_entry, last = s->free_block;
    struct entry *entry = &s->entry[e];
    s->free_entry = entry->next_in_bucket;
    *entry = (struct entry){.hash = hash,
                            .text_bytes = args->text_bytes[t],
                            .id_count = count,
                            .first_block = s->free_block,
                            .next_in_bucket = s->bucket[hash & s->bucket_mask],
                            .no_special = args->no_special};
    for (size_t i = 1; i < blocks; i++) {
        last = s->block[last].next;
    }
    s->free_block = s->block[last].next;
    s->free_blocks -= (int32_t)blocks;
    s->block[last].next = NONE;
    s->bucket[hash & s->bucket_mask] = e;
    make_newest(s, e);
    struct cursor cursor = {entry->first_block, 0};
    store_bytes(s, &cursor, args->text[t], entry->text_bytes);
    store_bytes(s, &cursor, ids, count * sizeof *ids);
}

static void make_empty(struct state *s)
{
    for (int32_t b = 0; b < s->block_count; b++) {
        s->block[b].next = b + 1 < s->block_count ? b + 1 : NONE;
    }
    for (int32_t e = 0; e < s->entry_count; e++) {
        s->entry[e].next_in_bucket = e + 1 < s->entry_count ? e + 1 : NONE;
    }
    memset(s->bucket, 0xFF, ((size_t)s->bucket_mask + 1) * sizeof *s->bucket);
    s->free_blocks = s->block_count;
    s->oldest = s->newest = NONE;
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    enum { TEXT_BYTES = 1024 }; /* one entry for so much of the store */
    size_t limit = (size_t)vlt_plan_knob(plan, 0) << 10;
    struct state *s = plan->state = calloc(1, sizeof *s);
    if (!s) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tokenize_batch/lru: out of memory");
    }
    s->entry_count = (int32_t)(limit / TEXT_BYTES);
    s->block_count = (int32_t)((limit - (size_t)s->entry_count * 96) / sizeof *s->block);
    s->bucket_mask = (uint32_t)s->entry_count * 2 - 1;
    s->block = malloc((size_t)s->block_count * sizeof *s->block);
    s->entry = malloc((size_t)s->entry_count * sizeof *s->entry);
    s->bucket = malloc(((size_t)s->bucket_mask + 1) * sizeof *s->bucket);
    if (!s->block || !s->entry || !s->bucket) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tokenize_batch/lru: no memory for %zu bytes",
                        limit);
    }
    make_empty(s);
    return vlt_batch_encoders_init(&s->encoders, plan, 1,
                                   (size_t)plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_BYTES], err);
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    struct state *s = plan->state;
    const vlt_tokenize_batch_args *a = args;
    size_t bytes, used = 0;
    vlt_status status = vlt_batch_check(plan, a, &bytes, err);
    while (s->oldest != NONE) {
        evict_oldest(s);
    }
    for (int64_t t = 0; t < a->text_count && status == VLT_OK; t++) {
        size_t count = 0;
        uint64_t hash = vlt_hash_bytes(a->text[t], a->text_bytes[t], 0);
        bool whole = !a->plain || !a->plain[t].count; /* plain stretches are not remembered */
        a->id_first[t] = used;
        if (!whole || !look_up(s, hash, a, t, a->ids + used, &count)) {
            status = vlt_batch_encode(s->encoders.plan[0], a, t, a->ids + used, &count, err);
            if (status == VLT_OK && whole) {
                remember(s, hash, a, t, a->ids + used, count);
            }
        }
        used += count;
    }
    if (status == VLT_OK) {
        a->id_first[a->text_count] = used;
    }
    return status;
}

static void release(vlt_plan *plan)
{
    struct state *s = plan->state;
    if (s) {
        vlt_batch_encoders_release(&s->encoders);
        free(s->block);
        free(s->entry);
        free(s->bucket);
        free(s);
    }
}

static const int64_t limits[] = {64, 1024, 8192, 65536};
static const vlt_knob knobs[] = {
    {"limit", "KiB of the cache, all told", limits, 4, 8192, NULL},
};

VLT_VARIANT(tokenize_batch, lru, .summary = "bounded cache of the texts of a batch", .knobs = knobs,
            .knob_count = 1, .prepare = prepare, .run = run, .release = release);
