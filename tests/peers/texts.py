#!/usr/bin/env python3
"""Texts and pictures side by side: vltune, gigatoken, Hugging Face tokenizers; Pillow with numpy.

Same vocabulary, same texts, one thread, ids compared; each first call is in a fresh process, rounds
take turns, best of them. The peers live in a virtual environment under --work and are no part of
vltune.

  texts.py prepare --work WORK
  texts.py run --work WORK --data DATA --build BUILD [--rounds N]

DATA is the folder of golden data (data/tokenizer, data/text, data/images), BUILD a build of the
tree. `prepare` needs the network (PyPI).
"""
import argparse
import json
import lzma
import os
import subprocess
import sys
import time

PACKAGES = ["tokenizers==0.23.3", "gigatoken==0.10.0", "pillow==13.0.0", "numpy"]
TEXTS = {"English": "state-of-the-union-ascii.txt", "Chinese": "poet.tang.0.json",
         "JSON": "package-lock.json"}
PICTURE = "food-3024x4032-420.jpg"
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
           r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def in_environment(arguments, *command):
    python = os.path.join(arguments.work, "venv", "bin", "python")
    result = subprocess.run([python, os.path.abspath(__file__), *command], check=True,
                            stdout=subprocess.PIPE, env=dict(os.environ, RAYON_NUM_THREADS="1",
                                                             OMP_NUM_THREADS="1"))
    return json.loads(result.stdout)


def prepare(arguments):
    venv = os.path.join(arguments.work, "venv")
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run([os.path.join(venv, "bin", "pip"), "install", "-q", *PACKAGES], check=True)


