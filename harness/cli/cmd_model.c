/* vltune model: makes, checks and judges checkpoints, and draws what the demo model knows. */
#include <string.h>

#include "harness/cli/engine_cli.h"
#include "harness/cli/model_commands.h"
#include "harness/cli/pack_cache_cli.h"
#include "harness/model/make.h"

static const vlt_subcommand subcommands[] = {
    {"make", "DIR", 1, 1, VLT_WITH_JSON | VLT_WITH_THREADS, vlt_model_make_command},
    {"check", "DIR", 1, 1, VLT_WITH_JSON, vlt_model_check_command},
    {"eval", "DIR SCENES.jsonl", 2, 2,
     VLT_WITH_JSON | VLT_WITH_THREADS | VLT_WITH_CHOICES | VLT_WITH_QUALITY,
     vlt_model_eval_command},
    {"scenes", "OUT", 1, 1, VLT_WITH_JSON, vlt_model_scenes_command},
};

static const char details[] =
    "model make DIR [--size tiny|small|2b] [--seed N]\n"
    "    Writes a checkpoint with random weights in the published format: tiny (12 MB, the\n"
    "    default), small (200 MB) or the real shapes of the 2B model (4.3 GB). Its words are\n"
    "    noise. Equal seed, equal bytes. DIR must not exist or be empty.\n"
    "model check DIR\n"
    "    Reads all of a checkpoint, looks at every weight, prints names, types, shapes and\n"
    "    totals.\n"
    "model eval DIR SCENES.jsonl [--files DIR] [--count N] [--quality Q [--against exact]]\n"
    "    Asks every question about its picture and prints the share of true answers, in all\n"
    "    and by kind of question. With --against the other quality answers too, and the next\n"
    "    tokens of both are compared along its answers: KL divergence and agreement.\n"
    "model scenes OUT [--count N] [--seed N] [--size WxH]\n"
    "    Draws scenes as the demo model knows them into the folder OUT: scene-000.jpg ... and\n"
    "    scenes.jsonl with question and true answer of each. Equal seed, equal pictures.";

static vlt_status check_size(const vlt_cli *cli, const char *text, vlt_error *err)
{
    int width, height;
    return !strcmp(vlt_cli_operand(cli, 0), "scenes")
               ? vlt_model_scenes_read_size(text, &width, &height, err)
               : vlt_model_make_check_size(text, err);
}

static const vlt_option options[] = {
    {"against", "QUALITY", "eval: compare with what this quality says: exact, bf16, int8 or int4",
     0, VLT_CHOICE("exact", "bf16", "int8", "int4"), .only = "eval"},
    {"count", "N", "scenes: how many (default 100); eval: at most", 0, VLT_INT(1, 1000000),
     .only = "scenes eval"},
    {"head-alone", NULL, "eval: --quality is for the head of the text, the rest is exact", 0,
     VLT_FLAG, .only = "eval", .needs = "quality"},
    {"files", "DIR", "eval: folder of the pictures", 0, VLT_FOLDER, .only = "eval"},
    {"seed", "N", "make, scenes: seed of the random stream (default 0)", 0, VLT_INT(0, INT64_MAX),
     .only = "make scenes"},
    {"size", "SIZE", "make: tiny, small or 2b; scenes: WIDTHxHEIGHT in pixels (default 128x128)", 0,
     VLT_OWN(check_size), .only = "make scenes"},
    VLT_ENGINE_CLI_OPTIONS("eval"),
    VLT_PLACE_CLI_OPTIONS("eval"),
    VLT_PACK_CACHE_CLI_OPTION(.only = "eval"),
};

VLT_COMMAND(model, .operands = "SUBCOMMAND DIR [FILE]",
            .summary = "make, check and judge checkpoints; draw scenes", .details = details,
            .examples = "model make NEW --size tiny --seed 7\n"
                        "model check NEW\n"
                        "model scenes PICTURES --count 20 --seed 5\n"
                        "model eval DIR PICTURES/scenes.jsonl --count 10\n"
                        "model eval DIR PICTURES/scenes.jsonl --quality int8 --against exact",
            .options = options, .option_count = sizeof options / sizeof *options,
            .with = VLT_WITH_JSON | VLT_WITH_THREADS | VLT_WITH_CHOICES | VLT_WITH_QUALITY,
            .operand_min = 1, .operand_max = 3, .subcommands = subcommands,
            .subcommand_count = sizeof subcommands / sizeof *subcommands);
