#!/usr/bin/env python3
"""cells.py BUILD MODEL... [--budget SECONDS] [--masks NAME,...] [--threads N,...] [--busy] [--own]
[--table FILE]: tunes every model under every mask with every number of threads, and then asks
`vltune compare default CONFIG` what the config is worth; --busy beside a process that computes for
ever, --own takes what the tune itself says (where whole requests take too long). A line a cell, and
the pooled estimate; with --table cells are kept there, one JSON object a line, and not done again.
Speeds are shares of what runs without a config: above 1 is faster.
"""
import argparse
import json
import math
import multiprocessing
import os
import subprocess
import tempfile

from common import spin


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("model", nargs="+")
    parser.add_argument("--budget", type=float, default=60)
    parser.add_argument("--masks", default="base,avx2,native")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--own", action="store_true")
    parser.add_argument("--table")
    return parser.parse_args()


def vltune(build, words, mask, threads):
    masked = [] if mask == "native" else ["--isa", mask]
    run = subprocess.run([build + "/vltune", *words, *masked, "--threads", threads, "--json", "-q"],
                         capture_output=True, text=True)
    if not run.stdout.strip():
        raise SystemExit("%s: %s" % (" ".join(words), run.stderr.strip()))
    return json.loads(run.stdout)


def speed(ratio, low, high):
    """Of times: speeds, their interval turned round."""
    return {"speed": 1 / ratio, "low": 1 / high if high else None, "high": 1 / low if low else None}


def measure(args, model, mask, threads):
    with tempfile.TemporaryDirectory() as folder:
        config = folder + "/tuned.toml"
        tuned = vltune(args.build, ["tune", model, "--budget", "%gs" % args.budget, "--no-page",
                                    "--db", folder + "/vltune.db", "-o", config], mask, threads)
        own = tuned["end_to_end"]["over_default"]
        cell = {"changed": sum(not row["is_default"] for row in tuned["rows"]),
                "decisions": len(tuned["rows"]), "seconds": tuned["seconds"], "own": own}
        if args.own or not cell["changed"]:
            return {**cell, **speed(own["ratio"], own["low"], own["high"])}
        row = vltune(args.build, ["compare", "default", config, "--model", model], mask,
                     threads)["rows"][0]
        return {**cell, **speed(row["ratio"], row["ratio_low"], row["ratio_high"])}


def known(path):
    cells = {}
    if path and os.path.exists(path):
        with open(path) as file:
            for line in file:
                cell = json.loads(line)
                cells[tuple(cell["key"])] = cell
    return cells


def tell(cell):
    interval = "" if cell["low"] is None else " [%.3f, %.3f]" % (cell["low"], cell["high"])
    print("%-12s %-8s %s threads%s: %.3f%s of the default's speed, %d of %d decisions changed" %
          (*cell["key"][:3], ", busy" if cell["key"][3] else "", cell["speed"], interval,
           cell["changed"], cell["decisions"]), flush=True)


def main():
    args = arguments()
    kept, cells = known(args.table), []
    neighbour = None
    if args.busy:
        neighbour = multiprocessing.Process(target=spin, args=(os.getpid(),), daemon=True)
        neighbour.start()
    for model in args.model:
        for mask in args.masks.split(","):
            for threads in args.threads.split(","):
                key = (os.path.basename(model.rstrip("/")), mask, threads, args.busy, args.budget)
                cell = kept.get(key) or {"key": key, **measure(args, model, mask, threads)}
                if args.table and key not in kept:
                    with open(args.table, "a") as file:
                        file.write(json.dumps(cell) + "\n")
                tell(cell)
                cells.append(cell)
    if neighbour:
        neighbour.terminate()
    slower = [cell for cell in cells if cell["high"] is not None and cell["high"] < 0.99]
    pooled = math.exp(sum(math.log(cell["speed"]) for cell in cells) / max(1, len(cells)))
    print("%d cells, %d certainly slower than the defaults at 1 %%, pooled %.4f" %
          (len(cells), len(slower), pooled))


main()
