#include "harness/services/token_pieces.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/memory.h"

/* Of what is left a thread takes its even part / SHARE. A piece costs some 3 us of its own, and
 * while the last one is encoded the other threads wait. */
enum { LEAST_BYTES = 1 << 10, SHARE = 2 };

/* One piece of the text, and its ids. */
struct piece {
    size_t first, last;
    const int32_t *ids; /* in the room of who encoded it, or kept */
    int32_t *kept;      /* malloc'ed */
    size_t count, place;
    bool done;
    struct piece *next; /* of the same thread, not yet placed */
};

/* What one thread works with. */
struct hand {
    vlt_token_encoder *encoder; /* NULL: has taken nothing yet */
    size_t used;                /* ids of its room that are not placed */
    struct piece *waiting, **last;
};

struct pieces {
    const vlt_token_cutting *cutting;
    const vlt_prompt_text *text;
    size_t least_bytes;
    int threads;
    struct hand *hand;    /* [threads] */
    struct piece *piece;  /* [most]; begun in order */
    int32_t *ids;         /* of all */
    _Atomic size_t paged; /* of these so many have pages, or somebody gets them */

    pthread_mutex_t lock; /* of all below, and of piece->done and place */
    size_t at;            /* of the text: not yet cut */
    int begun, placed;    /* pieces; where the first `placed` of them go is known */
    size_t count;         /* ids of those */
    vlt_status status;    /* of the first failure; ends all */
    vlt_error error;
};

static vlt_status begin(struct pieces *all, vlt_error *err)
{
    const size_t bytes = all->text->bytes, chunk = all->cutting->chunk_bytes;
    size_t ids_bytes;
    void *ids = NULL;
    all->threads = vlt_threads_count(all->cutting->threads);
    all->least_bytes = chunk < LEAST_BYTES ? chunk : LEAST_BYTES;
    pthread_mutex_init(&all->lock, NULL);
    all->piece = calloc(bytes / all->least_bytes + 2, sizeof *all->piece);
    all->hand = calloc((size_t)all->threads, sizeof *all->hand);
    /* room for the worst text, of which no more is touched than there are ids */
    if (vlt_mul_size(vlt_bpe_encode_bound(bytes), sizeof *all->ids, &ids_bytes)) {
        ids = malloc(ids_bytes);
    }
    all->ids = ids;
    if (!all->piece || !all->hand || !ids) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "text of %zu bytes: out of memory", bytes);
    }
    return VLT_OK;
}

static void release(struct pieces *all)
{
    for (int i = 0; i < all->threads && all->hand; i++) {
        vlt_token_encoders_give(all->cutting->encoders, all->hand[i].encoder);
    }
    for (int i = 0; i < all->begun; i++) {
        free(all->piece[i].kept);
    }
    free(all->piece);
    free(all->hand);
    free(all->ids);
    pthread_mutex_destroy(&all->lock);
}

/* The next piece, from a seam to a seam; NULL: there is none. */
static struct piece *take_piece(struct pieces *all)
{
    const vlt_prompt_text *text = all->text;
    struct piece *piece = NULL;
    pthread_mutex_lock(&all->lock);
    const size_t left = text->bytes - all->at;
    if (left && all->status == VLT_OK) {
        const size_t even = left / ((size_t)all->threads * SHARE);
        size_t bytes = even > all->least_bytes ? even : all->least_bytes;
        bytes = bytes < all->cutting->chunk_bytes ? bytes : all->cutting->chunk_bytes;
        piece = &all->piece[all->begun++];
        piece->first = all->at;
        piece->last = left > bytes + bytes / 2 ? vlt_seams_next(all->cutting->seams, text->text,
                                                                text->bytes, all->at + bytes)
                                               : text->bytes;
        all->at = piece->last;
    }
    pthread_mutex_unlock(&all->lock);
    return piece;
}

/* Pages of the ids up to `end`, and of some behind them: many at once cost less than one by one. */
static void take_pages(struct pieces *all, size_t end)
{
    enum { STEP = 16 << 10 };
    const size_t most = vlt_bpe_encode_bound(all->text->bytes);
    size_t paged = atomic_load_explicit(&all->paged, memory_order_relaxed);
    const size_t next = end + STEP < most ? end + STEP : most;
    while (paged < end) {
        if (atomic_compare_exchange_weak_explicit(&all->paged, &paged, next, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            vlt_pages_expect(all->ids + paged, (next - paged) * sizeof *all->ids);
            return;
        }
    }
}

static void place(struct pieces *all, struct piece *piece)
{
    int32_t *to = all->ids + piece->place;
    take_pages(all, piece->place + piece->count);
    memcpy(to, piece->ids, piece->count * sizeof *to);
    free(piece->kept);
    piece->kept = NULL;
}

/* What of the hand's pieces is among the first `placed`. */
static void place_known(struct pieces *all, struct hand *hand, int placed)
{
    while (hand->waiting && hand->waiting - all->piece < placed) {
        place(all, hand->waiting);
        hand->waiting = hand->waiting->next;
    }
    if (!hand->waiting) {
        hand->last = &hand->waiting;
        hand->used = 0;
    }
}

/* The room of the hand's encoder is needed, or leaves. */
static vlt_status clear_room(struct hand *hand, vlt_error *err)
{
    for (struct piece *piece = hand->waiting; piece; piece = piece->next) {
        if (piece->kept) {
            continue;
        }
        piece->kept = malloc((piece->count + 1) * sizeof *piece->kept);
        if (!piece->kept) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %zu ids", piece->count);
        }
        memcpy(piece->kept, piece->ids, piece->count * sizeof *piece->kept);
        piece->ids = piece->kept;
    }
    hand->used = 0;
    return VLT_OK;
}

