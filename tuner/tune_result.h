/* tune_result.h: from the state of a run to its result. */
#ifndef VLT_TUNER_TUNE_RESULT_H
#define VLT_TUNER_TUNE_RESULT_H

#include "tuner/tune_internal.h"

/* Rows in order of falling share; once, at the end. */
vlt_status vlt_tuner_fill_rows(vlt_tuner *tuner, vlt_error *err);

/* vlt_tune, with the program that trials start (NULL: /proc/self/exe): for tests, which plant
 * programs that crash, hang or lie. */
vlt_status vlt_tune_with(const vlt_tune_options *options, const char *program, vlt_report *result,
                         vlt_error *err);

#endif
