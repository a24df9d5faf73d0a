#include "reports/terminal/terminal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/cli/format.h"
#include "harness/files/places.h"
#include "optimizations/core/utf8_text.h"
#include "reports/report_text.h"
#include "reports/shape_text.h"

static const char white[] = " \t\r\n";

enum { LABEL = 10, OP = 14, SHAPE = 20, NUMBER = 10, GAIN = 15, INTERVAL = 10, ANSWER = 14 };

vlt_terminal vlt_terminal_stdout(bool colour)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    long width = 100;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        width = size.ws_col;
    } else if (columns) {
        width = strtol(columns, NULL, 10);
    }
    width = width < 80 ? 80 : width > 200 ? 200 : width;
    return (vlt_terminal){.stream = stdout, .colour = colour, .columns = (int)width};
}

void vlt_terminal_bar(double share, int width, char *text)
{
    int full = (int)lround(fmin(fmax(share, 0), 1) * width);
    text[0] = '[';
    memset(text + 1, '#', (size_t)full);
    memset(text + 1 + full, '-', (size_t)(width - full));
    memcpy(text + 1 + width, "]", 2);
}

static int columns_of(const char *text)
{
    return (int)vlt_utf8_columns(text, strlen(text));
}

/* Prints words, broken at white space so that no line passes the width; later lines are indented.
 */
static void print_wrapped(const vlt_terminal *terminal, const char *text, int indent)
{
    int used = indent;
    while (*text) {
        size_t length = strcspn(text, white);
        int wide = (int)vlt_utf8_columns(text, length);
        if (used > indent && used + 1 + wide > terminal->columns) {
            fprintf(terminal->stream, "\n%*s", indent, "");
            used = indent;
        } else if (used > indent) {
            fputc(' ', terminal->stream);
            used++;
        }
        vlt_format_clean(text, length, terminal->stream);
        used += wide;
        text += length;
        text += strspn(text, white);
    }
    fputc('\n', terminal->stream);
}

static void print_labelled(const vlt_terminal *terminal, const char *label, const char *text)
{
    if (text[0]) {
        fprintf(terminal->stream, "%-*s", LABEL, label);
        print_wrapped(terminal, text, LABEL);
    }
}

void vlt_terminal_head(const vlt_terminal *terminal, const vlt_report *report)
{
    print_labelled(terminal, "machine", report->machine);
    print_labelled(terminal, "model", report->model);
}

/* green for faster, red for slower; the word or number says the same without colour */
static const char *colour_of(const vlt_terminal *terminal, const vlt_report_row *row)
{
    const vlt_report_comparison *over = &row->over_default;
    if (!terminal->colour || !over->known) {
        return "";
    }
    return over->verdict == VLT_VERDICT_FASTER   ? "\033[32m"
           : over->verdict == VLT_VERDICT_SLOWER ? "\033[31m"
                                                 : "\033[2m";
}

/* text in `width` columns, left-aligned, cut where it is longer */
static void print_cell(const vlt_terminal *terminal, const char *text, int width)
{
    int columns = columns_of(text);
    if (columns < width) {
        vlt_format_clean(text, strlen(text), terminal->stream);
        fprintf(terminal->stream, "%*s", width - columns, "");
        return;
    }
    size_t kept = vlt_utf8_cut_columns(text, strlen(text), (size_t)width - 2);
    vlt_format_clean(text, kept, terminal->stream);
    fprintf(terminal->stream, "~%*s", width - 1 - (int)vlt_utf8_columns(text, kept), "");
}

/* text right-aligned in `width` columns */
static void print_right(const vlt_terminal *terminal, const char *text, int width)
{
    fprintf(terminal->stream, "%*s%s", width - columns_of(text), "", text);
}

