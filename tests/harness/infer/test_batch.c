/* Batches on the demo model: order, bad lines, resuming, stopping. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/infer/batch_asked.h"
#include "harness/infer/batch_line.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"

enum { ANSWERS_MAX = 64 };

struct answers {
    char id[ANSWERS_MAX][32], text[ANSWERS_MAX][256], error[ANSWERS_MAX][VLT_ERROR_BYTES];
    int64_t cached[ANSWERS_MAX];
    int count, stop_at;
};

static vlt_status take(void *user, const char *id, const vlt_response *response,
                       const vlt_error *error, vlt_error *err)
{
    struct answers *answers = user;
    (void)err;
    snprintf(answers->id[answers->count], 32, "%s", id);
    if (response) {
        snprintf(answers->text[answers->count], 256, "%s", response->text);
        answers->cached[answers->count] = response->cached_count;
        const vlt_timings *t = &response->timings;
        double sum = t->load + t->image_decode + t->preprocess + t->tokenize + t->vision +
                     t->prefill + t->decode + t->other;
        cr_expect_float_eq(sum, t->total + t->overlap, 1e-6);
    } else {
        snprintf(answers->error[answers->count], VLT_ERROR_BYTES, "%s", error->message);
    }
    answers->count++;
    return VLT_OK;
}

static bool stop(void *user)
{
    const struct answers *answers = user;
    return answers->stop_at && answers->count >= answers->stop_at;
}

static FILE *file_of(const char *text)
{
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    fputs(text, file);
    rewind(file);
    return file;
}

static vlt_line_reader reader_of(FILE *file)
{
    return (vlt_line_reader){.file = fileno(file), .name = "in.jsonl"};
}

static int parallel;            /* of the next run; 0: as the engine likes */
static int64_t embedding_cache; /* of the next run; 0: the default, -1: off */

static vlt_status run(const char *lines, const char *force, int64_t skip, struct answers *answers)
{
    const vlt_engine_options options = {.force = &force,
                                        .force_count = force != NULL,
                                        .services = {.embedding_cache = embedding_cache}};
    const vlt_request defaults = {.max_tokens = 6, .greedy = true};
    vlt_engine *engine = test_demo_engine(&options);
    vlt_error err = {0};
    FILE *file = file_of(lines);
    vlt_line_reader input = reader_of(file);
    vlt_buffer line = {0};
    bool found = true;
    for (int64_t i = 0; i < skip && found; i++) {
        cr_assert_eq(vlt_line_reader_next(&input, &line, &found, NULL), VLT_OK);
    }
    free(line.data);
    const vlt_batch batch = {.input = &input,
                             .defaults = &defaults,
                             .parallel = parallel,
                             .answer = take,
                             .stop = stop,
                             .user = answers};
    vlt_status status = vlt_batch_run(engine, &batch, NULL, &err);
    free(input.ahead.data);
    fclose(file);
    vlt_engine_close(engine);
    return status;
}

static const char mixed[] =
    "{\"id\": 1, \"prompt\": \"How many circles are there?\"}\n"
    "\n"
    "{\"id\": \"two\", \"messages\": [{\"role\": \"user\", \"content\": \"Describe.\"}]}\n"
    "{\"id\": 3\n"
    "[]\n"
    "{\"id\": 5, \"messages\": 7}\n"
    "{\"id\": 6, \"prompt\": \"a\", \"temperature\": \"hot\"}\n"
    "{\"id\": 7, \"prompt\": \"a\", \"images\": [\"/absent.jpg\"]}\n"
    "{\"id\": {\"x\": [8]}, \"prompt\": \"How many?\", \"max_tokens\": 3, \"stop\": [\"zz\"]}\n"
    "{\"prompt\": \"nothing\", \"max_tokens\": 100000000}\n"
    "{\"id\": 10, \"prompt\": \"How many circles are there?\"}";

