/* mimalloc_shim.h: mimalloc beside the system's allocator, never in its place.
 *
 * Linked, the library would take over malloc of the whole process; opened at run time it serves
 * those who ask. Blocks may be given back by any thread.
 */
#ifndef VLT_PEERS_MIMALLOC_SHIM_H
#define VLT_PEERS_MIMALLOC_SHIM_H

#include <stddef.h>

#include "optimizations/core/status.h"

/* UNSUPPORTED where the library is not there. The others only after it succeeded. Thread-safe. */
vlt_status vlt_mimalloc_open(vlt_error *err);

void *vlt_mimalloc_take(size_t bytes); /* aligned to VLT_ALIGN, NULL without memory */
void vlt_mimalloc_give(void *block);
size_t vlt_mimalloc_good_bytes(size_t bytes); /* what such a request takes */
void vlt_mimalloc_trim(void);                 /* gives back what is kept */

#endif
