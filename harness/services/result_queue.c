#include "harness/services/result_queue.h"

#include "optimizations/core/memory.h"

static bool wrapped(const vlt_result_queue *queue)
{
    return queue->count && queue->head <= queue->tail;
}

size_t vlt_result_queue_bytes(const vlt_result_queue *queue)
{
    return wrapped(queue) ? queue->wrap - queue->tail + queue->head : queue->head - queue->tail;
}

bool vlt_result_queue_room(const vlt_result_queue *queue, size_t bytes, size_t *place)
{
    *place = queue->head;
    if (wrapped(queue)) {
        return bytes <= queue->tail - queue->head;
    }
    if (bytes <= queue->room_bytes - queue->head) {
        return true;
    }
    *place = 0;
    return bytes <= queue->tail;
}

/* Pages one by one cost more than results do, many at once half of that. Who uses a little takes
 * what it uses. */
static void expect_pages(vlt_result_queue *queue, size_t end)
{
    enum { LITTLE_BYTES = 32 << 10, LEAST_BYTES = 32 << 10, MOST_BYTES = 256 << 10 };
    if (end <= queue->touched) {
        return;
    }
    size_t step = end < LITTLE_BYTES ? 0 : end / 4 < MOST_BYTES ? end / 4 : MOST_BYTES;
    step = step && step < LEAST_BYTES ? LEAST_BYTES : step;
    step = step < queue->room_bytes - end ? step : queue->room_bytes - end;
    vlt_pages_expect(queue->block + end, step);
    queue->touched = end + step;
}

void vlt_result_queue_append(vlt_result_queue *queue, size_t place, size_t bytes)
{
    if (place < queue->head) { /* from the end of the block to its beginning */
        queue->wrap = queue->head;
    }
    queue->head = place + bytes;
    queue->count++;
    expect_pages(queue, queue->head);
}

void vlt_result_queue_remove(vlt_result_queue *queue, size_t bytes)
{
    const bool was_wrapped = wrapped(queue);
    queue->tail += bytes;
    queue->count--;
    if (was_wrapped && queue->tail == queue->wrap) {
        queue->tail = 0;
    }
    if (!queue->count) {
        queue->head = queue->tail = queue->wrap = 0;
    }
}

void vlt_result_queue_forget(vlt_result_queue *queue)
{
    if (wrapped(queue)) {
        vlt_pages_forget(queue->block + queue->head, queue->tail - queue->head);
    } else {
        vlt_pages_forget(queue->block, queue->tail);
        vlt_pages_forget(queue->block + queue->head, queue->room_bytes - queue->head);
    }
    queue->touched = queue->head;
}
