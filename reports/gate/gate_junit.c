/* A gate as JUnit XML: inconclusive is skipped, slower a failure, wrong an error. */
#include <string.h>

#include "reports/gate/gate_format_internal.h"

/* Only what XML 1.0 allows, in any attribute or text: other control characters and bytes above
 * ASCII that may not be UTF-8 become '?'. */
static void write_escaped(const char *text, FILE *stream)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        switch (c) {
        case '<':
            fputs("&lt;", stream);
            break;
        case '>':
            fputs("&gt;", stream);
            break;
        case '&':
            fputs("&amp;", stream);
            break;
        case '"':
            fputs("&quot;", stream);
            break;
        default:
            fputc((c < 0x20 && c != '\n' && c != '\t') || c >= 0x7F ? '?' : c, stream);
            break;
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
