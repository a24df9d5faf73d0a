/* vltune model: makes, checks and judges checkpoints, and draws what the demo model knows. */
#include <string.h>

#include "harness/cli/engine_cli.h"
#include "harness/cli/model_commands.h"
#include "optimizations/core/registry.h"

static const struct {
    const char *name;
    int operands; /* after the name */
    const char *usage;
    vlt_status (*run)(vlt_cli *cli, vlt_error *err);
} subcommands[] = {
    {"make", 1, "make DIR [--size tiny|small|2b] [--seed N]", vlt_model_make_command},
    {"check", 1, "check DIR", vlt_model_check_command},
    {"eval", 2, "eval DIR SCENES.jsonl [--files DIR] [--count N]", vlt_model_eval_command},
    {"scenes", 1, "scenes OUT [--count N] [--seed N] [--size WxH]", vlt_model_scenes_command},
};

enum { SUBCOMMANDS = sizeof subcommands / sizeof *subcommands };

static const char details[] =
    "model make DIR [--size tiny|small|2b] [--seed N]\n"
    "    Writes a checkpoint with random weights in the published format: tiny (12 MB, the\n"
    "    default), small (200 MB) or the real shapes of the 2B model (4.3 GB). Its words are\n"
    "    noise. Equal seed, equal bytes. DIR must not exist or be empty.\n"
    "model check DIR\n"
    "    Reads all of a checkpoint, looks at every weight, prints names, types, shapes and\n"
    "    totals.\n"
    "model eval DIR SCENES.jsonl [--files DIR] [--count N]\n"
    "    Asks every question about its picture and prints the share of true answers, in all\n"
    "    and by kind of question.\n"
    "model scenes OUT [--count N] [--seed N] [--size WxH]\n"
    "    Draws scenes as the demo model knows them into the folder OUT: scene-000.jpg ... and\n"
    "    scenes.jsonl with question and true answer of each. Equal seed, equal pictures.";

static const vlt_option options[] = {
    {"count", "N", "scenes: how many (default 100); eval: at most", 0},
    {"files", "DIR", "eval: folder of the pictures", 0},
    {"seed", "N", "make, scenes: seed of the random stream (default 0)", 0},
    {"size", "SIZE", "make: tiny, small or 2b; scenes: WIDTHxHEIGHT in pixels (default 128x128)",
     0},
    VLT_ENGINE_CLI_OPTIONS,
};

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    const char *name = vlt_cli_operand(cli, 0);
    const char *names[SUBCOMMANDS];
    for (int i = 0; i < SUBCOMMANDS; i++) {
        names[i] = subcommands[i].name;
        if (strcmp(name, subcommands[i].name) != 0) {
            continue;
        }
        int given = vlt_cli_operand_count(cli) - 1;
        if (given != subcommands[i].operands) {
            return vlt_fail(err, VLT_STATUS_USAGE, "model %s: %d operands, expected: model %s",
                            name, given, subcommands[i].usage);
        }
        return subcommands[i].run(cli, err);
    }
    const char *near = vlt_nearest_name(name, names, SUBCOMMANDS);
    return vlt_fail(err, VLT_STATUS_USAGE, "model: unknown subcommand '%s'%s%s%s", name,
                    near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

VLT_COMMAND(model, .operands = "SUBCOMMAND DIR [FILE]",
            .summary = "make, check and judge checkpoints; draw scenes", .details = details,
            .options = options, .option_count = sizeof options / sizeof *options, .operand_min = 1,
            .operand_max = 3, .run = run);