def write_tokenizer(arguments):
    """tokenizer.json of the published vocabulary, for all three."""
    folder = os.path.join(arguments.work, "tokenizer")
    data = os.path.join(arguments.data, "data", "tokenizer")
    path = os.path.join(folder, "tokenizer.json")
    if os.path.exists(path):
        return folder
    os.makedirs(folder, exist_ok=True)
    vocab = json.load(lzma.open(os.path.join(data, "vocab.json.xz"), "rt", encoding="utf-8"))
    merges = lzma.open(os.path.join(data, "merges.txt.xz"), "rt", encoding="utf-8").read()
    lines = [line for line in merges.split("\n") if line and not line.startswith("#version")]
    added = json.load(open(os.path.join(data, "added_tokens_qwen3.json"), encoding="utf-8"))
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False,
                  "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False}
    tokens = [{"id": index, "content": text, "single_word": False, "lstrip": False,
               "rstrip": False, "normalized": False, "special": True}
              for text, index in sorted(added.items(), key=lambda item: item[1])]
    document = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens,
                "normalizer": {"type": "NFC"},
                "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
                "post_processor": byte_level, "decoder": byte_level,
                "model": {"type": "BPE", "dropout": None, "unk_token": None,
                          "continuing_subword_prefix": "", "end_of_word_suffix": "",
                          "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                          "vocab": vocab, "merges": lines}}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False)
    return folder


def peer_text(name, folder, path):
    """In the environment: one process, the first call and the best of nine more."""
    text = open(path, encoding="utf-8").read()
    tokenizer_file = os.path.join(folder, "tokenizer.json")
    if name == "gigatoken":
        import gigatoken
        tokenizer = gigatoken.Tokenizer(tokenizer_file)
        encode = tokenizer.encode
    else:
        import tokenizers
        tokenizer = tokenizers.Tokenizer.from_file(tokenizer_file)
        encode = lambda text: tokenizer.encode(text, add_special_tokens=False)
    times = []
    for _ in range(10):
        start = time.perf_counter_ns()
        result = encode(text)
        times.append(time.perf_counter_ns() - start)
    ids = list(result) if name == "gigatoken" else result.ids
    print(json.dumps({"cold_ns": times[0], "warm_ns": min(times[1:]), "ids": len(ids)}))


def peer_picture(path):
    """In the environment: decode, resize and patches as the slow image processor does them."""
    import numpy
    from PIL import Image
    best = None
    for _ in range(4):
        start = time.perf_counter_ns()
        image = Image.open(path).convert("RGB")
        width, height = 3008, 4032
        image = image.resize((width, height), Image.BICUBIC)
        pixels = numpy.asarray(image).astype(numpy.float32) / 255
        pixels = ((pixels - 0.5) / 0.5).transpose(2, 0, 1)
        frames = numpy.stack([pixels, pixels])
        patches = frames.reshape(1, 2, 3, height // 32, 2, 16, width // 32, 2, 16)
        patches = patches.transpose(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(-1, 3 * 2 * 16 * 16)
        numpy.ascontiguousarray(patches)
        spent = time.perf_counter_ns() - start
        best = spent if best is None else min(best, spent)
    print(json.dumps({"ns": best}))


def keep_best(best, name, found):
    kept = best.setdefault(name, found)
    for key in ("cold_ns", "warm_ns"):
        kept[key] = min(kept[key], found[key])


def run_texts(arguments, folder):
    ours = os.path.join(arguments.build, "tests", "plain_text_rates")
    for kind, name in TEXTS.items():
        path = os.path.join(arguments.data, "data", "text", name)
        best = {}
        for _ in range(arguments.rounds):
            out = subprocess.run([ours, folder, path], check=True, stdout=subprocess.PIPE).stdout
            keep_best(best, "vltune", json.loads(out))
            for peer in ("gigatoken", "huggingface"):
                keep_best(best, peer, in_environment(arguments, "text", peer, folder, path))
        mine, giga, face = best["vltune"], best["gigatoken"], best["huggingface"]
        same = len({found["ids"] for found in best.values()}) == 1
        print(f"{kind:8} {mine['bytes']:8} bytes, cold {mine['bytes'] / mine['cold_ns'] * 1e3:6.0f}"
              f" MB/s: {giga['cold_ns'] / mine['cold_ns']:6.1f}x gigatoken's first call, "
              f"{face['cold_ns'] / mine['cold_ns']:6.1f}x Hugging Face; warm "
              f"{giga['warm_ns'] / mine['warm_ns']:5.2f}x gigatoken"
              f"{'' if same else '; THE IDS DIFFER IN NUMBER'}")
        print(f"         two threads {mine['threads_2']:.2f}x, the machine {mine['machine_2']:.2f}x: "
              f"{mine['threads_2'] / mine['machine_2']:.2f} of it, with the first text of a process "
              f"{mine['first_2']:.2f}x; kept results at 0/50/90 % hits " +
              " ".join(f"{mine['lru'][share]:.2f}x" for share in ("0", "50", "90")) +
              f"; {mine['turn_ns'] / 1e3:.2f} us on a turn of 200 bytes")


def run_picture(arguments):
    path = os.path.join(arguments.data, "data", "images", PICTURE)
    model = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                         "../../harness/model/demo/checkpoint")
    line = json.dumps({"prompt": "a", "images": [os.path.abspath(path)], "max_tokens": 0})
    mine, theirs = [], []
    for _ in range(arguments.rounds):
        out = subprocess.run([os.path.join(arguments.build, "vltune"), "batch", model, "-",
                              "--threads", "1", "--no-config", "--reference", "pillow"],
                             input="\n".join([line] * 3) + "\n", text=True,
                             stdout=subprocess.PIPE).stdout
        for answer in out.splitlines()[1:]:
            times = json.loads(answer).get("timings_ms")
            if times:
                mine.append(times["image_decode"] + times["preprocess"])
        theirs.append(in_environment(arguments, "picture", path)["ns"] / 1e6)
    if mine:
        print(f"{PICTURE}: file to patches {min(mine):.0f} ms, Pillow and numpy {min(theirs):.0f} "
              f"ms: {min(theirs) / min(mine):.1f}x")
    else:
        print(f"{PICTURE}: the model refuses it")


def main():
    if sys.argv[1:2] == ["text"]:
        return peer_text(*sys.argv[2:])
    if sys.argv[1:2] == ["picture"]:
        return peer_picture(sys.argv[2])
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["prepare", "run"])
    parser.add_argument("--work", required=True)
    parser.add_argument("--data")
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.what == "prepare":
        return prepare(arguments)
    run_texts(arguments, write_tokenizer(arguments))
    run_picture(arguments)


if __name__ == "__main__":
    main()
