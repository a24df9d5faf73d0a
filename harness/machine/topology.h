/* topology.h: hwloc's view of the machine, copied into plain data; and binding that is verified.
 *
 * Traps that this file knows (reference: hwloc 2.9 tried on real, restricted and replayed
 * topologies): binding on a replayed topology returns success and binds nothing; the CPU sets of
 * core kinds are not cut by a cpuset; node memory grows while a virtual machine runs, so none of
 * it is taken from here.
 */
#ifndef VLT_HARNESS_TOPOLOGY_H
#define VLT_HARNESS_TOPOLOGY_H

#include "harness/machine/machine.h"
#include "optimizations/core/status.h"

/* Fills CPU identity, kinds, caches, counts, usable sets and, for replayed topologies, the GPUs
 * that their root carries as info attributes. INPUT when a given topology cannot be loaded. */
vlt_status vlt_topology_read(const vlt_machine_sources *sources, vlt_machine *machine,
                             vlt_error *err);

#endif
