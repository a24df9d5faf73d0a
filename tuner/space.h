/* space.h: the settings that may do a problem: every applicable variant with every combination of
 * its knobs' values that is valid there. The first variant is the baseline. space/knob_domain.h
 * numbers them.
 */
#ifndef VLT_TUNER_SPACE_H
#define VLT_TUNER_SPACE_H

#include "optimizations/core/registry.h"

enum { VLT_SPACE_VARIANT_MAX = 64, VLT_SETTING_BYTES = 256 };

typedef struct vlt_setting {
    const vlt_variant *variant;
    vlt_binding binding;
} vlt_setting;

typedef struct vlt_space {
    vlt_problem problem;
    const vlt_caps *caps;                              /* borrowed */
    const vlt_variant *variant[VLT_SPACE_VARIANT_MAX]; /* applicable ones; [0] the baseline */
    int variant_count;
} vlt_space;

/* The applicable variants of the catalogue that lose no more than `quality` permits. */
void vlt_space_init(vlt_space *space, const vlt_problem *problem, const vlt_caps *caps,
                    vlt_quality quality);

bool vlt_space_valid(const vlt_space *space, const vlt_setting *setting);
bool vlt_setting_equal(const vlt_setting *a, const vlt_setting *b);

/* The baseline with its defaults. */
vlt_setting vlt_space_baseline(const vlt_space *space);

/* The default setting of variant number `index`; where that combination is not valid, the first
 * valid one in order. False when there is none. */
bool vlt_space_default(const vlt_space *space, int index, vlt_setting *out);

/* Settings besides the baseline's default, counted up to `limit`, valid ones only. */
int64_t vlt_space_count(const vlt_space *space, int64_t limit);

/* For commands: "resize/avx512:strip=64,threads=2" with '/' between, "resize=avx512:strip=64,..."
 * with '='. */
void vlt_setting_argument(const char *op, char between, const vlt_setting *setting, char *text,
                          size_t text_bytes);

/* "avx512 strip=64", "baseline" */
void vlt_setting_format(const vlt_setting *setting, char *text, size_t text_bytes);

#endif
