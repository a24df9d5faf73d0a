#!/usr/bin/env python3
"""same.py BUILD [RUNS] [BUDGET_S] [OP]: tunes in which every setting is the default under another
name; every second one beside a process that computes for ever. Who leaves the default is wrong.
Prints a line a run, and a sum of those that came to an end (also when it is ended early): runs,
decisions, decisions that left the default, and by how much the chosen ones were said to be faster.
"""
import multiprocessing
import os
import signal
import statistics
import sys
import tempfile

from common import DEMO, spin, stand_in, tune


def end_early(*_):
    raise KeyboardInterrupt


class Sums:
    def __init__(self):
        self.runs, self.busy, self.settings, self.changed, self.wrong_runs = 0, 0, 0, 0, 0
        self.claims = []

    def add(self, rows, busy):
        decided = [row for row in rows[:-1] if row["ratio"] is not None]
        changed = [row for row in decided if not row["is_default"]]
        settings = sum(row["settings"] for row in rows[:-1])
        self.runs += 1
        self.busy += busy
        self.settings += settings
        self.changed += len(changed)
        self.wrong_runs += bool(changed)
        self.claims += [1 / row["ratio"] - 1 for row in decided]
        print("run %d%s: %d decided over %d settings, %d left the default, load %.1f" %
              (self.runs, ", busy" if busy else "", len(decided), settings, len(changed),
               os.getloadavg()[0]), flush=True)

    def tell(self, op):
        print("%d runs of %s, %d of them busy, %d decisions over %d settings: %d runs left the "
              "default (%.2f %%), %d decisions; median of what they claim %.2f %%, largest %.2f %%" %
              (self.runs, op, self.busy, len(self.claims), self.settings, self.wrong_runs,
               100 * self.wrong_runs / max(1, self.runs), self.changed,
               100 * statistics.median(self.claims or [0]), 100 * max(self.claims or [0])))


def main():
    build = sys.argv[1]
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    budget = float(sys.argv[3]) if len(sys.argv) > 3 else 4
    op = sys.argv[4] if len(sys.argv) > 4 else "norm"
    sums = Sums()
    signal.signal(signal.SIGTERM, end_early)
    with tempfile.TemporaryDirectory() as folder:
        program = stand_in(folder, "same", build)
        try:
            for run in range(runs):
                neighbour = multiprocessing.Process(target=spin, args=(os.getpid(),), daemon=True)
                if run % 2:
                    neighbour.start()
                rows, _ = tune(build, program, DEMO, folder, budget, 1, op)
                if run % 2:
                    neighbour.terminate()
                    neighbour.join()
                sums.add(rows, run % 2)
        except KeyboardInterrupt:
            pass
        sums.tell(op)


main()
