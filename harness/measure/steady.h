/* steady.h: is the warm-up over?
 *
 * The test is pyperf's: the newer half of a window resembles the older half, quartiles within
 * 5 %, median absolute deviation within 10 % (of the median: of itself it would never settle on a
 * quiet machine, where it is a few nanoseconds). What never settles is measured all the same and
 * labelled "no steady state"; less than half of all programs on virtual machines are steady
 * (Barrett et al., arXiv:1602.00602).
 */
#ifndef VLT_HARNESS_STEADY_H
#define VLT_HARNESS_STEADY_H

#include <stdbool.h>
#include <stddef.h>

enum { VLT_STEADY_WINDOW = 24 }; /* epochs of one window, both halves */

typedef enum vlt_steadiness {
    VLT_STEADY_UNKNOWN, /* calls too long to afford a window */
    VLT_STEADY_YES,
    VLT_STEADY_NO
} vlt_steadiness;

const char *vlt_steadiness_name(vlt_steadiness steadiness); /* "steady", "no steady state" ... */

/* time_ns[n], n even and at least 8, oldest first. */
bool vlt_steady(const double *time_ns, size_t n);

#endif