Test(batch, keeps_order_and_survives_bad_lines)
{
    static const char *const ids[] = {"1", "\"two\"", "null",         "null", "5",
                                      "6", "7",       "{\"x\": [8]}", "null", "10"};
    static const bool good[] = {1, 1, 0, 0, 0, 0, 0, 1, 0, 1};
    static const char *const force[] = {"pipeline=baseline", "pipeline=overlapped"};
    static struct answers answers[2];
    for (int v = 0; v < 2; v++) {
        cr_assert_eq(run(mixed, force[v], 0, &answers[v]), VLT_OK);
        cr_assert_eq(answers[v].count, 10);
        for (int i = 0; i < 10; i++) {
            cr_expect_str_eq(answers[v].id[i], ids[i]);
            cr_expect_eq(answers[v].error[i][0] == '\0', good[i], "%s: %s", force[v],
                         answers[v].error[i]);
        }
        cr_expect_str_eq(answers[v].text[0], answers[v].text[9]);
        cr_expect_not_null(strstr(answers[v].error[5], "temperature"));
        cr_expect_not_null(strstr(answers[v].error[6], "absent.jpg"));
        cr_expect_not_null(strstr(answers[v].error[8], "100000000"));
    }
    cr_expect_arr_eq(answers[0].text, answers[1].text, sizeof answers[0].text);
}

Test(batch, is_answered_alike_side_by_side)
{
    static const char *const force[] = {"pipeline=baseline", "pipeline=overlapped"};
    static struct answers alone, together;
    char lines[8192] = "";
    for (int i = 0; i < 20; i++) { /* of different lengths, with bad ones between */
        size_t used = strlen(lines);
        snprintf(lines + used, sizeof lines - used,
                 i % 7 == 3
                     ? "{\"id\": %d, \"prompt\": 7}\n"
                     : "{\"id\": %d, \"prompt\": \"How many circles? %d\", \"max_tokens\": %d, "
                       "\"temperature\": 0.9, \"greedy\": false, \"seed\": %d}\n",
                 i, i * i, 1 + i * 5 % 17, i);
    }
    parallel = 1;
    cr_assert_eq(run(lines, force[0], 0, &alone), VLT_OK);
    cr_assert_eq(alone.count, 20);
    for (int v = 0; v < 2; v++) {
        for (parallel = 2; parallel < 12; parallel += 3) {
            memset(&together, 0, sizeof together);
            cr_assert_eq(run(lines, force[v], 0, &together), VLT_OK);
            cr_expect_eq(together.count, 20);
            cr_expect_arr_eq(together.id, alone.id, sizeof alone.id, "%s, %d", force[v], parallel);
            cr_expect_arr_eq(together.text, alone.text, sizeof alone.text, "%s, %d", force[v],
                             parallel);
        }
    }
}

/* Rows of the cache go from line to line, and make no difference; where nothing is to be kept of
 * lines they do not. */
Test(batch, a_line_that_begins_alike_takes_the_rows)
{
    static const char lines[] =
        "{\"id\": 1, \"system\": \"You count what you are shown.\", \"prompt\": \"How many?\"}\n"
        "{\"id\": 2, \"system\": \"You count what you are shown.\", \"prompt\": \"Circles?\"}\n"
        "{\"id\": 3, \"prompt\": \"Describe the image.\"}\n"
        "{\"id\": 4, \"prompt\": \"Describe the image.\"}\n";
    static struct answers kept, none;
    cr_assert_eq(run(lines, NULL, 0, &kept), VLT_OK);
    embedding_cache = -1;
    cr_assert_eq(run(lines, NULL, 0, &none), VLT_OK);
    cr_assert_eq(kept.count, 4);
    cr_assert_eq(none.count, 4);
    for (int i = 0; i < 4; i++) {
        cr_expect_str_eq(kept.text[i], none.text[i]);
        cr_expect_eq(none.cached[i], 0);
    }
    cr_expect_eq(kept.cached[0], 0);
    cr_expect_gt(kept.cached[1], 8); /* the system's turn */
    cr_expect_gt(kept.cached[3], kept.cached[2]);
}