static void print_row(const vlt_terminal *terminal, const vlt_report_row *row, const char *last)
{
    char baseline[32], tuned[32], gain[32], over[48], shape[96];
    vlt_format_ns(row->baseline_ns, baseline, sizeof baseline);
    vlt_format_ns(row->tuned_ns, tuned, sizeof tuned);
    vlt_format_speedup(&row->over_baseline, gain, sizeof gain);
    vlt_format_over_default(row, over, sizeof over);
    print_cell(terminal, row->op, OP);
    vlt_shape_text(row->op, row->shape, shape, sizeof shape);
    print_cell(terminal, shape, SHAPE);
    fprintf(terminal->stream, "%*s%*s%s", NUMBER - 1, baseline, NUMBER, tuned,
            colour_of(terminal, row));
    print_right(terminal, over, GAIN);
    fprintf(terminal->stream, "%s%*s  ", terminal->colour ? "\033[0m" : "", INTERVAL, gain);
    int room = terminal->columns - (OP + SHAPE + 2 * NUMBER + GAIN + INTERVAL + 1);
    if (room >= columns_of(last)) {
        fprintf(terminal->stream, "%s\n", vlt_quoted_path(last).text);
    } else {
        fprintf(terminal->stream, "\n%*s", OP, "");
        print_wrapped(terminal, last, OP);
    }
}

/* "avx512 tile=14", for a default that stays how many settings did not beat it, or not yet. */
static void choice_text(const vlt_report_row *row, char *text, size_t text_bytes)
{
    const char *choice = row->choice[0] ? row->choice : "-";
    if (row->is_default && row->settings > 1) {
        vlt_utf8_format(text, text_bytes, "%s (%s%lld settings tried, none certainly faster%s)",
                        choice,
                        row->over_default.verdict ? "" : "not decided: ", (long long)row->settings,
                        row->over_default.verdict ? "" : " so far");
    } else {
        vlt_utf8_format(text, text_bytes, "%s", choice);
    }
}

/* Has anything been measured of it? */
static bool is_shown(const vlt_report_row *row)
{
    return row->over_baseline.known || (row->over_default.known && row->settings > 1);
}

/* What was not measured is one line: how many problems, and how much of the time they are. */
static void print_unmeasured(const vlt_terminal *terminal, const vlt_report *report)
{
    int count = 0;
    double share = 0;
    for (int i = 0; i < report->row_count; i++) {
        if (!is_shown(&report->row[i])) {
            count++;
            share += isfinite(report->row[i].share) ? report->row[i].share : 0;
        }
    }
    if (count) {
        char text[200], amount[32] = "";
        if (share > 0) {
            snprintf(amount, sizeof amount, ", %.1f %% of the time,", share * 100);
        }
        vlt_utf8_format(
            text, sizeof text,
            "%d more problem%s%s %s the default variant: not measured within the budget", count,
            count == 1 ? "" : "s", amount, count == 1 ? "keeps" : "keep");
        print_wrapped(terminal, text, 0);
    }
}

static void print_table(const vlt_terminal *terminal, const vlt_report *report)
{
    bool wide = terminal->columns >= 100;
    fprintf(terminal->stream, "\n%-*s%-*s%*s%*s%*s%*s%s\n", OP, "operator", SHAPE, "shape",
            NUMBER - 1, "baseline", NUMBER, "tuned", GAIN, "over default", INTERVAL, "baseline",
            wide ? "  choice" : "");
    for (int i = 0; i < report->row_count; i++) {
        const vlt_report_row *row = &report->row[i];
        if (is_shown(row)) {
            char choice[400];
            choice_text(row, choice, sizeof choice);
            print_row(terminal, row, choice);
        }
    }
    if (report->end_to_end.op[0]) {
        print_row(terminal, &report->end_to_end,
                  report->correctness[0] ? report->correctness : "-");
    }
    print_unmeasured(terminal, report);
}

static const char *truth_mark(const char *answer, const char *truth)
{
    return !truth ? "" : answer && !strcmp(answer, truth) ? " (true)" : " (wrong)";
}

