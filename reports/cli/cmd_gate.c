/* vltune gate: baseline against candidate, for CI. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/db_cli.h"
#include "harness/cli/cli.h"
#include "optimizations/core/utf8_text.h"
#include "reports/cli/bench_options.h"
#include "reports/cli/gate_margins.h"
#include "reports/gate/gate_format.h"
#include "tuner/bench/contender.h"

struct command {
    const vlt_cli *cli;
    vlt_contender contender[2]; /* baseline, candidate */
    vlt_gate_format format;
    vlt_gate_options options;
    vlt_gate gate;
    vlt_gate_margins margins;
    vlt_bench_progress store; /* its recorder alone is used */
    bool count;               /* instructions instead of time */
    char machine[256];
};

static void show_progress(void *user, const char *stage, const char *phase)
{
    const struct command *command = user;
    vlt_cli_progress(command->cli, "%s  %s", phase, stage);
}

static vlt_status read_options(struct command *command, vlt_error *err)
{
    const vlt_cli *cli = command->cli;
    vlt_gate_options *options = &command->options;
    const char *format = vlt_cli_text(cli, "format", vlt_cli_flag(cli, "json") ? "json" : "text");
    *options = vlt_gate_defaults();
    if (vlt_cli_flag(cli, "json") && strcmp(format, "json") != 0) {
        return vlt_fail(err, VLT_STATUS_USAGE, "gate: --json contradicts --format %s", format);
    }
    static const char *const gbench[] = {"medians", "baseline-output"};
    for (size_t i = 0; i < sizeof gbench / sizeof *gbench; i++) {
        if (vlt_cli_count(cli, gbench[i]) && strcmp(format, "gbench") != 0) {
            return vlt_fail(err, VLT_STATUS_USAGE,
                            "gate: option '--%s' does nothing without '--format gbench'",
                            gbench[i]);
        }
    }
    vlt_status status = vlt_gate_format_parse(format, &command->format, err);
    if (status == VLT_OK) {
        status = vlt_bench_options_read(cli, &options->experiment, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    command->count = !strcmp(vlt_cli_text(cli, "counter", "time"), "instructions");
    status = vlt_gate_margins_read(cli, command->count, &command->margins, err);
    options->pressure_max = vlt_cli_real(cli, "max-pressure", 100 * options->pressure_max) / 100;
    options->confirm_launches = (int)vlt_cli_int(cli, "confirm", options->confirm_launches);
    options->experiment.on_launch = NULL; /* the stage's name says enough */
    options->progress = show_progress;
    options->user = command;
    return status;
}

static vlt_status read_contenders(struct command *command, vlt_error *err)
{
    static const char *const defaults[] = {"baseline", NULL};
    vlt_status status = VLT_OK;
    for (int i = 0; i < 2 && status == VLT_OK; i++) {
        const char *text = vlt_cli_operand(command->cli, i);
        text = text ? text : defaults[i];
        if (text) {
            status = vlt_contender_parse(text, &command->contender[i], err);
        } else {
            /* this build, as an untuned engine would run it */
            command->contender[i] = (vlt_contender){.kind = VLT_CONTENDER_LIBRARY,
                                                    .text = "this build"};
        }
    }
    return status;
}

/* The stage's side for one contender: which library, and which text stands for `what` in it. */
static vlt_status side_of(const vlt_contender *contender, const char *what, char *text,
                          vlt_side *side, vlt_error *err)
{
    vlt_problem problem;
    const vlt_variant *variant;
    vlt_binding binding;
    char dims[VLT_BUCKET_BYTES];
    *side = (vlt_side){.what = what};
    if (contender->kind == VLT_CONTENDER_LIBRARY) {
        side->library = contender->path[0] ? contender->path : NULL;
        return VLT_OK;
    }
    vlt_status status = vlt_what_parse(what, &problem, &variant, &binding, err);
    if (status == VLT_OK) {
        vlt_problem_format(&problem, dims, sizeof dims);
        vlt_utf8_format(text, VLT_ROW_TEXT_BYTES, "%s/%s@%s", problem.op->name,
                        vlt_registry_variant(problem.op, 0)->name, dims);
        side->what = text;
    }
    return status;
}

static vlt_status add_stage(struct command *command, const char *name, const char *what,
                            vlt_error *err)
{
    char text[2][VLT_ROW_TEXT_BYTES];
    vlt_side side[2];
    vlt_status status = VLT_OK;
    for (int i = 0; i < 2 && status == VLT_OK; i++) {
        status = side_of(&command->contender[i], what, text[i], &side[i], err);
    }
    if (status == VLT_OK &&
        !vlt_gate_add(&command->gate, name, side,
                      vlt_gate_margins_of(&command->margins, name, false), err)) {
        status = VLT_STATUS_NOMEM;
    }
    return status;
}

/* The end-to-end stage, 3 % unless a margin is given. */
static vlt_status add_model_stage(struct command *command, vlt_error *err)
{
    char *what[2] = {NULL, NULL};
    vlt_experiment_options settings = command->options.experiment;
    vlt_side side[2];
    vlt_status status = VLT_OK;
    vlt_bench_model_settings(command->cli, &settings);
    for (int i = 0; i < 2 && status == VLT_OK; i++) {
        status = vlt_bench_model_side(command->cli, &command->contender[i], &what[i], &side[i],
                                      err);
    }
    if (status == VLT_OK) {
        vlt_gate_stage *stage = vlt_gate_add(&command->gate, "end to end", side,
                                             vlt_gate_margins_of(&command->margins, "", true), err);
        status = stage ? VLT_OK : VLT_STATUS_NOMEM;
        if (stage) {
            stage->limit_s = settings.launch.limit_s;
        }
    }
    free(what[0]);
    free(what[1]);
    return status;
}

/* Two variants are one stage; two builds are compared at --what, else at every operator's first
 * shape. */
static vlt_status add_stages(struct command *command, vlt_error *err)
{
    const vlt_contender *c = command->contender;
    int given = vlt_cli_count(command->cli, "what");
    vlt_status status = VLT_OK;
    bool usual = (c[0].kind == VLT_CONTENDER_LIBRARY || c[0].kind == VLT_CONTENDER_BASELINE) &&
                 c[1].kind == VLT_CONTENDER_LIBRARY;
    if (given && !usual) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "gate: option '--what' does nothing without two builds, or 'baseline' and "
                        "one: '%s' and '%s' say what is judged",
                        c[0].text, c[1].text);
    }
    if (c[0].kind == VLT_CONTENDER_VARIANT && c[1].kind == VLT_CONTENDER_VARIANT) {
        const vlt_side side[2] = {{.what = c[0].text}, {.what = c[1].text}};
        return vlt_gate_add(&command->gate, c[1].text, side,
                            vlt_gate_margins_of(&command->margins, c[1].text, false), err)
                   ? VLT_OK
                   : VLT_STATUS_NOMEM;
    }
    if (c[0].kind == VLT_CONTENDER_BASELINE && c[1].kind == VLT_CONTENDER_VARIANT) {
        char text[VLT_ROW_TEXT_BYTES];
        vlt_side side[2] = {{0}, {.what = c[1].text}};
        status = side_of(&c[0], c[1].text, text, &side[0], err);
        return status == VLT_OK &&
                       !vlt_gate_add(&command->gate, c[1].text, side,
                                     vlt_gate_margins_of(&command->margins, c[1].text, false), err)
                   ? VLT_STATUS_NOMEM
                   : status;
    }
    if (c[0].kind == VLT_CONTENDER_STORED && c[1].kind == VLT_CONTENDER_LIBRARY) {
        char path[VLT_DB_PATH_BYTES];
        status = vlt_db_cli_path(command->cli, NULL, false, path, err);
        if (status == VLT_OK) {
            status = vlt_gate_add_stored(&command->gate, path, c[0].text + strlen("db:"),
                                         c[1].path[0] ? c[1].path : NULL, command->margins.stage,
                                         err);
        }
        for (int i = 0; i < command->gate.stage_count; i++) {
            vlt_gate_stage *stage = &command->gate.stage[i];
            stage->margin = vlt_gate_margins_of(&command->margins, stage->name, false);
        }
        return status;
    }
    bool configs = c[0].kind == VLT_CONTENDER_CONFIG || c[1].kind == VLT_CONTENDER_CONFIG;
    if (configs && vlt_cli_text(command->cli, "model", NULL)) {
        return add_model_stage(command, err);
    }
    if (!usual) {
        return vlt_fail(
            err, VLT_STATUS_USAGE,
            "gate: cannot judge '%s' against '%s', expected two builds, two variants, "
            "two configs with --model, db:RUN and a build, or 'baseline' and one of them",
            c[1].text, c[0].text);
    }
    for (int i = 0; i < given && status == VLT_OK; i++) {
        const char *what = vlt_cli_nth(command->cli, "what", i);
        status = add_stage(command, what, what, err);
    }
    for (int i = 0; given == 0 && i < vlt_registry_op_count() && status == VLT_OK; i++) {
        const vlt_op *op = vlt_registry_op(i);
        char name[VLT_GATE_NAME_BYTES];
        vlt_utf8_format(name, sizeof name, "%s %s", op->name, op->shapes[0].name);
        status = add_stage(command, name, op->name, err);
    }
    if (status == VLT_OK && vlt_cli_text(command->cli, "model", NULL)) {
        status = add_model_stage(command, err);
    }
    return status;
}

