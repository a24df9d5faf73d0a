/* tune_options.h: short runs of the tuner on the demo model, with files of this process. */
#ifndef VLT_TESTS_TUNE_OPTIONS_H
#define VLT_TESTS_TUNE_OPTIONS_H

#include "tuner/tune.h"

/* A path under /tmp where no file is; static buffer. */
const char *test_tune_config(void);

/* One thread, no scenes. */
vlt_tune_options test_tune_options(const char *config, const char *db, double budget_s);

#endif
