#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "harness/cli/cli_internal.h"
#include "optimizations/core/registry.h"
#include "optimizations/core/utf8_text.h"
#include "optimizations/device/device_open.h"

static vlt_status check_device(const vlt_cli *cli, const char *text, vlt_error *err)
{
    (void)cli;
    return vlt_device_check(text, err);
}

const vlt_option vlt_cli_common[] = {
    {"json", NULL, "print JSON instead of text", 0, VLT_FLAG, .group = VLT_WITH_JSON},
    {"quiet", NULL, "no notes and no progress on stderr; warnings and errors stay", 'q', VLT_FLAG},
    {"verbose", NULL, "say more on stderr", 'v', VLT_FLAG},
    {"color", "WHEN", "auto (default), always or never", 0, VLT_CHOICE("auto", "always", "never")},
    {"threads", "N", "worker threads (default and 0: one per usable core)", 't',
     VLT_INT(0, VLT_CLI_THREADS_MAX), .group = VLT_WITH_THREADS},
    {"isa", "NAME", "behave as on a machine that has no more: base, avx2, avx512, avx512vnni, ...",
     0, VLT_CHOICE("base", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx"),
     .group = VLT_WITH_THREADS | VLT_WITH_ISA},
    {"config", "FILE", "tuned config to use", 'c', VLT_FILE, .unless = "no-config baseline",
     .group = VLT_WITH_CHOICES | VLT_WITH_CONFIG},
    {"no-config", NULL, "use no tuned config: default variants", 0, VLT_FLAG,
     .group = VLT_WITH_CHOICES},
    {"baseline", NULL, "run every operator's baseline", 0, VLT_FLAG, .group = VLT_WITH_CHOICES},
    {"require-tuned", NULL, "fail when there is no tuned config for this machine and model", 0,
     VLT_FLAG, .group = VLT_WITH_CHOICES},
    {"force", "OP=VARIANT", "run this variant of an operator, [:KNOB=V,...]; repeatable", 0,
     VLT_FORCE, .group = VLT_WITH_CHOICES},
    {"quality", "QUALITY", "what may be lost: exact (default), bf16, int8 or int4", 0,
     VLT_CHOICE("exact", "bf16", "int8", "int4"), .group = VLT_WITH_QUALITY},
    {"device", "WHAT", "none (default), auto, cuda:N, host or simulated", 0, VLT_OWN(check_device),
     .group = VLT_WITH_DEVICE},
    {"db", "FILE",
     "database of samples (default: vltune.db in $XDG_DATA_HOME/vltune, ~/.local/share/vltune)", 0,
     VLT_UPDATED, .group = VLT_WITH_DB | VLT_WITH_DB_READ},
    {"help", NULL, "show this help", 'h', VLT_FLAG},
};
const int vlt_cli_common_count = sizeof vlt_cli_common / sizeof *vlt_cli_common;

bool vlt_cli_listed(const vlt_option *option, uint32_t with)
{
    return !option->group || (option->group & with);
}

const vlt_option *vlt_cli_option(const vlt_command *command, int index)
{
    if (index < command->option_count) {
        return &command->options[index];
    }
    index -= command->option_count;
    for (int i = 0; i < vlt_cli_common_count; i++) {
        if (vlt_cli_listed(&vlt_cli_common[i], command->with) && index-- == 0) {
            return &vlt_cli_common[i];
        }
    }
    return NULL;
}

const vlt_option *vlt_cli_find_option(const vlt_command *command, const char *name, size_t length)
{
    const vlt_option *option;
    for (int i = 0; (option = vlt_cli_option(command, i)) != NULL; i++) {
        if (strlen(option->name) == length && !strncmp(option->name, name, length)) {
            return option;
        }
    }
    return NULL;
}

const vlt_option *vlt_cli_find_letter(const vlt_command *command, char letter)
{
    const vlt_option *option;
    for (int i = 0; (option = vlt_cli_option(command, i)) != NULL; i++) {
        if (option->letter == letter) {
            return option;
        }
    }
    return NULL;
}

void vlt_cli_environment_name(const vlt_option *option, char *text, size_t text_bytes)
{
    vlt_utf8_format(text, text_bytes, "VLTUNE_%s", option->name);
    for (char *p = text; *p; p++) {
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    }
}

/* Is it an option that other commands have? */
static bool common_elsewhere(const char *name)
{
    for (int i = 0; i < vlt_cli_common_count; i++) {
        if (!strcmp(vlt_cli_common[i].name, name)) {
            return true;
        }
    }
    return false;
}

vlt_status vlt_cli_unknown_option(const vlt_command *command, const char *word, vlt_error *err)
{
    enum { NAMES_MAX = 96 };
    const char *names[NAMES_MAX];
    const vlt_option *option;
    int count = 0;
    const vlt_quoted_text quoted = vlt_quoted(word, strcspn(word, "="));
    const char *name = quoted.text;
    while (count < NAMES_MAX && (option = vlt_cli_option(command, count)) != NULL) {
        names[count++] = option->name;
    }
    if (common_elsewhere(name + strspn(name, "-"))) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "%s: option '%s' means nothing here; see vltune %s "
                        "--help",
                        command->name, name, command->name);
    }
    const char *near = vlt_nearest_name(name + strspn(name, "-"), names, count);
    return vlt_fail(err, VLT_STATUS_USAGE, "%s: unknown option '%s'%s%s%s", command->name, name,
                    near ? ", did you mean '--" : "", near ? near : "", near ? "'?" : "");
}
