#include "tests/support/tune_options.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/support/data.h"

const char *test_tune_config(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/vltune-test-tune-%d.toml", (int)getpid());
    unlink(path);
    return path;
}

vlt_tune_options test_tune_options(const char *config, const char *db, double budget_s)
{
    return (vlt_tune_options){.directory = test_source("harness/model/demo/checkpoint"),
                              .config_path = config,
                              .db_path = db,
                              .budget_s = budget_s,
                              .threads = 1,
                              .scenes = -1};
}
