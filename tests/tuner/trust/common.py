"""What the scripts of this folder share: runs of tune_with with a stand-in. Standard library."""
import json
import os
import signal
import stat
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DEMO = os.path.join(HERE, "../../../harness/model/demo/checkpoint")


def spin(parent):
    """The neighbour: computes for as long as that process is its parent."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while os.getppid() == parent:
        pass


def stand_in(folder, mode, build):
    """A program for tune_with: stand_in.py in that mode."""
    path = os.path.join(folder, mode + ".sh")
    with open(path, "w") as file:
        file.write("#!/bin/sh\nexec '%s' '%s/stand_in.py' %s '%s' \"$1\" '%s'\n"
                   % (sys.executable, HERE, mode, os.path.abspath(build + "/vltune"),
                      os.path.abspath(folder)))
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
    return path


def tune(build, program, model, folder, budget, threads=1, op=None):
    """Rows of a tune with a new database, the run itself last, and the config's path."""
    config, db = os.path.join(folder, "tuned.toml"), os.path.join(folder, "vltune.db")
    for name in os.listdir(folder):
        if name.startswith(("tuned.toml", "vltune.db")):
            os.remove(os.path.join(folder, name))
    command = [build + "/tests/tune_with", program, model, config, db, str(budget), str(threads)]
    run = subprocess.run(command + ([op] if op else []), capture_output=True, text=True)
    rows = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    if run.returncode:
        print("fault:", run.stderr.strip()[-300:] or rows[-1:])
    return rows, config
