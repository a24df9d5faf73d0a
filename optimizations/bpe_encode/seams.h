/* seams.h: places where a text can be cut so that the ids of the halves are the ids of the whole.
 *
 * No token of the vocabulary, merged or added, can reach across such a place, the words of the
 * halves are those of the whole (or cut where no merge would have joined them), and normal form is
 * not disturbed:
 *
 *     ...letter or digit | blank, letter...     the blank belongs to the next word
 *     ...newline | letter or digit...           nothing that follows belongs to a newline
 *     ...letter or digit | digit...             every digit is a word; likewise digit | letter
 *     ...three letters | letter...              where cuts.h has one, or, of ASCII letters, a table
 *                                               of what tokens contain, four bytes to either side,
 *                                               rules a merge out
 *
 * Letters are those of scripts without composition: ASCII, Cyrillic, kana, Han, Hangul syllables.
 * The table is built once for a vocabulary, by the first text that has kilobytes of ASCII letters
 * and no other seam; it may call a good place bad, never the reverse.
 */
#ifndef VLT_SEAMS_H
#define VLT_SEAMS_H

#include "optimizations/bpe_encode/vocab.h"

typedef struct vlt_seams vlt_seams;

/* The vocabulary must stay. */
vlt_status vlt_seams_create(const vlt_vocab *vocab, vlt_seams **out, vlt_error *err);
void vlt_seams_destroy(vlt_seams *seams); /* NULL is fine */

/* May text[bytes] be cut before byte `at`? Any thread. */
bool vlt_seams_at(const vlt_seams *seams, const char *text, size_t bytes, size_t at);

/* A seam at or behind `from`, or `bytes` where there is none: the first one, but where others are
 * near seams between ASCII letters are passed over. Any thread. */
size_t vlt_seams_next(const vlt_seams *seams, const char *text, size_t bytes, size_t from);

#endif
