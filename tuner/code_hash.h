/* code_hash.h: which code was measured. */
#ifndef VLT_TUNER_CODE_HASH_H
#define VLT_TUNER_CODE_HASH_H

#include <stdint.h>

/* Hash of the file that holds the operators' code (libvltune.so, or the program that it is linked
 * into), so that another build does not reuse what this one measured. 0 when it cannot be read. */
uint64_t vlt_code_hash(void);

#endif
