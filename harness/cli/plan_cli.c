#include "harness/cli/plan_cli.h"

#include "harness/config/tuned.h"
#include "harness/model/checkpoint.h"
#include "optimizations/core/ledger.h"

static void warn(void *user, const char *message)
{
    vlt_cli_warn(user, "%s", message);
}

static void log_warning(void *user, vlt_log_level level, const char *message)
{
    if (level == VLT_LOG_WARNING) {
        vlt_cli_warn(user, "%s", message);
    }
}

static vlt_status admit(void *user, uint64_t bytes, const char *what, vlt_error *err)
{
    return vlt_memory_gauge_admit(user, bytes, what, err);
}

/* A config belongs to a model; a folder with no weights has none, unless --config names one. */
static vlt_status load_choices(vlt_cli *cli, const char *folder, vlt_choices *choices,
                               const vlt_caps *caps, vlt_error *err)
{
    vlt_tuned_loaded loaded;
    vlt_tuned_request request = {.config = vlt_cli_text(cli, "config", NULL),
                                 .caps = caps,
                                 .directory = folder,
                                 .no_config = vlt_cli_flag(cli, "no-config"),
                                 .baseline = vlt_cli_flag(cli, "baseline"),
                                 .require = vlt_cli_flag(cli, "require-tuned"),
                                 .warn = warn,
                                 .warn_user = cli};
    vlt_status status = VLT_OK;
    for (int i = 0; i < vlt_cli_count(cli, "force") && status == VLT_OK; i++) {
        status = vlt_choices_force(choices, vlt_cli_nth(cli, "force", i), err);
    }
    if (status != VLT_OK) {
        return vlt_fail_in(err, status, "--force: ");
    }
    if (vlt_checkpoint_hash_of(folder, &request.model_hash, NULL) != VLT_OK && !request.config &&
        !request.require) {
        request.no_config = true;
    }
    return vlt_tuned_load(&request, choices, &loaded, err);
}

vlt_status vlt_plan_cli_start(vlt_cli *cli, const char *folder, vlt_plan_cli *plan_cli,
                              vlt_error *err)
{
    const vlt_machine_sources sources = {.no_gpu = true};
    vlt_status status = vlt_machine_probe(&sources, &plan_cli->machine, err);
    if (status == VLT_OK) {
        int count = (int)vlt_cli_int(cli, "threads", 0);
        const vlt_threads_options threads = {
            .count = count ? count : vlt_machine_thread_count(plan_cli->machine), .spin_us = 20};
        status = vlt_threads_create(&threads, &plan_cli->threads, err);
    }
    if (status == VLT_OK) {
        status = load_choices(cli, folder, &plan_cli->choices, vlt_machine_caps(plan_cli->machine),
                              err);
    }
    plan_cli->context = (vlt_context){
        .caps = plan_cli->machine ? vlt_machine_caps(plan_cli->machine) : NULL,
        .choices = &plan_cli->choices,
        .policy = vlt_cli_flag(cli, "baseline") ? VLT_POLICY_BASELINE : VLT_POLICY_CHOICES,
        .threads = plan_cli->threads,
        .ledger = &plan_cli->ledger,
        .log = log_warning,
        .log_user = cli,
        .admit = admit,
        .admit_user = &plan_cli->memory};
    return status;
}

void vlt_plan_cli_stop(vlt_plan_cli *plan_cli, vlt_status status)
{
    if (status == VLT_OK) {
        vlt_ledger_warn_unmet(&plan_cli->context, NULL);
    }
    vlt_ledger_release(&plan_cli->ledger);
    vlt_threads_destroy(plan_cli->threads);
    vlt_choices_release(&plan_cli->choices);
    vlt_machine_destroy(plan_cli->machine);
}
