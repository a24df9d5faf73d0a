#!/usr/bin/env python3
"""kills.py BUILD [KILLS] [MODEL]: one database, KILLS tunes of it, each killed (SIGKILL) at a
random moment; in the end one that may finish. After every kill the database must be sound and hold
every trial that it held before, and the config must be whole or not there.
"""
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

from common import DEMO


def trials(db):
    if not os.path.exists(db):
        return set(), 0
    connection = sqlite3.connect(db, timeout=20)
    try:
        known = {row[0] for row in connection.execute("SELECT uuid FROM trial")}
        samples = connection.execute("SELECT count(*) FROM sample").fetchone()[0]
    finally:
        connection.close()
    return known, samples


def main():
    build = sys.argv[1]
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    model = sys.argv[3] if len(sys.argv) > 3 else DEMO
    chance = random.Random(1)
    lost, unsound, broken = 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        db, config = os.path.join(folder, "vltune.db"), os.path.join(folder, "tuned.toml")
        command = [build + "/vltune", "tune", model, "--db", db, "-o", config, "--threads", "1",
                   "--budget", "20s", "-q"]
        before = (set(), 0)
        for kill in range(kills):
            run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   cwd=folder)
            time.sleep(chance.uniform(0.05, 6))
            run.send_signal(signal.SIGKILL)
            run.wait()
            after = trials(db)
            lost += len(before[0] - after[0]) + max(0, before[1] - after[1])
            if after[0]: # one that was being made is empty, and said to be
                unsound += subprocess.run([build + "/vltune", "db", "check", "--db", db, "-q"],
                                          stdout=subprocess.DEVNULL).returncode != 0
            if os.path.exists(config):
                broken += subprocess.run([build + "/vltune", "config", "validate", config, "-q"],
                                         stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL).returncode == 2
            print("kill %d: %d trials, %d of them new" %
                  (kill + 1, len(after[0]), len(after[0] - before[0])), flush=True)
            before = after
        subprocess.run(command, stdout=subprocess.DEVNULL, cwd=folder)
        after = trials(db)
        lost += len(before[0] - after[0])
        print("%d kills, %d trials in the end: %d lost, %d times unsound, %d configs cut; the last "
              "run found %d and added %d" %
              (kills, len(after[0]), lost, unsound, broken, len(before[0]),
               len(after[0] - before[0])))
    sys.exit(bool(lost or unsound or broken))


main()
