/* result_queue.h: where entries of any size lie one behind the other in the order in which they
 * came, in one block: at its end they go on at its beginning, where the oldest have left room.
 *
 *     [ . . . . tail ##### head . . ]      or      [ ### head . . . tail ##### wrap . ]
 *
 * Places are bytes from the beginning of the block. A queue is used by one thread at a time.
 */
#ifndef VLT_HARNESS_RESULT_QUEUE_H
#define VLT_HARNESS_RESULT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct vlt_result_queue {
    unsigned char *block; /* of room_bytes, borrowed, of vlt_pages_take */
    size_t room_bytes;
    size_t head, tail, wrap, count; /* all 0 without entries */
    size_t touched;                 /* pages before it are there */
} vlt_result_queue;

size_t vlt_result_queue_bytes(const vlt_result_queue *queue); /* used, what wrapping skips too */

/* Where `bytes` more can be written, *place; false: not before the oldest goes. */
bool vlt_result_queue_room(const vlt_result_queue *queue, size_t bytes, size_t *place);

/* `bytes` will be written at the place that the last call of room gave, for as many. */
void vlt_result_queue_append(vlt_result_queue *queue, size_t place, size_t bytes);

/* The oldest, at queue->tail, goes; its bytes stay as they are until others are written. */
void vlt_result_queue_remove(vlt_result_queue *queue, size_t bytes);

/* Pages where no entry lies go back to the system. */
void vlt_result_queue_forget(vlt_result_queue *queue);

#endif
