#include "reports/cli/gate_margins.h"

#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"

static vlt_status read_percent(const char *text, double *share, vlt_error *err)
{
    char *end;
    double percent = strtod(text, &end);
    if (end == text || (*end && strcmp(end, "%") != 0) || !(percent >= 0 && percent <= 100)) {
        return vlt_fail(err, VLT_STATUS_USAGE, "'%s', expected [STAGE=]PERCENT with 0 to 100",
                        text);
    }
    *share = percent / 100;
    return VLT_OK;
}

vlt_status vlt_gate_margin_check(const vlt_cli *cli, const char *text, vlt_error *err)
{
    const char *equals = strrchr(text, '=');
    double share;
    (void)cli;
    return read_percent(equals ? equals + 1 : text, &share, err);
}

vlt_status vlt_gate_margins_read(const vlt_cli *cli, bool count, vlt_gate_margins *margins,
                                 vlt_error *err)
{
    *margins = (vlt_gate_margins){.stage = count ? 0.0005 : 0.01, .whole = count ? 0.0005 : 0.03};
    vlt_status status = VLT_OK;
    for (int i = 0; i < vlt_cli_count(cli, "margin") && status == VLT_OK; i++) {
        /* the last one: a stage in full has its dimensions in its name */
        const char *text = vlt_cli_nth(cli, "margin", i), *equals = strrchr(text, '=');
        if (!equals) {
            status = read_percent(text, &margins->stage, err);
            margins->whole = margins->stage;
        } else if (margins->count == VLT_GATE_MARGINS_MAX) {
            status = vlt_fail(err, VLT_STATUS_USAGE, "--margin: more than %d stages",
                              VLT_GATE_MARGINS_MAX);
        } else {
            int k = margins->count++;
            size_t length = (size_t)(equals - text);
            if (length >= sizeof margins->own[k].name) {
                return vlt_fail(err, VLT_STATUS_USAGE,
                                "--margin: stage '%s' of %zu bytes, expected below %zu",
                                vlt_quoted(text, length).text, length, sizeof margins->own[k].name);
            }
            memcpy(margins->own[k].name, text, length);
            margins->own[k].name[length] = '\0';
            status = read_percent(equals + 1, &margins->own[k].margin, err);
        }
    }
    return status;
}

double vlt_gate_margins_of(vlt_gate_margins *margins, const char *stage, bool whole)
{
    double margin = whole ? margins->whole : margins->stage;
    const char *name = whole ? "end-to-end" : stage;
    for (int i = 0; i < margins->count; i++) {
        const char *own = margins->own[i].name;
        size_t length = strlen(own);
        if (!strncmp(name, own, length) && (!name[length] || strchr(" /@:", name[length]))) {
            margin = margins->own[i].margin;
            margins->own[i].used = true;
        }
    }
    return margin;
}

vlt_status vlt_gate_margins_check(const vlt_gate_margins *margins, vlt_error *err)
{
    for (int i = 0; i < margins->count; i++) {
        if (!margins->own[i].used) {
            return vlt_fail(err, VLT_STATUS_USAGE, "--margin: no stage is named '%s'",
                            margins->own[i].name);
        }
    }
    return VLT_OK;
}
