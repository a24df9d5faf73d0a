#!/usr/bin/env python3
"""order.py VLTUNE [OP...] [--budget 1s] [-- OPTIONS of bench and compare, as --isa avx2]

Does what runs without any config lose to another variant? Every operator is benched at its named
shapes; where a variant looks faster than 0.98 of another one's time, the fastest two are compared
with the default at a margin of 3 %. Prints each shape whose default is certainly slower, and a sum.
Python's standard library alone.
"""
import json
import subprocess
import sys


def answer(command):
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode not in (0, 5) or not run.stdout.strip():
        print("fault:", " ".join(command), run.stderr.strip()[-300:])
        return []
    return json.loads(run.stdout)["rows"]


def main():
    arguments, options = sys.argv[1:], []
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, options = arguments[:cut], arguments[cut + 1:]
    budget = "1s"
    if "--budget" in arguments:
        at = arguments.index("--budget")
        budget = arguments[at + 1]
        del arguments[at:at + 2]
    vltune, ops = arguments[0], arguments[1:]
    if not ops:
        listing = json.loads(subprocess.run([vltune, "list", "--json"], capture_output=True, text=True).stdout)
        ops = [operator["op"] for operator in listing]
    shapes = slower = 0
    for op in ops:
        rows = answer([vltune, "bench", op, "--json", "-q", "--budget", budget] + options)
        by_shape = {}
        for row in rows:
            if row["ns_median"]:
                by_shape.setdefault(row["dims"], []).append(row)
        for dims, group in by_shape.items():
            shapes += 1
            group.sort(key=lambda row: row["ns_median"])
            near = [row for row in group if row["ns_median"] <= 1.02 * group[0]["ns_median"]][:2]
            for row in near:
                found = answer([vltune, "compare", f"{op}@{dims}", f"{op}/{row['variant']}@{dims}", "--json", "-q",
                                "--budget", "8s", "--margin", "3"] + options)
                if found and found[0]["verdict"] != "same":
                    print(f"{op}@{dims}: {row['variant']} against the default {found[0]['ratio']:.4f} "
                          f"{found[0]['verdict']}", flush=True)
                    slower += found[0]["verdict"] == "faster"
    print(f"{shapes} shapes, {slower} whose default is certainly slower than another variant by more than 3 %")


main()
