/* quick_caps.h: the capabilities that a fresh process needs, in a fraction of a millisecond.
 *
 * The full probe (machine.h) builds hwloc's topology, which costs tens of milliseconds: too much
 * for each of the many processes that a measurement starts. This one asks the kernel for the same
 * answers; it knows no GPU and no name of the CPU.
 */
#ifndef VLT_HARNESS_QUICK_CAPS_H
#define VLT_HARNESS_QUICK_CAPS_H

#include "optimizations/core/caps.h"

/* Fills *caps; *thread_count is what an engine would use: one per usable core, fewer where a cgroup
 * allows less CPU time. Never fails: what cannot be read is 0, counts are at least 1. */
void vlt_quick_caps(vlt_caps *caps, int *thread_count);

#endif