/* The document in memory first: the file appears whole or not at all. */
static vlt_status write_file(const struct command *command, const vlt_gate_facts *facts,
                             const char *path, vlt_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *memory = open_memstream(&text, &bytes);
    if (!memory) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "'%s': no memory for the result", path);
    }
    vlt_status status = vlt_gate_write(&command->gate, command->format, facts, memory, err);
    if (fclose(memory) != 0 && status == VLT_OK) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "'%s': no memory for the result", path);
    }
    if (status == VLT_OK) {
        status = vlt_write_file(path, text, bytes, err);
    }
    free(text);
    return status;
}

/* --output FILE, and for Google Benchmark's compare.py the other side beside it. */
static vlt_status write_outputs(struct command *command, vlt_error *err)
{
    static const char *const names[] = {"baseline-output", "output"};
    vlt_gate_facts facts = {.baseline = command->contender[0].text,
                            .candidate = command->contender[1].text,
                            .machine = command->machine[0] ? command->machine : NULL,
                            .seed = command->options.experiment.launch.seed,
                            .medians = vlt_cli_flag(command->cli, "medians")};
    vlt_status status = VLT_OK;
    for (int side = 0; side < 2 && status == VLT_OK; side++) {
        const char *path = vlt_cli_text(command->cli, names[side], NULL);
        facts.side = side;
        if (path) {
            status = write_file(command, &facts, path, err);
        } else if (side == 1) {
            status = vlt_gate_write(&command->gate, command->format, &facts, stdout, err);
        }
    }
    const char *page = vlt_cli_text(command->cli, "page", NULL);
    if (status == VLT_OK && page) {
        status = vlt_gate_write_page(&command->gate, &facts,
                                     vlt_cli_text(command->cli, "trust", NULL), page, err);
    }
    return status == VLT_OK ? vlt_gate_step_summary(&command->gate, &facts, err) : status;
}

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    struct command command = {.cli = cli};
    vlt_error written_err = {0};
    vlt_status status = read_options(&command, err);
    if (status == VLT_OK) {
        status = read_contenders(&command, err);
    }
    if (status == VLT_OK) {
        status = add_stages(&command, err);
    }
    if (status == VLT_OK) {
        status = vlt_gate_margins_check(&command.margins, err);
    }
    if (status == VLT_OK) {
        status = vlt_gate_check(&command.gate, command.options.experiment.launch.quality, err);
    }
    if (status != VLT_OK) {
        goto done;
    }
    vlt_bench_describe_machine(cli, command.machine, sizeof command.machine);
    /* with a stored baseline --db is what is read, and "latest" must go on to mean that baseline */
    if (command.contender[0].kind != VLT_CONTENDER_STORED) {
        status = vlt_bench_record(cli, "gate", &command.options.experiment, &command.store.recorder,
                                  err);
        if (status != VLT_OK) {
            goto done;
        }
        command.options.recorder = command.store.recorder;
    }
    vlt_pack_cache_watch *packs = vlt_pack_cache_cli_watch();
    status = command.count ? vlt_gate_count(&command.gate, &command.options, err)
                           : vlt_gate_run(&command.gate, &command.options, err);
    vlt_cli_progress(cli, NULL);
    vlt_pack_cache_cli_say(cli, packs);
    command.store.cli = cli;
    vlt_bench_record_end(&command.store, status);
    vlt_status written = write_outputs(&command, &written_err);
    if (status == VLT_OK) {
        status = vlt_gate_status(&command.gate, vlt_cli_flag(cli, "strict"), err);
    }
    /* a verdict that CI must act on outweighs a file that could not be written */
    if (written != VLT_OK && status == VLT_OK) {
        status = vlt_fail(err, written, "%s", written_err.message);
    } else if (written != VLT_OK) {
        vlt_cli_warn(cli, "%s", written_err.message);
    }
