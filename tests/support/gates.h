/* gates.h: gates with made-up launches, for what judges and what prints them. */
#ifndef VLT_TESTS_GATES_H
#define VLT_TESTS_GATES_H

#include "tuner/gate/gate.h"

/* Adds a stage named `name`; its screen has `launches` launches of ratio around `ratio` (spread
 * evenly over +- scatter), each under `pressure`. */
vlt_gate_stage *test_gate_stage(vlt_gate *gate, const char *name, double ratio, double scatter,
                                int launches, double pressure);

/* Fills a row so; judged with the options, as vlt_experiment_run leaves it. */
void test_gate_row(vlt_row *row, double ratio, double scatter, int launches, double pressure,
                   const vlt_judge_options *options);

#endif
