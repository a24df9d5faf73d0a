/* subject.h: something prepared that can be run again and again: what is measured. */
#ifndef VLT_HARNESS_SUBJECT_H
#define VLT_HARNESS_SUBJECT_H

#include <stdint.h>

/* The loop over iterations lies behind one call, so that a subject from another build of the
 * library pays for the border once an epoch and not once an iteration. */
typedef struct vlt_subject {
    int (*run)(void *state, int64_t iterations); /* 0, or a vlt_status */
    void (*reset)(void *state); /* restores what a run changes; called untimed before the priming
                                   call of an epoch; NULL: nothing to restore */
    void *state;                /* borrowed */
} vlt_subject;

#endif
