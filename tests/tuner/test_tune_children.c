/* What composites find inside: the leaves' choices. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/norm/norm.h"
#include "tuner/tune_internal.h"
#include "tests/support/run_program.h"

/* What composites find inside is a line for each leaf that differs. */
Test(tune_children, children_are_lines)
{
    const vlt_op *op = vlt_registry_find_op("norm");
    const vlt_setting plain = {.variant = vlt_registry_find_variant(op, "baseline")};
    vlt_tune_item item[2] = {0};
    vlt_tuner tuner = {.item = item, .item_count = 2};
    for (int i = 0; i < 2; i++) {
        snprintf(item[i].met.op, sizeof item[i].met.op, "norm");
        snprintf(item[i].met.bucket, sizeof item[i].met.bucket, "rows=%d", i);
        item[i].decided = true;
        item[i].search.incumbent = plain;
        item[i].choice.variant = vlt_registry_find_variant(op, "avx2");
        vlt_binding_defaults(item[i].choice.variant, &item[i].choice.binding);
    }
    cr_assert_eq(vlt_tuner_note_children(&tuner, NULL), VLT_OK);
    const char *end = strchr(tuner.children, '\n');
    cr_assert_not_null(end, "%s", tuner.children);
    cr_expect(!strncmp(tuner.children, "norm|rows=0|avx2|", 17));
    cr_expect(!strncmp(end + 1, "norm|rows=1|avx2|", 17));
    cr_expect_null(strchr(end + 1, '\n'));
    free(tuner.children);
}

static void choose_variant(vlt_tune_item *item, const char *op, const char *bucket,
                           const char *variant)
{
    const vlt_op *found = vlt_registry_find_op(op);
    snprintf(item->met.op, sizeof item->met.op, "%s", op);
    snprintf(item->met.bucket, sizeof item->met.bucket, "%s", bucket);
    item->search.incumbent.variant = vlt_registry_variant(found, 0);
    item->choice.variant = vlt_registry_find_variant(found, variant);
    cr_assert_eq(vlt_binding_parse(item->choice.variant, "", &item->choice.binding, NULL), VLT_OK);
    item->decided = true;
}

/* Several leaves that were chosen: a composite's trial finds all of them inside. */
Test(tune_children, chosen_leaves_reach_the_trials_of_composites, .timeout = 60)
{
    static vlt_tune_item item[2];
    vlt_tuner tuner = {.item = item, .item_count = 2};
    vlt_race *race;
    vlt_race_start started;
    vlt_launch launch;
    vlt_error err = {0};
    const vlt_race_options options = {
        .program = test_program_path(),
        .problem = "vision_block@rows=64,segment=64,width=64,heads=2,inner=96,weights=1",
        .seed = 4,
        .data_seed = 4,
        .threads = 1,
        .oracle_s = 1,
        .timeout_s = 30};
    choose_variant(&item[0], "attention",
                   "q_rows=64,kv_rows=64,heads=2,kv_heads=2,head=32,causal=0,kv=3", "blocked");
    choose_variant(&item[1], "norm", "rows=64,width=64,kind=0", "baseline");
    item[1].search.incumbent.variant = vlt_registry_variant(&vlt_op_norm, 1);
    cr_assert_eq(vlt_tuner_note_children(&tuner, &err), VLT_OK);
    cr_assert_eq(vlt_race_create(&options, &race, &started, &err), VLT_OK, "%s", err.message);
    const vlt_race_trial asked = {
        .side = {{"vision_block/fused", tuner.children}, {"vision_block/fused", tuner.children}},
        .seed = 2,
        .pairs = 2,
        .pairs_min = 1,
        .limit_s = 0.05,
        .timeout_s = 20,
        .verify = true};
    cr_assert_eq(vlt_race_run(race, &asked, &launch, &err), VLT_OK, "%s", err.message);
    cr_assert_str_eq(launch.note, "");
    vlt_launch_release(&launch);
    vlt_race_trial other = asked; /* defaults inside */
    other.side[0].children = NULL;
    cr_assert_eq(vlt_race_run(race, &other, &launch, &err), VLT_OK, "%s", err.message);
    cr_assert_str_eq(launch.note, "");
    vlt_launch_release(&launch);
    other.side[1].children = "norm|rows=1,width=7,kind=0|baseline|"; /* not inside */
    cr_assert_eq(vlt_race_run(race, &other, &launch, &err), VLT_OK, "%s", err.message);
    cr_assert_str_eq(launch.note, VLT_RACE_SAME);
    vlt_launch_release(&launch);
    vlt_race_destroy(race);
    free(tuner.children);
}
