#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "optimizations/core/compiler.h"
#include "optimizations/core/random.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"
#include "tests/support/gates.h"
#include "tests/support/run_program.h"
#include "tests/support/stores.h"
#include "tuner/store/store_internal.h"

static void confirm(vlt_gate_stage *stage, double ratio, double scatter, int launches)
{
    vlt_judge_options judge = vlt_judge_defaults();
    test_gate_row(&stage->confirm, ratio, scatter, launches, 0.1, &judge);
}

static int exit_code(const vlt_gate *gate, bool strict)
{
    vlt_error err = {0};
    vlt_status status = vlt_gate_status(gate, strict, &err);
    cr_assert_eq(status == VLT_OK, err.message[0] == '\0', "%s", err.message);
    return vlt_status_exit_code(status);
}

Test(gate, every_verdict_and_exit_code)
{
    vlt_gate_options options = vlt_gate_defaults();
    const struct {
        double ratio, scatter;
        int launches;
        double second; /* ratio of the confirmation; 0: none */
        vlt_gate_verdict verdict;
        int code, strict_code;
    } cases[] = {
        {1.000, 0.002, 20, 0, VLT_GATE_PASS, 0, 0},
        {0.900, 0.002, 20, 0, VLT_GATE_PASS, 0, 0},
        {1.005, 0.002, 20, 0, VLT_GATE_PASS, 0, 0},
        {1.010, 0.050, 20, 0, VLT_GATE_INCONCLUSIVE, 0, 6},
        {1.050, 0.002, 4, 0, VLT_GATE_INCONCLUSIVE, 0, 6}, /* too few launches */
        {1.050, 0.002, 20, 1.05, VLT_GATE_REGRESSION, 3, 3},
        {1.050, 0.002, 20, 1.00, VLT_GATE_INCONCLUSIVE, 0, 6}, /* not confirmed */
        {1.050, 0.002, 20, 0, VLT_GATE_INCONCLUSIVE, 0, 6},    /* second series lost */
        {2.000, 0.002, 20, 2, VLT_GATE_REGRESSION, 3, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vlt_gate gate = {0};
        vlt_gate_stage *stage = test_gate_stage(&gate, "stage", cases[i].ratio, cases[i].scatter,
                                                cases[i].launches, 0.1);
        if (cases[i].second > 0) {
            confirm(stage, cases[i].second, 0.002, 15);
        }
        vlt_gate_judge(&gate, &options);
        cr_assert_eq(gate.verdict, cases[i].verdict, "case %zu: %s, %s", i,
                     vlt_gate_verdict_name(gate.verdict), gate.stage[0].reason);
        cr_assert_eq(exit_code(&gate, false), cases[i].code, "case %zu", i);
        cr_assert_eq(exit_code(&gate, true), cases[i].strict_code, "case %zu", i);
        cr_assert(gate.stage[0].reason[0] && gate.reason[0]);
        vlt_gate_release(&gate);
    }
}

Test(gate, wrong_output_outweighs_everything)
{
    vlt_gate_options options = vlt_gate_defaults();
    vlt_gate gate = {0};
    confirm(test_gate_stage(&gate, "slow", 1.2, 0.001, 20, 0.1), 1.2, 0.001, 15);
    const vlt_side side[2] = {{.what = "a"}, {.what = "b"}};
    vlt_gate_stage *wrong = vlt_gate_add(&gate, "bad", side, 0.01, NULL);
    wrong->screen.status = VLT_STATUS_WRONG;
    snprintf(wrong->screen.invalid_reason, sizeof wrong->screen.invalid_reason, "differs at 3");
    vlt_gate_judge(&gate, &options);
    cr_assert_eq(gate.verdict, VLT_GATE_WRONG);
    cr_assert_eq(exit_code(&gate, false), 4);
    cr_assert_str_eq(gate.stage[1].reason, "differs at 3");
    vlt_gate_release(&gate);
}

Test(gate, nothing_measured_is_code_5)
{
    vlt_gate_options options = vlt_gate_defaults();
    vlt_gate gate = {0};
    cr_assert_eq(exit_code(&gate, false), 5);
    const vlt_side side[2] = {{.what = "a"}, {.what = "b"}};
    vlt_gate_add(&gate, "lost", side, 0.01, NULL);
    vlt_gate_judge(&gate, &options);
    cr_assert_eq(exit_code(&gate, false), 5);
    vlt_gate_release(&gate);
}

/* Busy or quiet: where no stage can run there is nothing that the next run would measure. */
Test(gate, what_can_run_nowhere_is_code_5_on_a_busy_machine_too)
{
    vlt_gate_options options = vlt_gate_defaults();
    vlt_gate gate = {.idle_pressure = 0.99, .crowded = true};
    const vlt_side side[2] = {{.what = "a"}, {.what = "b"}};
    vlt_gate_add(&gate, "lost", side, 0.01, NULL)->screen.status = VLT_STATUS_UNSUPPORTED;
    vlt_gate_judge(&gate, &options);
    cr_assert_eq(exit_code(&gate, false), 5);
    cr_assert_eq(exit_code(&gate, true), 5);
    vlt_gate_release(&gate);
}

/* A verdict that is none says how busy the machine was; one that is says nothing of it. */
Test(gate, the_uncertain_names_the_pressure)
{
    vlt_gate_options options = vlt_gate_defaults();
    vlt_gate gate = {0};
    test_gate_stage(&gate, "open", 1.01, 0.05, 20, 0.37);
    confirm(test_gate_stage(&gate, "once", 1.05, 0.002, 20, 0.5), 1.0, 0.002, 15);
    test_gate_stage(&gate, "fine", 1.0, 0.002, 20, 0.6);
    test_gate_stage(&gate, "unknown", 1.01, 0.05, 20, NAN);
    vlt_gate_judge(&gate, &options);
    cr_expect(strstr(gate.stage[0].reason, "CPUs were waited for 37 % of the time"), "%s",
              gate.stage[0].reason);
    cr_expect(strstr(gate.stage[1].reason, "CPUs were waited for 10 % of the time"), "%s",
              gate.stage[1].reason); /* of the second series, which did not confirm */
    cr_expect_not(strstr(gate.stage[2].reason, "waited"), "%s", gate.stage[2].reason);
    cr_expect_not(strstr(gate.stage[3].reason, "waited"), "%s", gate.stage[3].reason);
    cr_expect_float_eq(vlt_gate_pressure(&gate), (0.37 + 0.5 + 0.6) / 3, 1e-6);
    vlt_gate_release(&gate);
}

Test(gate, refuses_to_judge_under_pressure)
{
    vlt_gate_options options = vlt_gate_defaults();
    bool needed[1] = {false};
    vlt_gate gate = {0};
    confirm(test_gate_stage(&gate, "slow", 1.2, 0.001, 20, 0.98), 1.2, 0.001, 15);
    cr_assert(!vlt_gate_screen(&gate, &options, needed));
    vlt_gate_judge(&gate, &options);
    cr_assert_eq(gate.verdict, VLT_GATE_INCONCLUSIVE);
    cr_assert(strstr(gate.stage[0].reason, "pressure"), "%s", gate.stage[0].reason);
    cr_assert_eq(exit_code(&gate, false), 0);
    cr_assert_eq(exit_code(&gate, true), 6);
    vlt_gate_release(&gate);

    vlt_gate crowded = {.idle_pressure = 0.99, .crowded = true};
    const vlt_side side[2] = {{.what = "a"}, {.what = "b"}};
    vlt_gate_add(&crowded, "any", side, 0.01, NULL)->screen.status = VLT_OK;
    vlt_gate_judge(&crowded, &options);
    cr_assert(strstr(crowded.reason, "busy"), "%s", crowded.reason);
    cr_assert_eq(exit_code(&crowded, false), 0);
    cr_assert_eq(exit_code(&crowded, true), 6);
    vlt_gate_release(&crowded);
}

/* Holm: one clear regression among many stages is still found; the margin is the stage's own. */
Test(gate, many_stages_and_their_margins)
{
    vlt_gate_options options = vlt_gate_defaults();
    bool needed[32] = {false};
    vlt_gate gate = {0};
    for (int i = 0; i < 29; i++) {
        test_gate_stage(&gate, "fine", 1.0, 0.002, 20, 0.1);
    }
    test_gate_stage(&gate, "slow", 1.03, 0.002, 20, 0.1);
    test_gate_stage(&gate, "end to end", 1.02, 0.002, 20, 0.1)->margin = 0.03;
    cr_assert(vlt_gate_screen(&gate, &options, needed));
    for (int i = 0; i < 31; i++) {
        cr_assert_eq(needed[i], i == 29, "stage %d", i);
    }
    vlt_gate_judge(&gate, &options);
    cr_assert_eq(gate.stage[30].verdict, VLT_GATE_PASS);
    vlt_gate_release(&gate);
}

static double normal(vlt_random *random)
{
    double u = 1 - vlt_random_unit(random), v = vlt_random_unit(random);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static double simulated_failures(double effect, double sigma, int gates, uint64_t seed)
{
    enum { STAGES = 3, LAUNCHES = 30, CONFIRM = 30 };
    vlt_gate_options options = vlt_gate_defaults();
    vlt_random random = {seed};
    int failed = 0;
    for (int g = 0; g < gates; g++) {
        vlt_gate gate = {0};
        bool needed[STAGES];
        for (int s = 0; s < STAGES; s++) {
            vlt_gate_stage *stage = test_gate_stage(&gate, "s", 1, 0, LAUNCHES, 0.1);
            for (int i = 0; i < LAUNCHES; i++) {
                stage->screen.experiment.result.run[i].log_ratio = log(1 + effect) +
                                                                   sigma * normal(&random);
            }
            vlt_experiment_judge(&stage->screen.experiment, &options.experiment.judge, NULL);
        }
        vlt_gate_screen(&gate, &options, needed);
        for (int s = 0; s < STAGES; s++) {
            if (needed[s]) {
                vlt_gate_stage *stage = &gate.stage[s];
                confirm(stage, 1, 0, CONFIRM);
                for (int i = 0; i < CONFIRM; i++) {
                    stage->confirm.experiment.result.run[i].log_ratio = log(1 + effect) +
                                                                        sigma * normal(&random);
                }
                vlt_experiment_judge(&stage->confirm.experiment, &options.experiment.judge, NULL);
            }
        }
        vlt_gate_judge(&gate, &options);
        failed += gate.verdict == VLT_GATE_REGRESSION;
        vlt_gate_release(&gate);
    }
    return (double)failed / gates;
}

/* Whole gates of three stages, simulated: no false alarm even when every stage stands exactly at
 * its margin, and a slowdown of 3 % is found where launches scatter by 0.6 %. */
Test(gate, false_alarms_and_power_by_simulation)
{
    cr_assert_leq(simulated_failures(0.0, 0.008, 400, 1), 0.0);
    cr_assert_leq(simulated_failures(0.01, 0.008, 400, 2), 0.005);
    cr_assert_geq(simulated_failures(0.03, 0.006, 200, 3), 0.95);
}

Test(gate, through_the_program)
{
    const struct {
        const char *arguments;
        int code;
        const char *words;
    } cases[] = {
        {"gate probe/gemm probe/gemm@work=1500 --max-pressure 100", 3, "regression"},
        {"gate probe/gemm@work=1500 probe/gemm --max-pressure 100", 0, "pass"},
        {"gate probe/gemm probe/gemm --max-pressure 0 --strict", 6, "busy|pressure"},
        {"gate probe/gemm probe/gemm --max-pressure 100 --launches 2 --strict", 6, "inconclusive"},
        {"gate probe/gem probe/gemm", 2, "probe/gem"},
        {"gate /lib/x86_64-linux-gnu/libm.so.6", 2, "libm"},
        {"gate nothing.so", 2, "nothing.so"},
        {"gate db:1 baseline", 2, "cannot judge|db"},
        {"gate db:1 --db /nonexistent.db", 2, "/nonexistent.db"},
        {"gate probe/gemm probe/gemm --format juni", 2, "junit"},
        {"gate probe/gemm probe/gemm@work=1500 --max-pressure 100 --margin 90", 0, "pass"},
        {"gate probe/gemm probe/gemm@work=1500 --max-pressure 100 --margin probe=90", 0, "pass"},
        {"gate probe/gemm probe/gemm --margin resize=2", 2, "no stage is named 'resize'"},
        {"gate probe/gemm probe/gemm --margin probe=x", 2, "[STAGE=]PERCENT"},
        {"gate probe/gemm probe/gemm --max-pressure 100 -o /nonexistent/file", 2, "/nonexistent"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_output output = test_program(cases[i].arguments);
        char words[64];
        snprintf(words, sizeof words, "%s", cases[i].words);
        bool found = false;
        for (char *word = strtok(words, "|"); word; word = strtok(NULL, "|")) {
            found |= strstr(output.out, word) || strstr(output.err, word);
        }
        cr_assert_eq(output.exit_code, cases[i].code, "%s: exit code %d\n%s%s", cases[i].arguments,
                     output.exit_code, output.out, output.err);
        cr_assert(found, "%s lacks '%s': %s%s", cases[i].arguments, cases[i].words, output.out,
                  output.err);
        test_output_release(&output);
    }
}

/* A stored run of this machine, then the same with the words of another one. */
Test(gate, against_a_stored_run)
{
    char command[512];
    const char *path = test_store_path(3);
    snprintf(command, sizeof command,
             "bench norm --shape decode --variant baseline --threads 1 --db %s", path);
    test_output output = test_program(command);
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    test_output_release(&output);

    snprintf(command, sizeof command,
             "gate db:latest --threads 1 --max-pressure 100 --json --db %s", path);
    output = test_program(command);
    cr_assert_eq(output.exit_code, 0, "%d %s", output.exit_code, output.err);
    cr_assert(strstr(output.out, "norm/baseline@rows=1"), "%s", output.out);
    cr_assert(!strstr(output.out, "\"regression\""), "%s", output.out);
    test_output_release(&output);

    vlt_store *store;
    cr_assert_eq(vlt_store_open(path, VLT_STORE_WRITE, &store, NULL), VLT_OK);
    cr_assert_eq(vlt_store_exec(store, "UPDATE machine SET hard = replace(hard, '\"cpu', '\"xcpu')",
                                "testing", NULL),
                 VLT_OK);
    vlt_store_close(store);
    output = test_program(command);
    cr_assert_eq(output.exit_code, 2, "%d %s", output.exit_code, output.err);
    cr_assert(strstr(output.err, "another machine"), "%s", output.err);
    test_output_release(&output);
    test_store_remove(path);
}

/* Equal code counts equally; one per mille more does not pass. */
Test(gate, counts_instructions)
{
    if (access("/usr/bin/valgrind", X_OK) != 0 || VLT_ASAN) {
        test_skip("counting instructions needs Valgrind and a build without sanitizers");
        return;
    }
    test_output same = test_program("gate probe/hash probe/hash --counter instructions --json");
    cr_assert_eq(same.exit_code, 0, "%d %s", same.exit_code, same.err);
    const char *ratio = strstr(same.out, "\"ratio\": ");
    cr_assert(ratio && fabs(strtod(ratio + 9, NULL) - 1) < 1e-5, "%s", same.out);
    cr_assert(strstr(same.out, "callgrind"), "%s", same.out);
    test_output_release(&same);
    test_output more = test_program("gate probe/hash probe/hash@work=1001 --counter instructions");
    cr_assert_eq(more.exit_code, 3, "%d %s", more.exit_code, more.err);
    cr_assert(strstr(more.out, "instructions a call"), "%s", more.out);
    test_output_release(&more);
    test_output wrong = test_program("gate probe/hash probe/hash --counter cycles");
    cr_assert_eq(wrong.exit_code, 2, "%d", wrong.exit_code);
    test_output_release(&wrong);
    /* Valgrind runs no AVX-512 whatever this CPU has: it is named, not the CPU */
    test_output lacking = test_program("gate norm/baseline norm/avx512 --counter instructions");
    cr_assert_eq(lacking.exit_code, 5, "%d", lacking.exit_code);
    cr_assert(strstr(lacking.err, "norm/avx512: callgrind (Valgrind) has no AVX512\n"), "%s",
              lacking.err);
    test_output_release(&lacking);
}

/* Every launch of a gate is in the database with its seed, and the page shows the verdict. */
Test(gate, keeps_its_samples_and_writes_a_page, .init = test_folder_make,
     .fini = test_folder_remove)
{
    char command[512];
    const char *path = test_store_path(5), *page = test_folder_path("gate.html");
    size_t bytes = 0;
    snprintf(command, sizeof command,
             "gate probe/gemm probe/gemm@work=1500 --max-pressure 100 --db %s --page %s", path,
             page);
    test_output output = test_program(command);
    cr_assert_eq(output.exit_code, 3, "%d %s", output.exit_code, output.err);
    cr_assert(strstr(output.err, "stored as db:"), "%s", output.err);
    test_output_release(&output);
    char *text = test_read_file(page, &bytes);
    cr_assert(text && strstr(text, "</html>"));
    cr_assert(strstr(text, ">regression<"));
    cr_assert(strstr(text, "class=\"launch\""));
    free(text);

    vlt_store *store;
    int64_t trials = 0, samples = 0;
    cr_assert_eq(vlt_store_open(path, VLT_STORE_READ, &store, NULL), VLT_OK);
    cr_assert_eq(vlt_store_query_int(store, "SELECT count(*) FROM trial WHERE seed > 0", "testing",
                                     &trials, NULL, NULL, ""),
                 VLT_OK);
    cr_assert_eq(vlt_store_query_int(store, "SELECT count(*) FROM sample", "testing", &samples,
                                     NULL, NULL, ""),
                 VLT_OK);
    vlt_store_close(store);
    cr_assert(trials >= 16 && samples >= 2 * trials, "%lld trials, %lld samples", (long long)trials,
              (long long)samples);
    test_store_remove(path);
}
