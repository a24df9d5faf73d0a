/* shared_words.h: words that encoders on several threads learn together, so that what one has
 * merged the others find.
 *
 * The tables of bpe_words.h, but a place is filled once: whoever takes an empty one writes the ids
 * and then, last, what makes it be found. Nobody waits, nothing that was found can change. What
 * finds no place any more is left to each encoder's own words. An encoder is made with them
 * (vlt_bpe_encode_constants) and must go before they do.
 */
#ifndef VLT_SHARED_WORDS_H
#define VLT_SHARED_WORDS_H

#include "optimizations/bpe_encode/bpe_words.h"

typedef struct vlt_shared_words vlt_shared_words;

/* Of one vocabulary. 3.1 MiB, in large pages unless the policy (or NULL) forbids them. */
vlt_status vlt_shared_words_create(const vlt_memory_policy *policy, vlt_shared_words **out,
                                   vlt_error *err);
void vlt_shared_words_destroy(vlt_shared_words *shared); /* NULL is fine */

/* Forgets everything once there is little room left. No encoder may be at work; the threads of
 * those that were have been waited for. */
void vlt_shared_words_renew(vlt_shared_words *shared);

/* For looking words up. */
const vlt_words *vlt_shared_words_view(const vlt_shared_words *shared);

/* One encoder's part; begin with {.shared = ...}. */
typedef struct vlt_words_share {
    vlt_shared_words *shared; /* borrowed; NULL: it shares nothing */
    uint32_t renewed;         /* what follows is of that time */
    uint32_t at, end;         /* of the room: where this encoder alone writes */
    bool room_spent;          /* there is no more of it */
    uint32_t learnt;          /* not yet told */
} vlt_words_share;

/* Around what an encoder does with one text. */
void vlt_words_share_begin(vlt_words_share *share);
void vlt_words_share_end(vlt_words_share *share);

/* As of vlt_words_learn and vlt_words_learn_long; false: there is no place. */
bool vlt_words_share_learn(vlt_words_share *share, vlt_word_key key, uint32_t hash,
                           const int32_t *ids, size_t count);
bool vlt_words_share_learn_long(vlt_words_share *share, const uint8_t *word, size_t bytes,
                                uint32_t hash, const int32_t *ids, size_t count);

#endif
