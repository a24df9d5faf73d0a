/* The tolerance of the end-to-end check depends on the plans alone: not on the number of threads,
 * not on what ran before, not on how many plans were made on the way. */
#include <criterion/criterion.h>

#include "harness/infer/engine.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"

static const char *const fused[] = {"vision_block=fused:rows=32", "decoder_block=fused:rows=16"};

static vlt_engine *open_engine(int threads, const char *const *force, int force_count)
{
    const vlt_engine_options options = {
        .threads = threads, .no_config = true, .force = force, .force_count = force_count};
    return test_demo_engine(&options);
}

static void ask(vlt_engine *engine, const char *prompt, int64_t tokens)
{
    vlt_session *session = NULL;
    vlt_response response = {0};
    vlt_error err = {0};
    const vlt_request request = {
        .prompt = prompt, .max_tokens = tokens, .greedy = true, .ignore_eos = true};
    cr_assert_eq(vlt_session_open(engine, NULL, &session, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_session_run(session, &request, &response, &err), VLT_OK, "%s", err.message);
    vlt_response_release(&response);
    vlt_session_close(session);
}

static double tolerance_after(int threads, const char *const *force, int force_count, int requests)
{
    static const char *const prompts[] = {
        "How many?", "Describe the image, its shapes and its colours, one after the other, please.",
        "What is in the top left? What is in the top right? What is in the bottom left? What is in "
        "the bottom right? And how many shapes are there?"};
    vlt_engine *engine = open_engine(threads, force, force_count);
    for (int i = 0; i < requests; i++) {
        ask(engine, prompts[i % 3], 2 + i);
    }
    double tolerance = vlt_engine_tolerance(engine);
    vlt_engine_close(engine);
    return tolerance;
}

Test(tolerance, is_the_same_for_one_and_eight_threads)
{
    double one = tolerance_after(1, fused, 2, 1), eight = tolerance_after(8, fused, 2, 1);
    cr_expect_gt(one, 0);
    cr_expect_eq(one, eight, "%g and %g", one, eight);
}

Test(tolerance, does_not_grow_with_what_was_asked)
{
    double first = tolerance_after(2, fused, 2, 1), last = tolerance_after(2, fused, 2, 6);
    cr_expect_eq(first, last, "%g and %g", first, last);
}

/* Leaves alone count, so a block in one piece is allowed no more than in parts. */
Test(tolerance, composites_add_nothing_to_their_parts)
{
    cr_expect_eq(tolerance_after(2, fused, 2, 1), tolerance_after(2, NULL, 0, 1));
}
