/* What a run decides by: what is far faster, and what costs answers or memory. */
#include <criterion/criterion.h>
#include <math.h>

#include "harness/measure/statistics.h"
#include "tuner/tune_internal.h"

/* Four launches tell a setting that takes half of the time; none that layouts could explain. */
Test(tune_judging, what_is_far_faster_is_certain_soon)
{
    const double far[] = {-0.70, -0.66, -0.71, -0.69}, near[] = {-0.08, -0.081, -0.079, -0.08},
                 wild[] = {-0.70, -0.02, -0.9, -0.1, -0.3, -0.01, -0.8, -0.2};
    vlt_judgement judgement = {.ratio = exp(-0.695), .high = INFINITY, .p_faster = 1};
    cr_assert_float_eq(vlt_student_upper(3.182446, 3), 0.025, 1e-6);
    cr_assert_float_eq(vlt_student_upper(2.570582, 5), 0.025, 1e-6);
    cr_assert_float_eq(vlt_student_upper(4.785290, 7), 0.001, 1e-6);
    cr_assert_not(vlt_far_faster(far, 3, 0.001, &judgement));
    cr_assert(vlt_far_faster(far, 4, 0.001, &judgement));
    cr_assert_eq(judgement.verdict, VLT_VERDICT_FASTER);
    cr_assert(judgement.low > 0.4 && judgement.low < judgement.ratio &&
              judgement.high > judgement.ratio && judgement.high < 0.6 && judgement.p_faster > 0);
    /* a fifteenth of the time, once a ninth: no doubt that it is less than 0.85 */
    const double farther[] = {-2.65, -2.73, -2.22, -2.73}, once[] = {-2.65, -0.1, -2.22, -2.73};
    judgement = (vlt_judgement){.ratio = exp(-2.69), .high = INFINITY, .p_faster = 1};
    cr_assert(vlt_far_faster(farther, 4, 1e-4, &judgement));
    cr_assert(judgement.low < judgement.ratio && judgement.high > judgement.ratio &&
              judgement.high < 0.2);
    cr_assert_not(vlt_far_faster(once, 4, 0.001, &judgement));
    cr_assert_not(vlt_far_faster(near, 4, 0.001, &judgement));
    cr_assert_not(vlt_far_faster(wild, 8, 0.001, &judgement));
}

/* Answers that are certainly fewer, and peaks that are certainly higher, undo a config. */
Test(tune_judging, what_costs_answers_or_memory_is_lost)
{
    vlt_whole_answer before[100] = {{0}}, after[100] = {{0}};
    const vlt_whole_answers one = {.answer = before, .count = 100},
                            other = {.answer = after, .count = 100};
    for (int i = 0; i < 100; i++) {
        before[i].right = after[i].right = i < 90;
    }
    cr_assert_not(vlt_tuner_answers_lost(&one, &other, 100));
    for (int i = 0; i < 6; i++) { /* as many as chance may lose */
        after[i].right = false;
    }
    after[95].right = after[96].right = true;
    cr_assert_not(vlt_tuner_answers_lost(&one, &other, 100));
    after[95].right = after[96].right = after[6].right = false;
    cr_assert(vlt_tuner_answers_lost(&one, &other, 100));
    cr_assert_not(vlt_tuner_answers_lost(&other, &one, 100));
    cr_assert_not(vlt_tuner_answers_lost(&one, &other, 3)); /* three tell nothing */
    cr_assert_not(vlt_tuner_peak_lost(100e6, 110e6));
    cr_assert(vlt_tuner_peak_lost(100e6, 130e6));
    cr_assert(vlt_tuner_peak_lost(10e9, 10.6e9));
    cr_assert_not(vlt_tuner_peak_lost(NAN, 130e6));
    cr_assert_not(vlt_tuner_peak_lost(100e6, NAN));
}
