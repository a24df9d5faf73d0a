/* vltune model eval: the share of true answers, in all and by kind of question. */
#include <stdio.h>

#include "harness/cli/engine_cli.h"
#include "harness/cli/model_commands.h"
#include "harness/infer/eval.h"
#include "harness/json/json_make.h"

struct judge {
    vlt_cli *cli;
    json_t *answers;
};

static bool answered(void *user, int64_t index, const char *question, const char *truth,
                     const vlt_response *response, bool right)
{
    struct judge *judge = user;
    json_t *ids = json_array();
    for (int64_t i = 0; i < response->id_count; i++) {
        vlt_json_append(&ids, json_integer(response->ids[i]));
    }
    vlt_json_append(&judge->answers,
                    vlt_json_make("{s:o, s:o, s:b}", "text",
                                  vlt_json_string(response->text, response->text_bytes), "ids", ids,
                                  "right", right));
    if (!right && vlt_cli_flag(judge->cli, "verbose")) {
        vlt_cli_info(judge->cli, "scene %lld: %s '%s', true is '%s'", (long long)index, question,
                     response->text, truth);
    }
    vlt_cli_progress(judge->cli, "%lld scenes", (long long)index + 1);
    return !vlt_cli_interrupted();
}

static json_t *kinds_to_json(const vlt_eval_count *kind)
{
    json_t *kinds = json_object();
    for (int i = 0; i < VLT_EVAL_KINDS; i++) {
        if (kind[i].total) {
            vlt_json_set(&kinds, kind[i].name,
                         vlt_json_make("{s:I, s:I}", "right", (json_int_t)kind[i].right, "total",
                                       (json_int_t)kind[i].total));
        }
    }
    return kinds;
}

static double mean_kl(const vlt_divergence *divergence)
{
    return divergence->steps ? divergence->kl_sum / (double)divergence->steps : 0;
}

static json_t *against_to_json(const vlt_eval_result *result, const char *quality)
{
    const vlt_divergence *d = &result->divergence;
    return vlt_json_make("{s:s, s:I, s:I, s:o, s:I, s:I, s:I, s:f, s:f}", "quality", quality,
                         "right", (json_int_t)result->against_right, "total",
                         (json_int_t)result->total, "kinds", kinds_to_json(result->against_kind),
                         "same_answers", (json_int_t)result->same_answers, "steps",
                         (json_int_t)d->steps, "agreed", (json_int_t)d->agreed, "kl_mean",
                         mean_kl(d), "kl_max", d->kl_max);
}

/* against: the quality compared with, or NULL. */
static vlt_status print_json(const vlt_eval_result *result, json_t *answers, const char *against,
                             vlt_error *err)
{
    json_t *object = vlt_json_make("{s:I, s:I, s:o, s:O}", "right", (json_int_t)result->right,
                                   "total", (json_int_t)result->total, "kinds",
                                   kinds_to_json(result->kind), "answers", answers);
    if (against) {
        vlt_json_set(&object, "against", against_to_json(result, against));
    }
    vlt_status status = vlt_json_print(object, false, stdout, err);
    json_decref(object);
    return status;
}

static void print_text(const vlt_eval_result *result)
{
    printf("%-18s %6lld of %lld right (%.1f %%)\n", "all", (long long)result->right,
           (long long)result->total, 100.0 * (double)result->right / (double)result->total);
    for (int i = 0; i < VLT_EVAL_KINDS; i++) {
        const vlt_eval_count *kind = &result->kind[i];
        if (kind->total) {
            printf("%-18s %6lld of %lld right (%.1f %%)\n", kind->name, (long long)kind->right,
                   (long long)kind->total, 100.0 * (double)kind->right / (double)kind->total);
        }
    }
}

static void print_against(const vlt_eval_result *result, const char *quality)
{
    const vlt_divergence *d = &result->divergence;
    printf("\nagainst %s, which has %lld of %lld right:\n", quality,
           (long long)result->against_right, (long long)result->total);
    printf("%-18s %6lld of %lld\n", "same answers", (long long)result->same_answers,
           (long long)result->total);
    printf("%-18s %6lld of %lld along its answers\n", "same next token", (long long)d->agreed,
           (long long)d->steps);
    printf("%-18s %.3g nats on average, %.3g at most\n", "KL divergence", mean_kl(d), d->kl_max);
    for (int i = 0; i < VLT_EVAL_KINDS; i++) {
        const vlt_eval_count *kind = &result->against_kind[i];
        if (kind->total) {
            printf("%-18s %6lld of %lld right, %lld of %lld there\n", kind->name,
                   (long long)result->kind[i].right, (long long)kind->total, (long long)kind->right,
                   (long long)kind->total);
        }
    }
}

vlt_status vlt_model_eval_command(vlt_cli *cli, vlt_error *err)
{
    struct judge judge = {.cli = cli, .answers = json_array()};
    vlt_eval eval = {.scenes = vlt_cli_operand(cli, 2),
                     .files = vlt_cli_text(cli, "files", NULL),
                     .limit = vlt_cli_int(cli, "count", 0),
                     .answered = answered,
                     .user = &judge,
                     .stop = vlt_cli_stop()};
    vlt_eval_result result;
    vlt_engine *engine = NULL;
    const char *against = vlt_cli_text(cli, "against", NULL);
    vlt_status status = vlt_engine_cli_open(cli, vlt_cli_operand(cli, 1), &engine, err);
    if (status == VLT_OK && against) {
        status = vlt_engine_cli_open_as(cli, vlt_cli_operand(cli, 1), against, &eval.against, err);
    }
    if (status == VLT_OK) {
        status = vlt_eval_run(engine, &eval, &result, err);
    }
    vlt_cli_progress(cli, NULL);
    if (status == VLT_OK && vlt_cli_flag(cli, "json")) {
        status = print_json(&result, judge.answers, against, err);
    } else if (status == VLT_OK) {
        print_text(&result);
        if (against) {
            print_against(&result, against);
        }
    }
    json_decref(judge.answers);
    vlt_engine_close(eval.against);
    vlt_engine_cli_close(engine, status);
    return status;
}
