#!/usr/bin/env python3
"""stand_in.py MODE VLTUNE COMMAND FOLDER: stands between the tuner and one process of vltune.

same:   every challenger of a race is the incumbent under another name, so nothing can be faster
worst:  what runs without a config is said to be the last exact variant of each operator, with its
        default knobs: the catalogue, which lists the best first, reversed; FOLDER/planted.json
        holds them
Python's standard library alone.
"""
import json
import os
import subprocess
import sys


def race(vltune):
    worker = subprocess.Popen([vltune, "_race"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if "b" in request:
            request["b"] = request["a"]
            request["edges"] = False
        worker.stdin.write(json.dumps(request).encode() + b"\n")
        worker.stdin.flush()
        sys.stdout.buffer.write(worker.stdout.readline())
        sys.stdout.buffer.flush()
    worker.stdin.close()
    return worker.wait()


def worst_of(vltune):
    last = {}
    for op in json.loads(subprocess.check_output([vltune, "list", "--json"])):
        exact = [v["name"] for v in op["variants"][1:]
                 if v["applicable"] and not v["name"].startswith(("int8", "bf16"))]
        if exact:
            last[op["op"]] = exact[-1]
    return last


def whole(vltune, folder):
    task = sys.stdin.buffer.read()
    run = subprocess.run([vltune, "_whole"], input=task, stdout=subprocess.PIPE)
    answer = json.loads(run.stdout)
    if answer.get("problems"):
        last = worst_of(vltune)
        planted = [problem for problem in answer["problems"] if problem["op"] in last]
        for problem in planted:
            problem["variant"], problem["knobs"] = last[problem["op"]], ""
        with open(os.path.join(folder, "planted.json"), "w") as file:
            json.dump(planted, file)
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    return run.returncode


def main():
    mode, vltune, command, folder = sys.argv[1:5]
    if mode == "same" and command == "_race":
        sys.exit(race(vltune))
    if mode == "worst" and command == "_whole":
        sys.exit(whole(vltune, folder))
    os.execv(vltune, [vltune, command])


main()
