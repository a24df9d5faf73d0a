/* engine_cli.h: what the commands that run a model share: options, opening, the answer as JSON. */
#ifndef VLT_HARNESS_ENGINE_CLI_H
#define VLT_HARNESS_ENGINE_CLI_H

#include "harness/cli/cli.h"
#include "harness/infer/answer_json.h"
#include "harness/infer/engine.h"
#include "harness/json/buffer.h"

/* Rows for the option table of a command that opens an engine; of its subcommands where it has
 * some, else NULL. */
#define VLT_ENGINE_CLI_OPTIONS(subcommands)                                     \
    {"reference",                                                               \
     "NAME",                                                                    \
     "arithmetic of images: torch (default), pillow, pillow12",                 \
     0,                                                                         \
     VLT_CHOICE("torch", "pillow", "pillow12"),                                 \
     .only = (subcommands)},                                                    \
        {"exif",                                                                \
         "WHEN",                                                                \
         "rotate images by EXIF: auto (default: as the reference), on, off",    \
         0,                                                                     \
         VLT_CHOICE("auto", "on", "off"),                                       \
         .only = (subcommands)},                                                \
        {"alpha",                                                               \
         "HOW",                                                                 \
         "transparency: auto (default: as the reference), drop, white",         \
         0,                                                                     \
         VLT_CHOICE("auto", "drop", "white"),                                   \
         .only = (subcommands)},                                                \
        {"strict-images",                                                       \
         NULL,                                                                  \
         "refuse JPEGs with missing rows or damaged data (default: a warning)", \
         0,                                                                     \
         VLT_FLAG,                                                              \
         .only = (subcommands)},                                                \
    {                                                                           \
        "dialect", "V", "generation of the reference: 5 (default) or 4.57", 0,  \
            VLT_CHOICE("5", "4.57"), .only = (subcommands)                      \
    }

/* Rows for a command that computes: where its threads stay and its memory lies. */
#define VLT_PLACE_CLI_OPTIONS(subcommands)                                                   \
    {"pin", NULL,     "keep threads on cores of their own (default: as tuned, else not)",    \
     0,     VLT_FLAG, .only = (subcommands)},                                                \
        {"no-pin",                                                                           \
         NULL,                                                                               \
         "let threads go anywhere, whatever is tuned",                                       \
         0,                                                                                  \
         VLT_FLAG,                                                                           \
         .unless = "pin",                                                                    \
         .only = (subcommands)},                                                             \
        {"weights",                                                                          \
         "WHERE",                                                                            \
         "nodes of the weights: system, interleave, local (default: as tuned, else system)", \
         0,                                                                                  \
         VLT_CHOICE("system", "interleave", "local"),                                        \
         .only = (subcommands)},                                                             \
        {"huge-pages",                                                                       \
         "WHEN",                                                                             \
         "large pages for large blocks: on, off (default: as tuned, else on)",               \
         0,                                                                                  \
         VLT_CHOICE("on", "off"),                                                            \
         .only = (subcommands)},                                                             \
    {                                                                                        \
        "first-touch", "WHEN",                                                               \
            "pinned threads touch a part each: on, off (default: as tuned, else off)", 0,    \
            VLT_CHOICE("on", "off"), .only = (subcommands)                                   \
    }

/* Rows for a command that generates. */
#define VLT_GENERATE_CLI_OPTIONS(...)                                                            \
    {"max-tokens", "N", "tokens to generate at most (default 256)", 'n', VLT_INT(0, 1 << 30)},   \
        {"greedy", NULL, "always the most probable token", 0, VLT_FLAG},                         \
        {"temperature", "T", "sampling temperature; 0 is greedy", 0, VLT_REAL(0, 1e6)},          \
        {"top-k", "N", "sample from the N most probable tokens; 0: all", 0,                      \
         VLT_INT(0, INT32_MAX)},                                                                 \
        {"top-p", "P", "sample from the smallest set with this probability", 0, VLT_REAL(0, 1)}, \
        {"min-p", "P", "drop tokens below this share of the most probable one", 0,               \
         VLT_REAL(0, 1)},                                                                        \
        {"repetition-penalty", "R", "divide the logits of tokens seen before; 1: off", 0,        \
         VLT_REAL(0, 1e6)},                                                                      \
        {"presence-penalty", "P", "subtract from the logits of tokens generated before", 0,      \
         VLT_REAL(-1e6, 1e6)},                                                                   \
        {"seed", "N", "seed of the random stream", 0, VLT_INT(0, INT64_MAX)},                    \
        {"stop", "TEXT", "end before this text; repeatable", 0, VLT_TEXT},                       \
        {"logprobs",          "N",        "report the N most probable tokens of every step", 0,  \
         VLT_INT(0, 1 << 24), __VA_ARGS__},                                                      \
        {"context", "N", "tokens that the cache may grow to (default: prompt + max-tokens)", 0,  \
         VLT_INT(1, 1 << 30)},                                                                   \
        {"ignore-eos", NULL, "end tokens are ordinary tokens", 0, VLT_FLAG},                     \
        {"add-vision-id", NULL, "number the images and videos in the prompt", 0, VLT_FLAG},      \
        {"no-special", NULL, "special tokens in prompts and messages are plain text", 0,         \
         VLT_FLAG},                                                                              \
    {                                                                                            \
        "files", "DIR", "folder of relative paths", 0, VLT_FOLDER                                \
    }

/* Opens the engine as the options say; warnings go to stderr. */
vlt_status vlt_engine_cli_open(vlt_cli *cli, const char *directory, vlt_engine **out,
                               vlt_error *err);

/* The same but for the quality. */
vlt_status vlt_engine_cli_open_as(vlt_cli *cli, const char *directory, const char *quality,
                                  vlt_engine **out, vlt_error *err);

/* Closes it (NULL is fine). status: how the command fared; where it fared well, forced operators
 * that it never met are warned of. */
void vlt_engine_cli_close(vlt_engine *engine, vlt_status status);

/* The generating options into *request (started as {0}) and *context. stops: room for as many as
 * were given. */
void vlt_engine_cli_request(const vlt_cli *cli, vlt_request *request, const char **stops,
                            int64_t *context);

/* For VLT_OWN of an option that names an image: a path below --files, where that is given, must be
 * there; what media.h does not take is refused. */
vlt_status vlt_engine_cli_check_image(const vlt_cli *cli, const char *text, vlt_error *err);

#endif