/* "  tuned       On a purple background: ...   (true)", wrapped */
static void print_answer(const vlt_terminal *terminal, const char *label, const char *text,
                         const char *mark)
{
    fprintf(terminal->stream, "  %-*s", ANSWER - 2, label);
    const char *known = vlt_report_known(text);
    char *line = NULL;
    if (asprintf(&line, "%s%s", known ? known : "-", mark) < 0) {
        line = NULL;
    }
    print_wrapped(terminal, line ? line : "-", ANSWER);
    free(line);
}

static void print_loss(const vlt_terminal *terminal, const vlt_report_loss *loss)
{
    const vlt_whole_divergence *measured = &loss->measured;
    if (loss->quality != VLT_QUALITY_EXACT && measured->steps > 0) {
        fprintf(terminal->stream,
                "%-*s%s: %.2g of %.2g nats from exact, %lld of %lld next tokens same\n", LABEL,
                "loss", vlt_quality_name(loss->quality), measured->kl_mean, loss->max_kl,
                (long long)measured->agreed, (long long)measured->steps);
    }
}

static void print_answers(const vlt_terminal *terminal, const vlt_report *report)
{
    for (int i = 0; i < report->answer_count; i++) {
        const vlt_report_answer *answer = &report->answer[i];
        bool equal = answer->baseline && answer->tuned && !strcmp(answer->baseline, answer->tuned);
        bool right = answer->truth && answer->tuned && !strcmp(answer->tuned, answer->truth);
        fprintf(terminal->stream, "\n%s   \"%s\"\n", vlt_quoted_path(answer->image).text,
                vlt_quoted_path(answer->question).text);
        print_answer(terminal, "answer", answer->tuned, truth_mark(answer->tuned, answer->truth));
        if (!equal) {
            print_answer(terminal, "baseline", answer->baseline,
                         truth_mark(answer->baseline, answer->truth));
        }
        if (answer->truth && !right) {
            print_answer(terminal, "truth", answer->truth, "");
        }
    }
    if (report->accuracy_total > 0) {
        fprintf(terminal->stream, "\n%-*s%lld of %lld unseen scenes, default %lld, baseline %lld\n",
                LABEL, "accuracy", (long long)report->accuracy_tuned,
                (long long)report->accuracy_total, (long long)report->accuracy_default,
                (long long)report->accuracy_baseline);
    }
    print_loss(terminal, &report->loss);
}

/* "~/.config/vltune/1a2b3c4d-5e6f7a8b.toml" */
static const char *shown_path(const char *path, char *text, size_t text_bytes)
{
    char *shown = vlt_place_shown(path);
    vlt_utf8_format(text, text_bytes, "%s", vlt_quoted_path(shown ? shown : path).text);
    free(shown);
    return text;
}

void vlt_terminal_result(const vlt_terminal *terminal, const vlt_report *report)
{
    char tuned[32], baseline[32], path[4200];
    print_table(terminal, report);
    print_answers(terminal, report);
    fputc('\n', terminal->stream);
    for (int i = 0; i < report->note_count; i++) {
        print_wrapped(terminal, report->note[i], 0);
    }
    if (isfinite(report->peak_tuned_bytes)) {
        vlt_format_bytes(report->peak_tuned_bytes, tuned, sizeof tuned);
        vlt_format_bytes(report->peak_default_bytes > 0 ? report->peak_default_bytes : NAN,
                         baseline, sizeof baseline);
        fprintf(terminal->stream, "%-*speak %s (default %s)\n", LABEL, "memory", tuned, baseline);
    }
    fprintf(terminal->stream, "\n");
    if (report->config_path[0]) {
        fprintf(terminal->stream, "%-*s%-18s  why a choice was made: vltune explain\n", LABEL,
                "config", shown_path(report->config_path, path, sizeof path));
    }
    if (report->db_path[0]) {
        fprintf(terminal->stream, "%-*s%-18s  ", LABEL, "samples",
                shown_path(report->db_path, path, sizeof path));
        if (report->page_path[0]) {
            fprintf(terminal->stream, "page with plots: %s",
                    vlt_quoted_path(report->page_path).text);
        }
        fputc('\n', terminal->stream);
    }
}