/* An encoder for `bytes`, whose room has a place for their ids. All long texts share encoders, but
 * where a piece found no seam. */
static vlt_status make_ready(struct pieces *all, struct hand *hand, size_t bytes, vlt_error *err)
{
    const size_t usual = 2 * all->cutting->chunk_bytes, bound = vlt_bpe_encode_bound(bytes);
    const size_t room = hand->encoder ? vlt_token_encoder_room(hand->encoder) : 0;
    if (bound <= room && hand->used <= room - bound) {
        return VLT_OK;
    }
    vlt_status status = clear_room(hand, err);
    if (status == VLT_OK && bound > room) {
        vlt_token_encoders_give(all->cutting->encoders, hand->encoder);
        hand->encoder = NULL;
        status = vlt_token_encoders_take(all->cutting->encoders, bytes > usual ? bytes : usual,
                                         &hand->encoder, err);
    }
    return status;
}

static vlt_status encode_piece(struct pieces *all, struct hand *hand, struct piece *piece,
                               vlt_error *err)
{
    vlt_status status = make_ready(all, hand, piece->last - piece->first, err);
    if (status != VLT_OK) {
        return status;
    }
    int32_t *ids = hand->encoder->ids + hand->used;
    status = vlt_token_encoder_run(hand->encoder, all->text, piece->first, piece->last, ids,
                                   &piece->count, err);
    if (status == VLT_OK) {
        piece->ids = ids;
        hand->used += piece->count;
        *hand->last = piece;
        hand->last = &piece->next;
    }
    return status;
}

/* A piece is done: gives of how many the places are known now. */
static int note_done(struct pieces *all, struct piece *piece)
{
    pthread_mutex_lock(&all->lock);
    piece->done = true;
    for (; all->placed < all->begun && all->piece[all->placed].done; all->placed++) {
        all->piece[all->placed].place = all->count;
        all->count += all->piece[all->placed].count;
    }
    const int placed = all->placed;
    pthread_mutex_unlock(&all->lock);
    return placed;
}

static void fail(struct pieces *all, vlt_status status, const vlt_error *error)
{
    pthread_mutex_lock(&all->lock);
    if (all->status == VLT_OK) {
        all->status = status;
        all->error = *error;
    }
    pthread_mutex_unlock(&all->lock);
}

/* One thread's part, as long as there are pieces. */
static void work(void *argument, int64_t first, int64_t end, int worker)
{
    struct pieces *all = argument;
    struct hand *hand = &all->hand[worker];
    struct piece *piece;
    (void)first;
    (void)end;
    hand->last = hand->waiting ? hand->last : &hand->waiting;
    while ((piece = take_piece(all)) != NULL) {
        vlt_error error = {0};
        const vlt_status status = encode_piece(all, hand, piece, &error);
        if (status != VLT_OK) {
            fail(all, status, &error);
            return;
        }
        place_known(all, hand, note_done(all, piece));
    }
}

/* What is left when all threads are through; the room that was too much goes back. */
static vlt_status finish(struct pieces *all, int32_t **ids, size_t *count, vlt_error *err)
{
    if (all->status != VLT_OK) {
        return vlt_fail(err, all->status, "%s", all->error.message);
    }
    for (int i = 0; i < all->threads; i++) {
        place_known(all, &all->hand[i], all->begun);
    }
    int32_t *fitting = realloc(all->ids, (all->count + 1) * sizeof *fitting);
    *ids = fitting ? fitting : all->ids;
    *count = all->count;
    all->ids = NULL;
    return VLT_OK;
}

vlt_status vlt_token_pieces_encode(const vlt_token_cutting *cutting, const vlt_prompt_text *text,
                                   int32_t **ids, size_t *count, vlt_error *err)
{
    struct pieces all = {.cutting = cutting, .text = text};
    vlt_status status = begin(&all, err);
    if (status == VLT_OK) {
        vlt_threads_for(cutting->threads, all.threads, 1, 0, work, &all);
        status = finish(&all, ids, count, err);
    }
    release(&all);
    return status;
}
