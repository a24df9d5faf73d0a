/* What an operand that a command does not take was probably meant as; declared in cli.h. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "harness/cli/cli_internal.h"
#include "harness/files/file_kind.h"
#include "optimizations/core/registry.h"
#include "optimizations/core/utf8_text.h"

/* Ends of names, and the options that take such a file, the likeliest first. */
static const struct {
    const char *ends; /* each with a blank behind */
    const char *options[2];
} kinds[] = {
    {".db .sqlite .sqlite3 ", {"db"}},     {".toml ", {"config", "output"}},
    {".jpg .jpeg .png .webp ", {"image"}}, {".html .htm ", {"page"}},
    {".jsonl ", {"workload", "output"}},   {".json ", {"messages", "trust"}},
    {".safetensors ", {"dump"}},
};

static bool ends_so(const char *word, const char *ends)
{
    size_t length = strlen(word);
    while (*ends) {
        size_t end = strcspn(ends, " ");
        if (length > end && !strncasecmp(word + length - end, ends, end)) {
            return true;
        }
        ends += end + 1;
    }
    return false;
}

/* "3f2a91c0", the beginning of the id of a run */
static bool is_run(const char *word)
{
    size_t length = strlen(word);
    return length >= 6 && length <= 36 && strspn(word, "0123456789abcdef-") == length;
}

/* "60s", "10m" */
static bool is_time(const char *word)
{
    size_t digits = strspn(word, "0123456789.");
    const char *unit = word + digits;
    return digits && (!strcmp(unit, "s") || !strcmp(unit, "ms") || !strcmp(unit, "m") ||
                      !strcmp(unit, "min") || !strcmp(unit, "h"));
}

/* May this command line have it? An option can belong to some subcommands alone. */
static bool belongs(const vlt_cli *cli, const vlt_option *option)
{
    const char *name = cli->operand_count ? cli->operand[0] : "";
    size_t length = strlen(name);
    for (const char *only = option->only; only && *only; only += strspn(only, " ")) {
        size_t word = strcspn(only, " ");
        if (word == length && !strncmp(only, name, length)) {
            return true;
        }
        only += word;
    }
    return !option->only;
}

static const char *listed(const vlt_cli *cli, const char *name)
{
    const vlt_option *option = name ? vlt_cli_find_option(cli->command, name, strlen(name)) : NULL;
    return option && belongs(cli, option) ? name : NULL;
}

/* The option of which the word is one of the values. */
static const char *option_with_choice(const vlt_cli *cli, const char *word)
{
    const vlt_option *option;
    for (int i = 0; (option = vlt_cli_option(cli->command, i)) != NULL; i++) {
        for (int k = 0; option->choices && option->choices[k]; k++) {
            if (!strcmp(option->choices[k], word) && belongs(cli, option)) {
                return option->name;
            }
        }
    }
    return NULL;
}

static const char *option_for(const vlt_cli *cli, const char *word)
{
    if (vlt_is_database(word)) {
        return listed(cli, "db");
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (ends_so(word, kinds[i].ends)) {
            const char *first = listed(cli, kinds[i].options[0]);
            return first ? first : listed(cli, kinds[i].options[1]);
        }
    }
    if (!strcmp(word, "tiny") || !strcmp(word, "small") || !strcmp(word, "2b")) {
        return listed(cli, "size");
    }
    const char *choice = option_with_choice(cli, word);
    return choice              ? choice
           : is_run(word)      ? listed(cli, "session")
           : is_time(word)     ? listed(cli, "budget")
           : strchr(word, ' ') ? listed(cli, "prompt")
                               : NULL;
}

void vlt_cli_hint(const vlt_cli *cli, const char *word, char *text, size_t text_bytes)
{
    const char *option = option_for(cli, word);
    text[0] = '\0';
    if (option) {
        vlt_utf8_format(text, text_bytes, ", did you mean --%s '%s'?", option, word);
    }
}

const vlt_op *vlt_cli_require_op(const vlt_cli *cli, const char *name, vlt_error *err)
{
    char hint[256];
    const vlt_op *op = vlt_registry_require_op(name, err);
    vlt_cli_hint(cli, op ? "" : name, hint, sizeof hint);
    if (hint[0]) {
        vlt_fail(err, VLT_STATUS_USAGE, "unknown operator '%s'%s", name, hint);
    }
    return op;
}