Test(batch, stops_between_answers)
{
    for (parallel = 1; parallel < 5; parallel += 3) {
        static struct answers answers;
        answers = (struct answers){.stop_at = 1};
        cr_expect_eq(run(mixed, NULL, 0, &answers), VLT_STATUS_STOPPED);
        cr_expect_geq(answers.count, 1);
        cr_expect_leq(answers.count, parallel);
    }
}

/* One line, and the next one only when it has been answered. */
struct talk {
    int in, count;
    FILE *out;
};

static vlt_status reply(void *user, const char *id, const vlt_response *response,
                        const vlt_error *error, vlt_error *err)
{
    struct talk *talk = user;
    (void)id, (void)err;
    cr_expect(response && !error);
    if (++talk->count < 3) {
        fputs("{\"prompt\": \"again\"}\n", talk->out);
        fflush(talk->out);
    } else {
        fclose(talk->out);
    }
    return VLT_OK;
}

Test(batch, does_not_wait_for_lines_with_answers_that_it_could_give, .timeout = 60)
{
    static const char *const force[] = {"pipeline=baseline", "pipeline=overlapped"};
    const vlt_request defaults = {.max_tokens = 3, .greedy = true};
    for (int v = 0; v < 2; v++) {
        int ends[2];
        cr_assert_eq(pipe(ends), 0);
        struct talk talk = {.in = ends[0], .out = fdopen(ends[1], "w")};
        const vlt_engine_options options = {.force = &force[v], .force_count = 1};
        vlt_engine *engine = test_demo_engine(&options);
        vlt_line_reader input = {.file = talk.in, .name = "pipe"};
        const vlt_batch batch = {
            .input = &input, .defaults = &defaults, .parallel = 4, .answer = reply, .user = &talk};
        fputs("{\"prompt\": \"first\"}\n", talk.out);
        fflush(talk.out);
        cr_expect_eq(vlt_batch_run(engine, &batch, NULL, NULL), VLT_OK);
        cr_expect_eq(talk.count, 3);
        vlt_line_reader_close(&input);
        vlt_engine_close(engine);
    }
}

Test(batch, goes_on_behind_what_is_there)
{
    static struct answers answers;
    cr_assert_eq(run(mixed, NULL, 8, &answers), VLT_OK);
    cr_assert_eq(answers.count, 2);
    cr_expect_str_eq(answers.id[1], "10");
    cr_expect_eq(run(mixed, NULL, 80, &answers), VLT_OK);
    cr_expect_eq(answers.count, 2, "nothing is left");
}

static vlt_request defaults;                         /* of the batch that goes on */
static vlt_batch going_on = {.defaults = &defaults}; /* itself */
static char said[VLT_ERROR_BYTES];                   /* why not */

static vlt_status resume(const char *in, const char *out, vlt_batch_progress *progress)
{
    FILE *input = file_of(in), *output = file_of(out);
    vlt_line_reader reader = reader_of(input);
    vlt_error err = {0};
    going_on.input = &reader;
    vlt_status status = vlt_batch_resume(&going_on, output, "out", progress, &err);
    cr_expect(status == VLT_OK || err.message[0]);
    memcpy(said, err.message, sizeof said);
    free(reader.ahead.data);
    fclose(input);
    fclose(output);
    return status;
}

/* An answer to the line, asked with these options, by the model 7: {"id": ID, MEMBERS, "request"}.
 */
static void put_answer(char *out, size_t out_bytes, const char *line, const char *id,
                       const char *members, const vlt_request *asked, const char *failed)
{
    vlt_buffer text = {0};
    const vlt_batch batch = {.defaults = asked};
    vlt_batch_line read;
    const bool readable = vlt_batch_line_read(line, strlen(line), "line", asked, NULL, &read,
                                              NULL) == VLT_OK;
    vlt_batch_asked_put(&text, line, strlen(line), readable ? &read.request : NULL, &batch, 7);
    vlt_batch_line_release(&read);
    snprintf(out + strlen(out), out_bytes - strlen(out),
             "{\"id\": %s, %s, \"request\": {%s%s%s%s}}\n", id, members, text.data,
             failed ? ", \"failed\": \"" : "", failed ? failed : "", failed ? "\"" : "");
    free(text.data);
}

