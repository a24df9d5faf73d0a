/* quality.h: what a computation may lose. Permissions are cumulative: int8 allows bf16 allows
 * exact. */
#ifndef VLT_CORE_QUALITY_H
#define VLT_CORE_QUALITY_H

/* X(code, name as the command line and the config write it) */
#define VLT_QUALITY_MAP(X)                                                        \
    X(EXACT, "exact") /* nothing beyond the operators' tolerances: the default */ \
    X(BF16, "bf16")   /* operands rounded to BF16 */                              \
    X(INT8, "int8")   /* weights and activations rounded to 8 bits */             \
    X(INT4, "int4")   /* weights rounded to 4 bits, 8 where it hurts */

#include "optimizations/core/status.h"

typedef enum vlt_quality {
#define VLT_QUALITY_ENUM(code, name) VLT_QUALITY_##code,
    VLT_QUALITY_MAP(VLT_QUALITY_ENUM)
#undef VLT_QUALITY_ENUM
        VLT_QUALITY_COUNT
} vlt_quality;

const char *vlt_quality_name(vlt_quality quality);         /* "exact" ... */
const char *vlt_quality_unless_exact(vlt_quality quality); /* NULL where nothing may be lost */

/* NULL stands for exact. USAGE names the text and what is known. */
vlt_status vlt_quality_parse(const char *text, vlt_quality *out, vlt_error *err);

#endif
