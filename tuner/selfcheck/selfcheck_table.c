/* The self-check's table: one line a series, tab-separated; declared in selfcheck.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "optimizations/core/utf8_text.h"
#include "tuner/selfcheck/selfcheck.h"

enum { TABLE_MAX = 256 << 20, FIELDS = 14 };

static const char header[] = "neighbour\tgate\tkernel\twork\tseed\tverdict\tseconds\tconfirmed\t"
                             "replays\tgoogle_benchmark\tcriterion\tthreshold\tlaunches\t"
                             "log_ratios_ppm";

const char *vlt_selfcheck_header(void)
{
    return header;
}

vlt_status vlt_selfcheck_add(vlt_selfcheck *check, const vlt_selfcheck_line *line, vlt_error *err)
{
    if (check->count == check->capacity) {
        int capacity = check->capacity ? check->capacity * 2 : 256;
        vlt_selfcheck_line *lines = realloc(check->line, (size_t)capacity * sizeof *lines);
        if (!lines) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %d lines", capacity);
        }
        check->line = lines;
        check->capacity = capacity;
    }
    check->line[check->count++] = *line;
    return VLT_OK;
}

void vlt_selfcheck_format_line(const vlt_selfcheck_line *line, char *text, size_t text_bytes)
{
    int used = snprintf(
        text, text_bytes, "%d\t%d\t%s\t%d\t%llu\t%s\t%.3f\t%d\t%d\t%d\t%d\t%d\t%d\t", line->busy,
        line->gate, vlt_probe_name(line->kernel), vlt_selfcheck_work[line->work],
        (unsigned long long)line->seed, vlt_gate_verdict_name(line->verdict), line->seconds,
        line->confirmed, line->rivals.replays, line->rivals.google_benchmark,
        line->rivals.criterion, line->rivals.threshold, line->launches);
    for (int i = 0; i < line->launches && used > 0 && (size_t)used < text_bytes; i++) {
        used += snprintf(text + used, text_bytes - (size_t)used, "%s%d", i ? "," : "",
                         line->ppm[i]);
    }
}

static bool read_number(const char *text, long long low, long long high, long long *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return end != text && !*end && !errno && *out >= low && *out <= high;
}

static int index_of_kernel(const char *name)
{
    for (int i = 0; i < VLT_PROBE_COUNT; i++) {
        if (!strcmp(name, vlt_probe_name(i))) {
            return i;
        }
    }
    return -1;
}

static int index_of_work(const char *text)
{
    for (int i = 0; i < VLT_SELFCHECK_WORKS; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", vlt_selfcheck_work[i]);
        if (!strcmp(text, number)) {
            return i;
        }
    }
    return -1;
}

static int index_of_verdict(const char *text)
{
    for (int i = VLT_GATE_PASS; i <= VLT_GATE_WRONG; i++) {
        if (!strcmp(text, vlt_gate_verdict_name((vlt_gate_verdict)i))) {
            return i;
        }
    }
    return -1;
}

static bool read_ratios(char *text, vlt_selfcheck_line *line)
{
    int n = 0;
    char *save = NULL;
    for (char *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
        long long ppm;
        if (n == line->launches || !read_number(word, INT32_MIN, INT32_MAX, &ppm)) {
            return false;
        }
        line->ppm[n++] = (int32_t)ppm;
    }
    return n == line->launches;
}

static bool read_fields(char *field[FIELDS], vlt_selfcheck_line *line)
{
    long long v[FIELDS];
    static const int counts[] = {0, 1, 7, 8, 9, 10, 11, 12};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (!read_number(field[counts[i]], 0, 1000000, &v[counts[i]])) {
            return false;
        }
    }
    char *end;
    int verdict = index_of_verdict(field[5]);
    line->kernel = index_of_kernel(field[2]);
    line->work = index_of_work(field[3]);
    line->seed = strtoull(field[4], &end, 10);
    bool seed = end != field[4] && !*end;
    line->seconds = strtod(field[6], &end);
    bool seconds = end != field[6] && !*end && line->seconds >= 0 && line->seconds < 1e9;
    if (line->kernel < 0 || line->work < 0 || verdict < 0 || !seed || !seconds || v[0] > 1 ||
        v[12] > VLT_SELFCHECK_LAUNCHES) {
        return false;
    }
    line->busy = (int)v[0];
    line->gate = (int)v[1];
    line->verdict = (vlt_gate_verdict)verdict;
    line->confirmed = (int)v[7];
    line->rivals = (vlt_rivals){(int)v[8], (int)v[9], (int)v[10], (int)v[11]};
    line->launches = (int)v[12];
    return read_ratios(field[13], line);
}

static bool read_line(char *text, vlt_selfcheck_line *line)
{
    char *field[FIELDS];
    int n = 0;
    *line = (vlt_selfcheck_line){0};
    while (n < FIELDS) {
        field[n++] = text;
        text = strchr(text, '\t');
        if (!text) {
            break;
        }
        *text++ = '\0';
    }
    return n == FIELDS && !text && read_fields(field, line);
}

/* Lines that begin with '#' are remarks. A last line without its end was cut by a full disk or a
 * kill; it is left out, and measured again. */
vlt_status vlt_selfcheck_parse(const char *text, const char *name, vlt_selfcheck *check,
                               vlt_error *err)
{
    bool seen_header = false;
    int number = 0;
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        char copy[2048];
        vlt_selfcheck_line line;
        size_t length = (size_t)(end - text);
        number++;
        if (length == 0 || text[0] == '#') {
            continue;
        }
        if (length >= sizeof copy) {
            return vlt_fail(err, VLT_STATUS_INPUT, "%s:%d: a line of %zu bytes, expected below %zu",
                            name, number, length, sizeof copy);
        }
        memcpy(copy, text, length);
        copy[length] = '\0';
        if (!seen_header) {
            if (strcmp(copy, header) != 0) {
                return vlt_fail(err, VLT_STATUS_INPUT, "%s:%d: this is no table of a self-check",
                                name, number);
            }
            seen_header = true;
            continue;
        }
        if (!read_line(copy, &line)) {
            return vlt_fail(err, VLT_STATUS_INPUT, "%s:%d: not understood: '%s'", name, number,
                            vlt_quoted_word(copy).text);
        }
        vlt_status status = vlt_selfcheck_add(check, &line, err);
        if (status != VLT_OK) {
            return status;
        }
    }
    return VLT_OK;
}

vlt_status vlt_selfcheck_read(const char *path, vlt_selfcheck *check, vlt_error *err)
{
    char *text = NULL;
    size_t bytes;
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
        return VLT_OK; /* a new table, or nothing that can be read again */
    }
    vlt_status status = vlt_read_file(path, TABLE_MAX, &text, &bytes, err);
    if (status == VLT_OK) {
        status = vlt_selfcheck_parse(text, path, check, err);
    }
    free(text);
    return status;
}
