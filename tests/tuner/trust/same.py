#!/usr/bin/env python3
"""same.py BUILD [RUNS] [BUDGET_S] [OP]: tunes in which every setting is the default under another
name; every second one beside a process that computes for ever. Who leaves the default is wrong.
Prints a line a run, and a sum: runs, decisions, decisions that left the default, and by how much
the chosen ones were said to be faster.
"""
import multiprocessing
import os
import statistics
import sys
import tempfile

from common import DEMO, stand_in, tune


def spin(parent):
    while os.getppid() == parent:  # who ends this script ends the neighbour
        pass


def main():
    build = sys.argv[1]
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    budget = float(sys.argv[3]) if len(sys.argv) > 3 else 4
    op = sys.argv[4] if len(sys.argv) > 4 else "norm"
    left, decisions, settings, claims, wrong_runs = 0, 0, 0, [], 0
    with tempfile.TemporaryDirectory() as folder:
        program = stand_in(folder, "same", build)
        for run in range(runs):
            neighbour = multiprocessing.Process(target=spin, args=(os.getpid(),),
                                                daemon=True)
            if run % 2:
                neighbour.start()
            rows, _ = tune(build, program, DEMO, folder, budget, 1, op)
            if run % 2:
                neighbour.terminate()
                neighbour.join()
            decided = [row for row in rows[:-1] if row["ratio"] is not None]
            changed = [row for row in decided if not row["is_default"]]
            decisions += len(decided)
            settings += sum(row["settings"] for row in rows[:-1])
            left += len(changed)
            wrong_runs += bool(changed)
            claims += [1 / row["ratio"] - 1 for row in decided]
            print("run %d%s: %d decided, %d left the default" %
                  (run + 1, ", busy" if run % 2 else "", len(decided), len(changed)), flush=True)
    print("%d runs of %s, %d decisions over %d settings: %d runs left the default (%.2f %%), %d "
          "decisions; median of what they claim %.2f %%, largest %.2f %%" %
          (runs, op, decisions, settings, wrong_runs, 100 * wrong_runs / max(1, runs), left,
           100 * statistics.median(claims or [0]), 100 * max(claims or [0])))


main()
