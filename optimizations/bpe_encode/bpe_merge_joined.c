/* Why windows may be joined. Let A and B be the ids of two texts, each merged alone. The ids of the
 * joined text are A then B exactly when no merge crosses the seam. As long as none does, what
 * happens next to the seam is what happens in the text of A's last and B's first token alone,
 * because no merge crosses the outer ends of those two either. So it suffices to merge the bytes of
 * these two tokens: when the same two come out, the seam holds. When it does not hold, some tokens
 * on both sides are taken back, their bytes merged as one text, and the two new seams are tried.
 */
#include "optimizations/bpe_encode/bpe_merge.h"

/* Bytes of a window, and of the text around a seam at most. A window leaves room for two tokens. */
enum { WINDOW = 128 };

static vlt_token_text text_of(const vlt_vocab *vocab, int32_t id)
{
    return (vlt_token_text){vocab->bytes + vocab->first[id],
                            vocab->first[id + 1] - vocab->first[id]};
}

/* Does the seam between two tokens hold? */
static bool holds(const vlt_vocab *vocab, int32_t left, int32_t right)
{
    uint8_t text[VLT_MERGE_SCAN_MAX];
    int32_t ids[VLT_MERGE_SCAN_MAX];
    vlt_token_text a = text_of(vocab, left), b = text_of(vocab, right);
    if (a.length + b.length > VLT_MERGE_SCAN_MAX) {
        return false;
    }
    memcpy(text, a.bytes, a.length);
    memcpy(text + a.length, b.bytes, b.length);
    const size_t count = vlt_merge_scan(vocab, text, a.length + b.length, ids);
    return count == 2 && ids[0] == left && ids[1] == right;
}

/* Joins more[more_count] to ids[count], which has room; the new count, or SIZE_MAX when the text
 * around the seam grows beyond a scan. */
static size_t join(const vlt_vocab *vocab, int32_t *ids, size_t count, const int32_t *more,
                   size_t more_count)
{
    if (count == 0 || holds(vocab, ids[count - 1], more[0])) {
        memcpy(ids + count, more, more_count * sizeof *ids);
        return count + more_count;
    }
    for (size_t reach = 1;; reach *= 2) {
        uint8_t bytes[VLT_MERGE_SCAN_MAX];
        int32_t middle[VLT_MERGE_SCAN_MAX];
        size_t left = reach < count ? reach : count, length = 0;
        size_t right = reach < more_count ? reach : more_count;
        for (size_t i = 0; i < left + right; i++) {
            vlt_token_text text = text_of(vocab, i < left ? ids[count - left + i] : more[i - left]);
            if (length + text.length > VLT_MERGE_SCAN_MAX) {
                return SIZE_MAX;
            }
            memcpy(bytes + length, text.bytes, text.length);
            length += text.length;
        }
        size_t made = vlt_merge_scan(vocab, bytes, length, middle), base = count - left;
        if ((base == 0 || holds(vocab, ids[base - 1], middle[0])) &&
            (right == more_count || holds(vocab, middle[made - 1], more[right]))) {
            memcpy(ids + base, middle, made * sizeof *ids);
            memcpy(ids + base + made, more + right, (more_count - right) * sizeof *ids);
            return base + made + (more_count - right);
        }
        if (left == count && right == more_count) {
            return SIZE_MAX; /* cannot be: there was no seam left to fail */
        }
    }
}

size_t vlt_merge_joined(const vlt_vocab *vocab, const vlt_merge_queue *queue, const uint8_t *word,
                        size_t bytes)
{
    int32_t window[WINDOW];
    size_t count = 0;
    for (size_t at = 0; at < bytes && count != SIZE_MAX;) {
        size_t length = bytes - at < WINDOW ? bytes - at : WINDOW;
        /* A seam inside a character seldom holds. */
        while (length > WINDOW / 2 && at + length < bytes && (word[at + length] & 0xC0) == 0x80) {
            length--;
        }
        size_t made = vlt_merge_scan(vocab, word + at, length, window);
        count = join(vocab, queue->ids, count, window, made);
        at += length;
    }
    if (count == SIZE_MAX) {
        for (size_t i = 0; i < bytes; i++) {
            queue->ids[i] = vocab->byte_id[word[i]];
        }
        count = vlt_merge_heap(vocab, queue, queue->ids, bytes);
    }
    return count;
}
