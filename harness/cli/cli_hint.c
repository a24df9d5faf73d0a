/* What an operand that a command does not take was probably meant as; declared in cli.h. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "harness/cli/cli_internal.h"
#include "harness/files/file_kind.h"
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

static const char *listed(const vlt_command *command, const char *name)
{
    return name && vlt_cli_find_option(command, name, strlen(name)) ? name : NULL;
}

static const char *option_for(const vlt_command *command, const char *word)
{
    if (vlt_is_database(word)) {
        return listed(command, "db");
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (ends_so(word, kinds[i].ends)) {
            const char *first = listed(command, kinds[i].options[0]);
            return first ? first : listed(command, kinds[i].options[1]);
        }
    }
    return is_run(word)        ? listed(command, "session")
           : is_time(word)     ? listed(command, "budget")
           : strchr(word, ' ') ? listed(command, "prompt")
                               : NULL;
}

void vlt_cli_hint(const vlt_cli *cli, const char *word, char *text, size_t text_bytes)
{
    const char *option = option_for(cli->command, word);
    text[0] = '\0';
    if (option) {
        vlt_utf8_format(text, text_bytes, ", did you mean --%s '%s'?", option, word);
    }
}
