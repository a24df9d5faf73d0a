#!/usr/bin/env python3
"""worst_first.py BUILD MODEL [BUDGET_S] [THREADS]: tunes as if what runs without a config were the
last exact variant of every operator, then compares what runs then (the config, and where it decides
nothing that last variant) with what really runs without one. Prints the speed that was found, as a
share of the default's.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

from common import stand_in, tune


def add_planted(config, folder):
    """What was not decided runs what the tuner took for the default; how many of these there are."""
    with open(os.path.join(folder, "planted.json")) as file:
        planted = json.load(file)
    with open(config) as file:
        text = file.read()
    decided = set(re.findall(r'op = "(.*)"\nbucket = "(.*)"', text))
    left = {(p["op"], p["bucket"]): p["variant"] for p in planted}
    left = {key: variant for key, variant in left.items() if key not in decided}
    with open(config, "a") as file:
        for (op, bucket), variant in left.items():
            file.write('\n[[decision]]\nop = "%s"\nbucket = "%s"\nvariant = "%s"\nknobs = ""\n'
                       'reason = "planted"\n' % (op, bucket, variant))
    return len(left)


def main():
    build, model = sys.argv[1:3]
    budget = float(sys.argv[3]) if len(sys.argv) > 3 else 60
    threads = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    with tempfile.TemporaryDirectory() as folder:
        rows, config = tune(build, stand_in(folder, "worst", build), model, folder, budget, threads)
        for row in rows[:-1]:
            print("%-16s share %-7s %3d settings  %s" %
                  (row["op"], "%.4f" % row["share"] if row["share"] else "-", row["settings"],
                   row["choice"]))
        print(rows[-1])
        left = add_planted(config, folder)
        run = subprocess.run([build + "/vltune", "compare", "default", config, "--model", model,
                              "--threads", str(threads), "--json", "-q"], capture_output=True,
                             text=True)
        row = json.loads(run.stdout)["rows"][0]
        print("%s, %g s, %d threads: %s of the default's speed [%s, %s], %d of %d problems left "
              "the last variant, %d were not decided" %
              (model, budget, threads, 1 / row["ratio"],
               1 / row["ratio_high"] if row["ratio_high"] else None,
               1 / row["ratio_low"] if row["ratio_low"] else None,
               sum(not row["is_default"] for row in rows[:-1]), len(rows) - 1, left))


main()
