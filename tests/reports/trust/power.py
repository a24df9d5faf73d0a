#!/usr/bin/env python3
"""power.py VLTUNE [--tries N] [--threads 1,0] [--busy] [--ops linear,...] [--variants avx512,...]
         [--kinds more,same] [--seed N] [--budget 20s] [--table FILE]

Is 3 % more work found, and are equal problems called equal? For every applicable variant of linear,
attention and resize `vltune compare A B --json` is run N times with another seed each: B is the same
variant on about 3 % more work (found: `slower`), and once on the same work (false: `slower` or
`faster`). (Wider, not more, rows: sixteen strips take two threads as long as fifteen do; OTHERS for variants
that other work suits.) --busy keeps one thread beside it computing for ever. Each try is a line of the table.
Python's standard library alone.
"""
import argparse
import json
import signal
import subprocess
import sys
import time

PROBLEMS = {
    "linear": ("m=128,n=1024,k=1024", "m=128,n=1024,k=1056"),
    "attention": ("q_rows=1024,kv_rows=1024,heads=2,kv_heads=2,head=64,causal=0",
                  "q_rows=1056,kv_rows=1024,heads=2,kv_heads=2,head=64,causal=0"),
    "resize": ("src_h=960,src_w=1280,dst_h=480,dst_w=640", "src_h=960,src_w=1320,dst_h=480,dst_w=660"),
}

# What works on one element after the other takes up to 50 times as long: 3 % of less work.
FEW_KEYS = ("q_rows=1024,kv_rows=64,heads=2,kv_heads=2,head=64,causal=0",
            "q_rows=1056,kv_rows=64,heads=2,kv_heads=2,head=64,causal=0")
# What packs keys and values once a call is not 3 % longer by 3 % more queries, but by keys.
MORE_KEYS = (PROBLEMS["attention"][0], "q_rows=1024,kv_rows=1056,heads=2,kv_heads=2,head=64,causal=0")
OTHERS = {
    "linear/baseline": ("m=32,n=1024,k=1024", "m=32,n=1024,k=1056"),
    "attention/baseline": FEW_KEYS,
    "attention/blocked": FEW_KEYS,
    "attention/int8": MORE_KEYS,
    "attention/bf16": MORE_KEYS,
}


def problems(op, variant):
    for name, pair in OTHERS.items():
        if f"{op}/{variant}".startswith(name):
            return pair
    return PROBLEMS[op]


def variants(vltune, op):
    listing = json.loads(subprocess.run([vltune, "list", op, "--json"], check=True, capture_output=True).stdout)
    for operator in listing:
        for variant in operator["variants"]:
            if variant["applicable"]:
                yield variant["name"]


def one(vltune, op, variant, kind, threads, seed, budget):
    less, more = problems(op, variant)
    a, b = f"{op}/{variant}@{less}", f"{op}/{variant}@{more if kind == 'more' else less}"
    start = time.monotonic()
    run = subprocess.run([vltune, "compare", a, b, "--json", "-q", "--seed", str(seed), "-t", str(threads),
                          "--budget", budget, "--quality", "int8"], capture_output=True, text=True)
    seconds = time.monotonic() - start
    if run.returncode:
        return None, seconds, run.stderr.strip()
    row = json.loads(run.stdout)["rows"][0]
    return row["verdict"], seconds, row["ratio"]


def main():
    parser = argparse.ArgumentParser(usage=__doc__.replace("%", "%%"))
    parser.add_argument("vltune")
    parser.add_argument("--tries", type=int, default=100)
    parser.add_argument("--threads", default="1,0")
    parser.add_argument("--ops", default="linear,attention,resize")
    parser.add_argument("--variants")
    parser.add_argument("--kinds", default="more,same")
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--budget", default="20s")
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--table")
    options = parser.parse_args()
    table = open(options.table, "a", encoding="ascii") if options.table else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)) # the busy one ends, too
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if options.busy else None
    try:
        for op in options.ops.split(","):
            for variant in variants(options.vltune, op):
                if options.variants and variant not in options.variants.split(","):
                    continue
                for threads in map(int, options.threads.split(",")):
                    for kind in options.kinds.split(","):
                        series(options, table, op, variant, kind, threads)
    finally:
        if busy:
            busy.kill()


def series(options, table, op, variant, kind, threads):
    verdicts, times, ratios = {}, [], []
    for seed in range(options.seed, options.seed + options.tries):
        verdict, seconds, ratio = one(options.vltune, op, variant, kind, threads, seed, options.budget)
        if verdict is None:
            print(f"{op}/{variant}: {ratio}")
            return
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
        times.append(seconds)
        ratios.append(ratio)
        if table:
            print(op, variant, kind, threads, int(options.busy), seed, verdict, ratio, f"{seconds:.2f}",
                  sep="\t", file=table, flush=True)
    times.sort()
    ratios.sort()
    print(f"{op}/{variant} threads={threads} {kind}: {verdicts}, median ratio {ratios[len(ratios) // 2]:.4f}, "
          f"median {times[len(times) // 2]:.1f} s", flush=True)


main()