#define LINE_1 "{\"id\":1,\"prompt\":\"a\"}"
#define LINE_B "{\"id\":\"b\",\"prompt\":\"b\",\"max_tokens\":2}"

Test(batch, a_half_written_output_is_understood)
{
    static const char in[] = LINE_1 "\n\n" LINE_B "\nbroken\n{\"id\":[4]}\n";
    char out[4096] = "", cut[4200];
    vlt_batch_progress progress;
    put_answer(out, sizeof out, LINE_1, "1", "\"text\": \"x\"", &defaults, NULL);
    put_answer(out, sizeof out, LINE_B, "\"b\"", "\"error\": \"y\"", &defaults, "INPUT");
    put_answer(out, sizeof out, "broken", "null", "\"error\": \"z\"", &defaults, "INPUT");
    cr_expect_eq(resume(in, "", &progress), VLT_OK);
    cr_expect(progress.lines == 0 && progress.bytes == 0);
    cr_expect_eq(resume(in, out, &progress), VLT_OK, "%s", said);
    cr_expect_eq(progress.lines, 3);
    cr_expect_eq(progress.failed, 2);
    cr_expect_eq(progress.again_count, 0);
    cr_expect_eq(progress.bytes, (int64_t)strlen(out));
    cr_expect_str_eq(progress.model, "0000000000000007");
    vlt_batch_progress_release(&progress);
    snprintf(cut, sizeof cut, "%s{\"id\": [4], \"te", out);
    cr_expect_eq(resume(in, cut, &progress), VLT_OK, "%s", said);
    cr_expect_eq(progress.lines, 3);
    cr_expect_eq(progress.failed, 2);
    cr_expect_eq(progress.bytes, (int64_t)strlen(out));
    cr_expect_eq(progress.quality_line[VLT_QUALITY_EXACT], 0, "no line says what it was");
    vlt_batch_progress_release(&progress);

    out[0] = '\0';
    put_answer(out, sizeof out, LINE_1, "1", "\"text\": \"x\"", &defaults, NULL);
    put_answer(out, sizeof out, LINE_B, "\"b\"", "\"quality\": \"int8\"", &defaults, NULL);
    cr_expect_eq(resume(in, out, &progress), VLT_OK, "%s", said);
    cr_expect_eq(progress.quality_line[VLT_QUALITY_INT8], 2);
    cr_expect_eq(progress.quality_line[VLT_QUALITY_EXACT], 0);
    vlt_batch_progress_release(&progress);

    cr_expect_eq(resume(in, "{\"id\":2}\n", &progress), VLT_STATUS_INPUT);
    cr_expect_eq(resume(in, "words\n", &progress), VLT_STATUS_INPUT);
    cr_expect_eq(resume(LINE_1 "\n", out, &progress), VLT_STATUS_INPUT);
    cr_expect_eq(resume(in, "{\"id\":1,\"error\":\"as INTERFACES has it\"}\n", &progress), VLT_OK);
    cr_expect(progress.lines == 1 && progress.failed == 1 && progress.again_count == 0);
    vlt_batch_progress_release(&progress);
}

