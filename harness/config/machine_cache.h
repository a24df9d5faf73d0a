/* machine_cache.h: the fingerprint of this machine, kept between processes.
 *
 * A file in $XDG_CACHE_HOME/vltune, valid for one boot, one set of CPUs and limits, and one
 * program; whatever is odd about it counts as not there, and not being able to write it is nothing.
 */
#ifndef VLT_HARNESS_MACHINE_CACHE_H
#define VLT_HARNESS_MACHINE_CACHE_H

#include "harness/machine/fingerprint.h"

/* False: nothing valid is there. */
bool vlt_machine_cache_read(vlt_fingerprint *out);
void vlt_machine_cache_write(const vlt_fingerprint *fingerprint);

#endif
