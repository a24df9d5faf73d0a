/* Answers to unseen scenes: the baseline, what runs without a config, the tuned config. */
#include <math.h>
#include <stdio.h>

#include "harness/measure/statistics.h"
#include "tuner/tune_internal.h"

/* Chance loses so many answers more than it finds once in a hundred runs; peaks of equal configs
 * differ by less. */
#define LOST_ALPHA  0.01
#define PEAK_FACTOR 1.05
#define PEAK_BYTES  16e6

enum { CONFIGS = 3, BASELINE = 0, DEFAULT = 1, TUNED = 2 };

static char *take(char **text)
{
    char *taken = *text;
    *text = NULL;
    return taken;
}

static void keep(vlt_report *result, vlt_whole_answers *answers, int64_t total)
{
    for (int64_t i = 0; i < total; i++) {
        result->accuracy_baseline += answers[BASELINE].answer[i].right;
        result->accuracy_default += answers[DEFAULT].answer[i].right;
        result->accuracy_tuned += answers[TUNED].answer[i].right;
        if (result->answer_count < VLT_TUNE_ANSWER_MAX) {
            vlt_report_answer *shown = &result->answer[result->answer_count++];
            *shown = (vlt_report_answer){.question = take(&answers[BASELINE].answer[i].question),
                                         .baseline = take(&answers[BASELINE].answer[i].text),
                                         .tuned = take(&answers[TUNED].answer[i].text),
                                         .truth = take(&answers[BASELINE].answer[i].truth)};
            snprintf(shown->image, sizeof shown->image, "scene-%03d.jpg", (int)i);
        }
    }
    result->accuracy_total = total;
    result->peak_baseline_bytes = total ? answers[BASELINE].peak_bytes : NAN;
    result->peak_default_bytes = total ? answers[DEFAULT].peak_bytes : NAN;
    result->peak_tuned_bytes = total ? answers[TUNED].peak_bytes : NAN;
}

bool vlt_tuner_answers_lost(const vlt_whole_answers *before, const vlt_whole_answers *after,
                            int64_t count)
{
    int lost = 0, differing = 0;
    for (int64_t i = 0; i < count && i < before->count && i < after->count; i++) {
        bool was = before->answer[i].right, is = after->answer[i].right;
        differing += was != is;
        lost += was && !is;
    }
    return differing > 0 && vlt_binomial_upper(differing, lost, 0.5) < LOST_ALPHA;
}

bool vlt_tuner_peak_lost(double before_bytes, double after_bytes)
{
    return after_bytes > before_bytes * PEAK_FACTOR + PEAK_BYTES; /* false where one is unknown */
}

/* What the config gives is no use where it costs answers, or memory that nobody allowed for. */
static vlt_status judge(vlt_tuner *tuner, const vlt_whole_answers *answers, int64_t total,
                        vlt_error *err)
{
    char why[VLT_TUNE_TEXT_BYTES];
    vlt_report *result = tuner->result;
    double before = result->peak_default_bytes, after = result->peak_tuned_bytes;
    if (vlt_tuner_answers_lost(&answers[DEFAULT], &answers[TUNED], total)) {
        snprintf(why, sizeof why, "with it %lld of %lld unseen scenes are right, by default %lld",
                 (long long)result->accuracy_tuned, (long long)total,
                 (long long)result->accuracy_default);
    } else if (vlt_tuner_peak_lost(before, after)) {
        snprintf(why, sizeof why, "with it the peak of memory is %.0f MB, by default %.0f MB",
                 after / 1e6, before / 1e6);
    } else {
        return VLT_OK;
    }
    result->accuracy_tuned = result->accuracy_default;
    result->peak_tuned_bytes = result->peak_default_bytes;
    return vlt_tuner_revert_whole(tuner, why, err);
}

/* Of as many scenes as all had time for. */
vlt_status vlt_tuner_check_accuracy(vlt_tuner *tuner, double share, vlt_error *err)
{
    vlt_whole_answers answers[CONFIGS] = {{0}};
    const bool same = tuner->result->end_to_end.is_default;
    const char *configs[CONFIGS] = {"baseline", "default", same ? "default" : tuner->provisional};
    int64_t scenes = tuner->options->scenes ? tuner->options->scenes : 100;
    double left_s = vlt_tuner_left(tuner, share);
    if (tuner->depth || left_s <= 0) {
        return VLT_OK; /* one answer takes too long */
    }
    vlt_status status = vlt_tuner_write_config(tuner, tuner->provisional, -1, err);
    for (int i = 0; i < CONFIGS && status == VLT_OK && scenes > 0; i++) {
        vlt_whole_task task = vlt_tuner_task(tuner, configs[i], tuner->unseen, share);
        task.scene_max = scenes;
        /* the baseline needs most of the time: it is the slow one */
        task.limit_s = i == BASELINE ? left_s * 0.75 : vlt_tuner_left(tuner, share);
        vlt_tuner_progress(tuner, "accuracy", NULL);
        if (vlt_tuner_left(tuner, share) <= 0) {
            scenes = 0;
            break;
        }
        status = vlt_whole_answer_scenes(&task, &answers[i], err);
        scenes = answers[i].count;
    }
    if (status == VLT_STATUS_STOPPED ||
        (status == VLT_STATUS_INTERRUPTED && !vlt_tuner_stopped(tuner))) {
        status = VLT_OK; /* the budget ended it */
        scenes = 0;
    }
    if (status == VLT_OK) {
        keep(tuner->result, answers, scenes);
        bool judged = !same && scenes > 0 && !tuner->result->loss.refused;
        status = judged ? judge(tuner, answers, scenes, err) : VLT_OK;
    }
    for (int i = 0; i < CONFIGS; i++) {
        vlt_whole_answers_release(&answers[i]);
    }
    return status;
}
