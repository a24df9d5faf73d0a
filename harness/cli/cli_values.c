/* What was given, for the commands. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/cli/cli_internal.h"

bool vlt_cli_has(const vlt_cli *cli, const char *option)
{
    return vlt_cli_find_option(cli->command, option, strlen(option)) != NULL;
}

int vlt_cli_count(const vlt_cli *cli, const char *option)
{
    int count = 0;
    assert(vlt_cli_has(cli, option));
    for (int i = 0; i < cli->value_count; i++) {
        count += !strcmp(cli->value[i].option->name, option);
    }
    return count;
}

const char *vlt_cli_nth(const vlt_cli *cli, const char *option, int index)
{
    for (int i = 0; i < cli->value_count; i++) {
        if (!strcmp(cli->value[i].option->name, option) && index-- == 0) {
            return cli->value[i].text;
        }
    }
    return NULL;
}

bool vlt_cli_flag(const vlt_cli *cli, const char *option)
{
    return vlt_cli_count(cli, option) > 0;
}

const char *vlt_cli_text(const vlt_cli *cli, const char *option, const char *otherwise)
{
    int count = vlt_cli_count(cli, option); /* the last one given counts */
    return count ? vlt_cli_nth(cli, option, count - 1) : otherwise;
}

bool vlt_cli_read_int(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *out = value;
    return end != text && !*end && !errno;
}

bool vlt_cli_read_real(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && !*end && !isnan(*out);
}

/* A number, perhaps with a fraction before a unit: "1.5G". */
bool vlt_cli_read_bytes(const char *text, int64_t *out)
{
    static const struct {
        const char *suffix;
        int shift;
    } units[] = {{"", 0},     {"K", 10}, {"KiB", 10}, {"M", 20},
                 {"MiB", 20}, {"G", 30}, {"GiB", 30}, {"T", 40}};
    char *end;
    errno = 0;
    long long whole = strtoll(text, &end, 10);
    bool fraction = *end == '.';
    double value = fraction ? strtod(text, &end) : (double)whole;
    if (end == text || errno || !strchr("0123456789", text[0]) || strpbrk(text, "xXeE")) {
        return false;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        int shift = units[i].shift;
        if (!strcasecmp(end, units[i].suffix) && (shift || !fraction) &&
            value <= (double)(INT64_MAX >> shift)) {
            *out = fraction ? (int64_t)(value * (double)(INT64_C(1) << shift)) : whole << shift;
            return *out >= 0;
        }
    }
    return false;
}

bool vlt_cli_read_seconds(const char *text, double *out)
{
    static const struct {
        const char *suffix;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"m", 60}, {"min", 60}, {"h", 3600}};
    char *end;
    double value = strtod(text, &end);
    for (size_t i = 0;
         end != text && isfinite(value) && value > 0 && i < sizeof units / sizeof *units; i++) {
        if (!strcmp(end, units[i].suffix)) {
            *out = value * units[i].seconds;
            return true;
        }
    }
    return false;
}

/* The parser has checked what is read here. */
int64_t vlt_cli_int(const vlt_cli *cli, const char *option, int64_t otherwise)
{
    const char *text = vlt_cli_text(cli, option, NULL);
    int64_t value;
    return text && vlt_cli_read_int(text, &value) ? value : otherwise;
}

int64_t vlt_cli_bytes(const vlt_cli *cli, const char *option, int64_t otherwise)
{
    const char *text = vlt_cli_text(cli, option, NULL);
    int64_t value;
    return text && vlt_cli_read_bytes(text, &value) ? value : otherwise;
}

double vlt_cli_real(const vlt_cli *cli, const char *option, double otherwise)
{
    const char *text = vlt_cli_text(cli, option, NULL);
    double value;
    return text && vlt_cli_read_real(text, &value) ? value : otherwise;
}

vlt_quality vlt_cli_quality(const vlt_cli *cli)
{
    vlt_quality quality = VLT_QUALITY_EXACT;
    vlt_quality_parse(vlt_cli_text(cli, "quality", NULL), &quality, NULL); /* checked by its kind */
    return quality;
}

double vlt_cli_seconds(const vlt_cli *cli, const char *option, double otherwise_s)
{
    const char *text = vlt_cli_text(cli, option, NULL);
    double value;
    return text && vlt_cli_read_seconds(text, &value) ? value : otherwise_s;
}

int vlt_cli_operand_count(const vlt_cli *cli)
{
    return cli->operand_count;
}

const char *vlt_cli_operand(const vlt_cli *cli, int index)
{
    return index < cli->operand_count ? cli->operand[index] : NULL;
}