done:
    vlt_gate_release(&command.gate);
    return status;
}

static const vlt_option options[] = {
    VLT_BENCH_OPTIONS,
    {"margin", "[STAGE=]PERCENT", "what counts as equal (default 1, end-to-end=3); repeatable", 0,
     VLT_OWN(vlt_gate_margin_check)},
    {"what", "OP[/VARIANT][@...]", "a stage to judge two builds at; repeatable", 0,
     VLT_OWN(vlt_bench_check_what)},
    VLT_BENCH_MODEL_OPTIONS,
    {"counter", "COUNTER", "time (default) or instructions (callgrind, margin 0.05 %)", 0,
     VLT_CHOICE("time", "instructions")},
    {"format", "FORMAT", "text (default), json, junit, markdown or gbench", 0,
     VLT_CHOICE("text", "json", "junit", "markdown", "gbench")},
    {"output", "FILE", "write the result there instead of to stdout", 'o', VLT_OUTPUT},
    {"baseline-output", "FILE", "gbench: the baseline's times too, for its compare.py", 0,
     VLT_OUTPUT, .needs = "format"},
    {"medians", NULL, "gbench: one row a stage, for github-action-benchmark", 0, VLT_FLAG,
     .needs = "format"},
    {"strict", NULL, "exit with 6 when anything is inconclusive", 0, VLT_FLAG},
    {"confirm", "N", "processes at most that may confirm a regression (default 30)", 0,
     VLT_INT(8, 1000)},
    {"max-pressure", "PERCENT", "no verdict when CPUs are waited for longer (default 95)", 0,
     VLT_REAL(0, 100)},
};

