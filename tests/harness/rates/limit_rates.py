#!/usr/bin/env python3
"""A batch within memory limits, builds side by side: limit_rates.py LINES.jsonl BUILD [BUILD...]

The demo model, one process a batch; the builds take turns, five rounds, each limit on its own and none at all.
Per limit: the median over rounds of a build's time over that of the first build in the same round, and over its own
without a limit; lines answered in each round; whether every answer of every run has the ids that it has without a
limit; and the largest use of memory (of a memory cgroup made for the process, without a limit, so without the pages
of files that are cached already), where one can be made.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

lines, builds = os.path.abspath(sys.argv[1]), [os.path.abspath(build) for build in sys.argv[2:]]
demo = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../harness/model/demo/checkpoint")
LIMITS, ROUNDS, OPTIONS = (None, "60M", "30M"), 5, os.environ.get("BATCH_OPTIONS", "").split()
CGROUP = "/sys/fs/cgroup/memory/vltune-rates-%d" % os.getpid()


def run(build, limit, folder, inside=None):
    """Seconds, and the ids of every line that was answered."""
    out = os.path.join(folder, "out")
    command = [os.path.join(build, "vltune"), "batch", demo, lines, "-q", "--no-config", "-o", out, *OPTIONS]
    command += ["--memory-limit", limit] if limit else []
    if inside:
        command = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', inside, *command]
    begun = time.monotonic()
    child = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    seconds = time.monotonic() - begun
    if child.returncode > 1:
        sys.exit(f"{command}: exit {child.returncode}: {child.stderr}")
    with open(out, encoding="utf-8") as answers:
        ids = {number: answer.get("ids") for number, answer in enumerate(map(json.loads, answers))}
    os.remove(out)
    return seconds, ids


def peak_mb(build, limit, folder):
    try:
        os.mkdir(CGROUP)
    except OSError:
        return float("nan")
    try:
        run(build, limit, folder, CGROUP)
        with open(CGROUP + "/memory.max_usage_in_bytes", encoding="ascii") as peak:
            return int(peak.read()) / 1e6
    finally:
        os.rmdir(CGROUP)


with tempfile.TemporaryDirectory() as folder:
    seconds, answered, wrong, free = {}, {}, {}, None
    for _ in range(ROUNDS):
        for limit in LIMITS:
            for build in builds:
                took, ids = run(build, limit, folder)
                free = free or ids
                key = (limit, build)
                seconds.setdefault(key, []).append(took)
                answered.setdefault(key, []).append(sum(got is not None for got in ids.values()))
                wrong[key] = wrong.get(key, 0) + sum(got not in (None, free[number]) for number, got in ids.items())
    for limit in LIMITS:
        for build in builds:
            own, key = seconds[(None, build)], (limit, build)
            beside = statistics.median(a / b for a, b in zip(seconds[key], seconds[(limit, builds[0])]))
            freely = statistics.median(a / b for a, b in zip(seconds[key], own))
            print(f"limit {limit}: {statistics.median(seconds[key]):.3f} s, {beside:.2f} of the first build, {freely:.2f} "
                  f"of no limit; answered {answered[key]}, other ids {wrong[key]}, "
                  f"peak {peak_mb(build, limit, folder):.1f} MB  {build}")
