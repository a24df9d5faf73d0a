/* A gate as JUnit XML: inconclusive is skipped, slower a failure, wrong an error. */
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "reports/gate/gate_format_internal.h"

/* Only what XML 1.0 allows, in any attribute or text: bytes that are no UTF-8 and control
 * characters as utf8_text.h shows them, U+FFFE and U+FFFF, which it forbids, as '?'. */
static void write_escaped(const char *text, FILE *stream)
{
    static const struct {
        char letter;
        const char *entity;
    } entities[] = {{'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}, {'"', "&quot;"}};
    for (size_t left = strlen(text), length; left > 0; text += length, left -= length) {
        const char *shown = NULL;
        length = vlt_utf8_length(text, left);
        for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
            shown = *text == entities[i].letter ? entities[i].entity : shown;
        }
        if (length == 3 && (!memcmp(text, "\xEF\xBF\xBE", 3) || !memcmp(text, "\xEF\xBF\xBF", 3))) {
            shown = "?";
        }
        length = length ? length : 1;
        if (shown) {
            fputs(shown, stream);
        } else if (*text == '\n' || *text == '\t') {
            fputc(*text, stream);
        } else {
            fputs(vlt_quoted(text, length).text, stream);
        }
    }
}

static double seconds_of(const vlt_gate_stage *stage)
{
    return vlt_row_measured(&stage->screen)
               ? stage->screen.experiment.result.call_ns[1] * 1e-9
               : 0; /* the schema knows no "unknown"; the case is skipped then */
}

static void write_case(const vlt_gate_stage *stage, FILE *stream)
{
    static const char *const element[] = {NULL, "skipped", "failure", "error"};
    char ratio[24], interval[48];
    vlt_gate_format_ratio(stage, ratio, sizeof ratio, interval, sizeof interval);
    fputs("    <testcase classname=\"vltune.gate\" name=\"", stream);
    write_escaped(stage->name, stream);
    fprintf(stream, "\" time=\"%.9f\">\n", seconds_of(stage));
    if (element[stage->verdict]) {
        fprintf(stream, "      <%s message=\"", element[stage->verdict]);
        write_escaped(stage->reason, stream);
        fputs("\"/>\n", stream);
    }
    fprintf(stream, "      <system-out>ratio %s, interval %s: ", ratio, interval);
    write_escaped(stage->reason, stream);
    fputs("</system-out>\n    </testcase>\n", stream);
}

void vlt_gate_write_junit(const vlt_gate *gate, const vlt_gate_facts *facts, FILE *stream)
{
    int count[4] = {0};
    for (int i = 0; i < gate->stage_count; i++) {
        count[gate->stage[i].verdict]++;
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
          "  <testsuite name=\"vltune gate\"",
          stream);
    fprintf(stream, " tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"%d\">\n",
            gate->stage_count, count[VLT_GATE_REGRESSION], count[VLT_GATE_WRONG],
            count[VLT_GATE_INCONCLUSIVE]);
    fputs("    <properties>\n      <property name=\"baseline\" value=\"", stream);
    write_escaped(facts->baseline, stream);
    fputs("\"/>\n      <property name=\"candidate\" value=\"", stream);
    write_escaped(facts->candidate, stream);
    fprintf(stream, "\"/>\n      <property name=\"seed\" value=\"%llu\"/>\n    </properties>\n",
            (unsigned long long)facts->seed);
    for (int i = 0; i < gate->stage_count; i++) {
        write_case(&gate->stage[i], stream);
    }
    fputs("  </testsuite>\n</testsuites>\n", stream);
}