VLT_COMMAND(
    gate, .operands = "[BASELINE [CANDIDATE]]",
    .summary = "judge a candidate against a baseline, for CI",
    .details =
        "BASELINE and CANDIDATE are the libvltune.so of a build (an executable stands for "
        "the library beside\nit), OP/VARIANT[@...], or 'baseline', the default. Without "
        "CANDIDATE it is this build.\nBASELINE may be db:RUN, a run that bench stored with --db on "
        "this machine; RUN is its id or latest.\nOutputs are compared before any time is taken. A "
        "regression is reported only when a second series\nof fresh processes confirms it; "
        "what is uncertain never fails. --db FILE keeps\nevery sample, unless BASELINE is read "
        "from it.\nExit codes: 0 pass or inconclusive, 3 confirmed "
        "regression, 4 wrong output, 5 nothing measured,\n6 inconclusive with --strict.",
    .examples = "gate main/build/vltune build/vltune\n"
                "gate main/build/vltune build/vltune --what norm --margin 2 --format markdown\n"
                "gate baseline tuned.toml --model DIR\n"
                "gate db:latest --db vltune.db",
    .options = options, .option_count = sizeof options / sizeof *options,
    .with = VLT_WITH_JSON | VLT_WITH_THREADS | VLT_WITH_DB | VLT_WITH_QUALITY, .operand_max = 2,
    .run = run);