/* What an answer answers is looked at whole; both values are named. */
Test(batch, an_answer_to_something_else_is_refused)
{
    static const vlt_request plain, hot = {.given = VLT_GIVEN_TEMPERATURE, .temperature = 0.7},
                                    seeded = {.given = VLT_GIVEN_SEED, .seed = 3},
                                    greedy = {.greedy = true}, shorter = {.max_tokens = 5};
    static const char *const stop[] = {"."};
    const vlt_request stopped = {.stops = stop, .stop_count = 1};
    static const char text[] = "\"text\": \"x\"", cut[] = "\"finish\": \"length\"";
    const struct {
        const char *line, *members;
        const vlt_request *asked, *now;
        const char *said[3];
    } cases[] = {
        {LINE_1, text, &plain, &plain, {NULL}},
        {LINE_1, text, &hot, &hot, {NULL}},
        {LINE_1, text, &stopped, &stopped, {NULL}},
        {"{\"id\":1,\"prompt\":\"c\"}", text, &plain, &plain, {"digest", "in.jsonl has one"}},
        {LINE_1, text, &hot, &plain, {"temperature 0.7, this run has none", "--temperature 0.7"}},
        {LINE_1, text, &plain, &hot, {"temperature none, this run has 0.7", "leave out"}},
        {LINE_1, text, &seeded, &plain, {"seed 3", "none"}},
        {LINE_1, text, &plain, &greedy, {"greedy none, this run has true"}},
        {LINE_1, text, &greedy, &plain, {"greedy true, this run has none", "give --greedy,"}},
        {LINE_1, text, &stopped, &plain, {"stop [\".\"], this run has none"}},
        {LINE_1, text, &shorter, &plain, {"max_tokens 5, this run has 256", "--max-tokens 5"}},
        {LINE_1, cut, &shorter, &plain, {"ended after 5 tokens", "answers after 256"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[2048] = "";
        vlt_batch_progress progress;
        put_answer(out, sizeof out, cases[i].line, "1", cases[i].members, cases[i].asked, NULL);
        defaults = *cases[i].now;
        const vlt_status status = resume(LINE_1 "\n" LINE_B "\n", out, &progress);
        cr_expect_eq(status, cases[i].said[0] ? VLT_STATUS_INPUT : VLT_OK, "%zu: %s", i, said);
        for (int k = 0; k < 3 && cases[i].said[k]; k++) {
            cr_expect(strstr(said, cases[i].said[k]), "%zu: %s lacks %s", i, said,
                      cases[i].said[k]);
        }
        vlt_batch_progress_release(&progress);
    }
    defaults = plain;
    vlt_batch_progress progress;
    static const char *const foreign[] = {"{\"id\":1,\"text\":\"x\"}\n", "{\"id\":1}\n",
                                          "{\"id\":1,\"text\":\"x\",\"request\":7}\n",
                                          "{\"id\":1,\"text\":\"x\",\"request\":{}}\n"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        cr_expect_eq(resume(LINE_1 "\n", foreign[i], &progress), VLT_STATUS_INPUT);
        cr_expect(strstr(said, "out line 1 has no member 'request'"), "%s", said);
    }
}

/* A line that says itself how it is asked is asked so whatever the run says. */
Test(batch, what_a_line_says_itself_is_no_difference)
{
    static const vlt_request shorter = {.max_tokens = 5}, longer = {.max_tokens = 500};
    char out[2048] = "";
    vlt_batch_progress progress;
    put_answer(out, sizeof out, LINE_B, "\"b\"", "\"finish\": \"length\"", &shorter, NULL);
    defaults = longer;
    cr_expect_eq(resume(LINE_B "\n", out, &progress), VLT_OK, "%s", said);
    vlt_batch_progress_release(&progress);
    defaults = (vlt_request){0};
}

/* Two models in one output, and one that is not ours. */
Test(batch, an_output_is_of_one_model)
{
    char out[2048] = "", *model;
    vlt_batch_progress progress;
    vlt_error err = {0};
    vlt_engine engine = {.model_hash = 8, .directory = "model"};
    put_answer(out, sizeof out, LINE_1, "1", "\"text\": \"x\"", &defaults, NULL);
    cr_assert_eq(resume(LINE_1 "\n", out, &progress), VLT_OK);
    cr_expect_eq(vlt_batch_check_engine(&engine, &progress, "out", &err), VLT_STATUS_INPUT);
    cr_expect(strstr(err.message, "0000000000000007") && strstr(err.message, "0000000000000008"),
              "%s", err.message);
    engine.model_hash = 7;
    cr_expect_eq(vlt_batch_check_engine(&engine, &progress, "out", &err), VLT_OK);
    vlt_batch_progress_release(&progress);
    put_answer(out, sizeof out, LINE_B, "\"b\"", "\"text\": \"x\"", &defaults, NULL);
    model = strstr(strchr(out, '\n'), "\"model\"");
    model[strlen("\"model\": \"")] = '1';
    cr_expect_eq(resume(LINE_1 "\n" LINE_B "\n", out, &progress), VLT_STATUS_INPUT);
    cr_expect(strstr(said, "out line 2 was computed by the model") && strstr(said, "line 1 by"),
              "%s", said);
    vlt_batch_progress_release(&progress);
}

/* Errors of memory are noted with the text of their lines, whose numbers stay. */
Test(batch, lines_without_memory_are_asked_again)
{
    char out[4096] = "", line[64];
    vlt_batch_progress progress;
    const char *const in = "\n" LINE_1 "\n" LINE_B "\n\n{\"id\":3,\"prompt\":\"c\"}\n";
    put_answer(out, sizeof out, LINE_1, "1", "\"error\": \"x\"", &defaults, "LIMIT");
    const int64_t first = (int64_t)strlen(out);
    put_answer(out, sizeof out, LINE_B, "\"b\"", "\"text\": \"x\"", &defaults, NULL);
    const int64_t third = (int64_t)strlen(out);
    put_answer(out, sizeof out, "{\"id\":3,\"prompt\":\"c\"}", "3", "\"error\": \"x\"", &defaults,
               "NOMEM");
    cr_assert_eq(resume(in, out, &progress), VLT_OK, "%s", said);
    cr_expect(progress.lines == 3 && progress.failed == 2);
    cr_assert_eq(progress.again_count, 2);
    cr_expect(progress.again[0].at == 0 && progress.again[0].bytes == first);
    cr_expect(progress.again[1].at == third &&
              progress.again[1].at + progress.again[1].bytes == progress.bytes);
    vlt_line_reader lines = {.file = -1, .ahead = progress.again_text, .ended = true};
    vlt_buffer text = {0};
    static const int numbers[] = {2, 5};
    for (int i = 0; i < 2; i++) {
        bool found;
        cr_assert_eq(vlt_line_reader_next(&lines, &text, &found, NULL), VLT_OK);
        cr_assert(found);
        cr_expect_eq(lines.line, numbers[i]);
        snprintf(line, sizeof line, "\"id\":%d", i ? 3 : 1);
        cr_expect(strstr(text.data, line), "%s", text.data);
    }
    free(text.data);
    vlt_batch_progress_release(&progress);
}

/* A last line without its end is written again only where it is the beginning of what comes there.
 */
Test(batch, a_tail_that_is_no_answer_is_somebody_elses)
{
    static const char in[] = LINE_1 "\n" LINE_B "\n";
    char whole[1024] = "", both[2048] = "", later[1100], more[2100];
    put_answer(whole, sizeof whole, LINE_1, "1", "\"text\": \"x\"", &defaults, NULL);
    memcpy(both, whole, sizeof whole);
    put_answer(both, sizeof both, LINE_B, "\"b\"", "\"text\": \"x\"", &defaults, NULL);
    snprintf(later, sizeof later, "%s{\"id\": \"b\", \"te", whole);
    snprintf(more, sizeof more, "%smore", both);
    const char *const ours[] = {"{", "{\"id\": 1", "{\"id\": 1, \"text\": \"a\\n",
                                "{\"id\": 1, \"error\": \"no\"}", later};
    const char *const foreign[] = {"a note", "{\"id\": 2",  "{\"id\": 1, \"prompt\": \"q\"}",
                                   "[",      "{\"id\": 11", more};
    vlt_batch_progress progress;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        cr_expect_eq(resume(in, ours[i], &progress), VLT_OK, "%s: %s", ours[i], said);
        cr_expect_eq(progress.lines, strchr(ours[i], '\n') ? 1 : 0, "%s", ours[i]);
        vlt_batch_progress_release(&progress);
    }
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        cr_expect_eq(resume(in, foreign[i], &progress), VLT_STATUS_INPUT, "%s", foreign[i]);
        vlt_batch_progress_release(&progress);
    }
}
