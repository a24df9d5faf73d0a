#!/usr/bin/env python3
"""Peak memory of a request, builds side by side: peak_rates.py PHOTO BUILD [BUILD...]

Each request is a process of its own, `vltune run` with defaults; the builds take turns. Median, least and most
of nine runs of the largest resident size, as the kernel tells it at the end.
"""
import os
import statistics
import subprocess
import sys
import tempfile

photo, builds = os.path.abspath(sys.argv[1]), [os.path.abspath(build) for build in sys.argv[2:]]
demo = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../harness/model/demo/checkpoint")
RUNS = 9


def peak_mb(build, arguments):
    """By time(1), which is small itself: a child of ours begins with our own size."""
    command = ["/usr/bin/time", "-f", "%M", os.path.join(build, "vltune"), "run", demo, "--no-config", "-q", *arguments]
    child = subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return int(child.stderr.split()[-1]) * 1024 / 1e6


with tempfile.TemporaryDirectory() as folder:
    subprocess.run([os.path.join(builds[-1], "vltune"), "model", "scenes", folder, "--count", "1", "-q"], check=True)
    scene = os.path.join(folder, "scene-000.jpg")
    requests = {"text": ["--prompt", "Hello"],
                "drawn scene": ["--prompt", "Describe the image.", "--image", scene],
                "photo": ["--prompt", "What is this?", "--image", photo]}
    for name, arguments in requests.items():
        for threads in ("1", "2"):
            peaks = {build: [] for build in builds}
            for _ in range(RUNS):
                for build in builds:
                    peaks[build].append(peak_mb(build, [*arguments, "--threads", threads]))
            for build, seen in peaks.items():
                print(f"{name}, {threads} threads: {statistics.median(seen):.1f} MB "
                      f"[{min(seen):.1f}, {max(seen):.1f}]  {build}")
