/* memory_nodes.h: NUMA nodes for memory, and asking the system for them.
 *
 * What Linux honours: of memory of our own, the policy of the mapping, set before its pages are
 * touched (vlt_memory_nodes_bind). Of a mapped file that policy is ignored: a page goes where the
 * thread that reads it from the disk wants it, and stays there for everybody, as long as it is in
 * the page cache. So files are read by a thread of their own with that wish
 * (vlt_memory_nodes_read); pages that were in the page cache before lie where they lay, until they
 * are dropped (a reboot, or "echo 1 > /proc/sys/vm/drop_caches"). What the system refuses is left
 * as it gives it.
 */
#ifndef VLT_HARNESS_MEMORY_NODES_H
#define VLT_HARNESS_MEMORY_NODES_H

#include "harness/machine/machine.h"

/* Numbers of all nodes that memory may come from. */
vlt_cpu_set vlt_machine_all_nodes(const vlt_machine *machine);

/* The one that most of the CPUs are near to, the first of equals; none where all are near to nodes
 * that memory must not come from. */
vlt_cpu_set vlt_machine_near_node(const vlt_machine *machine, const vlt_cpu_set *cpus);

typedef struct vlt_memory_nodes vlt_memory_nodes;

/* A wish: page by page over all of the nodes, or on them while they have room, else elsewhere.
 * UNSUPPORTED where nothing can be bound (a replayed topology, hwloc without support), NOMEM. */
vlt_status vlt_memory_nodes_create(const vlt_machine *machine, const vlt_cpu_set *nodes,
                                   bool interleave, vlt_memory_nodes **out, vlt_error *err);
void vlt_memory_nodes_destroy(vlt_memory_nodes *nodes); /* NULL is fine */

/* Whole pages of own memory that nobody has touched. Any thread. */
void vlt_memory_nodes_bind(vlt_memory_nodes *nodes, void *pages, size_t bytes);

/* All pages of a mapped file into memory and into the mapping. Any thread, whose own wishes stay as
 * they were. */
void vlt_memory_nodes_read(vlt_memory_nodes *nodes, const void *mapped, size_t bytes);

/* Why the system last refused, as errno, once; 0: nothing (more). */
int vlt_memory_nodes_refused(vlt_memory_nodes *nodes);

#endif
