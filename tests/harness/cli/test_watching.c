/* --trace and --stats: what happens inside can be watched, and is as the reader expects it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "harness/json/json.h"
#include "tests/support/demo.h"
#include "tests/support/image_files.h"

static const char lines[] = "{\"prompt\": \"How many?\", \"images\": [\"scenes/scene-000.jpg\", "
                            "\"scenes/scene-001.jpg\"]}\n"
                            "{\"prompt\": \"Describe.\"}\n"
                            "{\"prompt\": \"How many?\", \"images\": [\"scenes/scene-001.jpg\"]}\n";

/* Spans of the name; each must lie within the run and say who did it. */
static int count_spans(const json_t *events, const char *name)
{
    int count = 0;
    size_t i;
    json_t *event;
    json_array_foreach(events, i, event)
    {
        const char *phase = json_string_value(json_object_get(event, "ph"));
        cr_assert(phase && json_is_integer(json_object_get(event, "pid")));
        if (!strcmp(phase, "X") &&
            !strcmp(json_string_value(json_object_get(event, "name")), name)) {
            count++;
            cr_expect_geq(test_demo_number(event, "ts"), 0);
            cr_expect_geq(test_demo_number(event, "dur"), 0);
            cr_expect(json_is_integer(json_object_get(event, "tid")));
            cr_expect(json_is_string(json_object_get(event, "cat")));
        }
    }
    return count;
}

static json_t *read_trace(const char *path)
{
    json_t *trace = NULL;
    vlt_error err = {0};
    cr_assert_eq(vlt_json_load(path, 1 << 24, &trace, &err), VLT_OK, "%s", err.message);
    cr_assert(json_is_array(json_object_get(trace, "traceEvents")));
    return trace;
}

Test(watching, a_trace_holds_every_stage, .init = test_demo_make, .fini = test_demo_remove)
{
    test_demo_write("in.jsonl", lines);
    test_output output = test_demo_run("batch %s in.jsonl -n 5 --greedy --ignore-eos %s",
                                       "--trace trace.json --embedding-cache 0 --parallel 1");
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    json_t *trace = read_trace("trace.json");
    const json_t *events = json_object_get(trace, "traceEvents");
    cr_expect_eq(count_spans(events, "decode image"), 3);
    cr_expect_eq(count_spans(events, "resize and cut"), 3);
    cr_expect_eq(count_spans(events, "tokenize"), 3, "three different texts");
    cr_expect_eq(count_spans(events, "vision"), 2, "two requests with images, one group each");
    cr_expect_geq(count_spans(events, "prefill"), 3);
    cr_expect_eq(count_spans(events, "decode"), 3 * 4);
    json_decref(trace);
    test_output_release(&output);
}

struct span {
    double begin_us, end_us;
    int64_t thread;
    bool waits;
};

static int read_spans(const json_t *events, struct span *span, int most)
{
    int count = 0;
    size_t i;
    json_t *event;
    json_array_foreach(events, i, event)
    {
        if (!strcmp(json_string_value(json_object_get(event, "ph")), "X") && count < most) {
            const double at = test_demo_number(event, "ts");
            span[count++] = (struct span){
                at, at + test_demo_number(event, "dur"), (int64_t)test_demo_number(event, "tid"),
                !strcmp(json_string_value(json_object_get(event, "cat")), "wait")};
        }
    }
    return count;
}

/* Lines that wait for each other's memory: however long that is here, none of it is work. */
Test(watching, waiting_for_memory_is_no_work, .init = test_demo_make, .fini = test_demo_remove)
{
    enum { SPANS_MAX = 4000 };
    static struct span span[SPANS_MAX];
    char text[4000] = "";
    for (int i = 0; i < 12; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "{\"prompt\": \"%d\", \"images\": [\"picture.png\"]}\n", i);
    }
    test_png_one_colour("picture.png", 900, 700, 1);
    test_demo_write("in.jsonl", text);
    test_output output = test_demo_run("batch %s in.jsonl -n 2 --greedy --embedding-cache 0 %s",
                                       "--trace trace.json --parallel 4 --memory-limit 40M");
    json_t *trace = read_trace("trace.json");
    const int count = read_spans(json_object_get(trace, "traceEvents"), span, SPANS_MAX);
    cr_assert(count > 0 && count < SPANS_MAX);
    for (int i = 0; i < count; i++) {
        for (int k = 0; span[i].waits && k < count; k++) {
            cr_assert(span[k].waits || span[k].thread != span[i].thread ||
                          span[k].begin_us >= span[i].end_us - 1 ||
                          span[k].end_us <= span[i].begin_us + 1,
                      "work of %.0f to %.0f us while its thread waits from %.0f to %.0f",
                      span[k].begin_us, span[k].end_us, span[i].begin_us, span[i].end_us);
        }
    }
    json_decref(trace);
    test_output_release(&output);
}

/* A counter-weight: who does not ask gets none, who interrupts or fails gets what there is. */
Test(watching, a_run_that_fails_leaves_its_trace, .init = test_demo_make, .fini = test_demo_remove)
{
    test_output output = test_demo_run("run %s --prompt a -n 5 --image scenes/scene-000.jpg "
                                       "--image scenes/scenes.jsonl %s",
                                       "--trace trace.json");
    cr_expect_eq(output.exit_code, 2, "%s", output.err);
    json_t *trace = read_trace("trace.json");
    cr_expect_geq(count_spans(json_object_get(trace, "traceEvents"), "decode image"), 1);
    json_decref(trace);
    test_output_release(&output);
    output = test_demo_run("run %s --prompt a -n 1 --greedy %s", "--trace nofolder/trace.json");
    cr_expect_eq(output.exit_code, 2);
    test_output_release(&output);
}

Test(watching, stats_tell_while_a_batch_runs, .init = test_demo_make, .fini = test_demo_remove)
{
    FILE *file = fopen("in.jsonl", "w");
    for (int i = 0; i < 40; i++) {
        fprintf(file, "{\"prompt\": \"Number %d\", \"max_tokens\": 30, \"ignore_eos\": true}\n", i);
    }
    fclose(file);
    test_output output = test_demo_run("batch %s in.jsonl --greedy %s", "--stats 10ms");
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    cr_expect(strstr(output.err, " answers (") && strstr(output.err, " tokens (") &&
                  strstr(output.err, "under way") && strstr(output.err, "memory "),
              "%s", output.err);
    test_output_release(&output);
    output = test_demo_run("batch %s in.jsonl --greedy %s", "--stats 10ms --quiet");
    cr_expect_str_empty(output.err);
    test_output_release(&output);
    output = test_demo_run("batch %s in.jsonl %s", "--stats 1ms");
    cr_expect_eq(output.exit_code, 2);
    cr_expect(strstr(output.err, "--stats 1ms: expected 10 ms or more"), "%s", output.err);
    test_output_release(&output);
    output = test_demo_run("batch %s in.jsonl %s", "--stats 0");
    cr_expect_eq(output.exit_code, 2);
    test_output_release(&output);
}
