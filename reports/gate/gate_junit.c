/* A gate as JUnit XML: inconclusive is skipped, slower a failure, wrong an error. */
#include <stdlib.h>

#include "harness/json/buffer.h"
#include "reports/gate/gate_format_internal.h"

static double seconds_of(const vlt_gate_stage *stage)
{
    return vlt_row_measured(&stage->screen)
               ? stage->screen.experiment.result.call_ns[1] * 1e-9
               : 0; /* the schema knows no "unknown"; the case is skipped then */
}

static void write_case(const vlt_gate_stage *stage, vlt_buffer *xml)
{
    static const char *const element[] = {NULL, "skipped", "failure", "error"};
    char ratio[24], interval[48];
    vlt_gate_format_ratio(stage, ratio, sizeof ratio, interval, sizeof interval);
    vlt_buffer_text(xml, "    <testcase classname=\"vltune.gate\" name=\"");
    vlt_buffer_xml(xml, stage->name);
    vlt_buffer_print(xml, "\" time=\"%.9f\">\n", seconds_of(stage));
    if (element[stage->verdict]) {
        vlt_buffer_print(xml, "      <%s message=\"", element[stage->verdict]);
        vlt_buffer_xml(xml, stage->reason);
        vlt_buffer_text(xml, "\"/>\n");
    }
    vlt_buffer_print(xml, "      <system-out>ratio %s, interval %s: ", ratio, interval);
    vlt_buffer_xml(xml, stage->reason);
    vlt_buffer_text(xml, "</system-out>\n    </testcase>\n");
}

vlt_status vlt_gate_write_junit(const vlt_gate *gate, const vlt_gate_facts *facts, FILE *stream,
                                vlt_error *err)
{
    vlt_buffer text = {0}, *xml = &text;
    int count[4] = {0};
    for (int i = 0; i < gate->stage_count; i++) {
        count[gate->stage[i].verdict]++;
    }
    vlt_buffer_text(xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
                         "  <testsuite name=\"vltune gate\"");
    vlt_buffer_print(xml, " tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"%d\">\n",
                     gate->stage_count, count[VLT_GATE_REGRESSION], count[VLT_GATE_WRONG],
                     count[VLT_GATE_INCONCLUSIVE]);
    vlt_buffer_text(xml, "    <properties>\n      <property name=\"baseline\" value=\"");
    vlt_buffer_xml(xml, facts->baseline);
    vlt_buffer_text(xml, "\"/>\n      <property name=\"candidate\" value=\"");
    vlt_buffer_xml(xml, facts->candidate);
    vlt_buffer_print(xml,
                     "\"/>\n      <property name=\"seed\" value=\"%llu\"/>\n    </properties>\n",
                     (unsigned long long)facts->seed);
    for (int i = 0; i < gate->stage_count; i++) {
        write_case(&gate->stage[i], xml);
    }
    vlt_buffer_text(xml, "  </testsuite>\n</testsuites>\n");
    vlt_status status = VLT_OK;
    if (text.failed) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "no memory for the result");
    } else {
        fwrite(text.data, 1, text.bytes, stream);
    }
    free(text.data);
    return status;
}
