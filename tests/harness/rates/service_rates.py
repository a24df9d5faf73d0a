#!/usr/bin/env python3
"""What services are worth on this machine: service_rates.py BUILD PHOTO.jpg

PHOTO is a picture of some 12 megapixels. Everything is measured in turn, medians of three; one line each.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

build, photo = sys.argv[1], os.path.abspath(sys.argv[2])
program = os.path.join(build, "vltune")
demo = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../harness/model/demo/checkpoint")
ROUNDS = 3


def run(*arguments):
    command = [program, *arguments, "--no-config", "-q"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def draw(folder):
    subprocess.run([program, "model", "scenes", folder, "--count", "16", "--seed", "3", "-q"], check=True)


def timings(*arguments):
    return json.loads(run("run", demo, "--greedy", "--ignore-eos", "--json", *arguments))["timings_ms"]


def wall(call):
    begin = time.monotonic()
    call()
    return time.monotonic() - begin


def median(call):
    return statistics.median(call() for _ in range(ROUNDS))


def together(command):
    """One process, and two at once: what two threads could be worth at most."""
    one = median(lambda: wall(lambda: subprocess.run(command, check=True, capture_output=True)))

    def both():
        children = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
        for child in children:
            child.wait()

    return 2 * one / median(lambda: wall(both))


def photos():
    def prepared(threads):
        """Wall time until all pictures of one request are patches."""
        t = timings("-n", "1", "--prompt", "a", *[word for _ in range(8) for word in ("--image", photo)],
                    "--preprocess-threads", str(threads))
        return t["total"] - sum(t[phase] for phase in ("load", "vision", "prefill", "decode", "other"))

    scaling = together([program, "preprocess", demo, *[photo] * 4, "--threads", "1", "--json", "-q"])
    one, two = median(lambda: prepared(1)), median(lambda: prepared(2))
    print(f"eight photos in one request: {one:.0f} ms by one thread, {two:.0f} by two: {one / two:.2f}x; "
          f"two processes at once: {scaling:.2f}x of one")


def pictures(folder):
    draw(os.path.join(folder, "scenes"))
    lines = [json.loads(line) for line in open(os.path.join(folder, "scenes/scenes.jsonl"))]
    path = os.path.join(folder, "in.jsonl")
    with open(path, "w") as out:
        for line in lines:
            out.write(json.dumps({"prompt": line["question"], "images": ["scenes/" + line["image"]]}) + "\n")

    def single(line):
        t = timings("-n", "16", "--prompt", line["question"], "--image",
                    os.path.join(folder, "scenes", line["image"]))
        return 1e-3 * (t["total"] - t["load"])

    alone = median(lambda: sum(single(line) for line in lines))
    for parallel in ("1", "4"):
        batch = median(lambda: wall(lambda: run("batch", demo, path, "--greedy", "--ignore-eos", "-n", "16",
                                                "--parallel", parallel)))
        print(f"16 requests with a picture: answered alone {alone:.2f} s, loading left out; as a batch "
              f"--parallel {parallel}, the whole process: {batch:.2f} s")


def neighbour():
    def tokens_a_second():
        return 400 / timings("-n", "400", "--prompt", "a")["decode"] * 1e3

    quiet = median(tokens_a_second)
    busy = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    beside = median(tokens_a_second)
    busy.kill()
    busy.wait()
    print(f"decode: {quiet:.0f} tokens/s, beside a busy neighbour {beside:.0f}: {beside / quiet:.2f}")


def faults():
    print(subprocess.run([os.path.join(build, "tests/plain_decode_faults")], check=True, capture_output=True,
                         text=True).stdout, end="")


with tempfile.TemporaryDirectory() as folder:
    photos()
    pictures(folder)
    neighbour()
    faults()
