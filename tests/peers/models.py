#!/usr/bin/env python3
"""Whole models side by side: vltune, OpenVINO GenAI, llama.cpp, transformers.

Same checkpoint, same pictures, same threads; rounds are interleaved, each measurement is a fresh
process whose first request is dropped; medians. Nothing of the peers is part of vltune: they live
in virtual environments and folders under --work.

  models.py prepare --model DIR --work WORK [--peers LIST] [--llama SOURCE]
  models.py run --model DIR --work WORK --vltune BIN [--peers LIST] [--isa avx2] [--json FILE]

PEERS: vltune-exact vltune-bf16 vltune-int8 openvino-int8 openvino-fp16 llama-Q8_0 llama-Q4_K_M
transformers. `prepare` needs the network (PyPI) and converts the checkpoint: minutes and, for
OpenVINO, about 15 GB of memory and disk. With --isa avx2, in both, all run as on a machine that has
AVX2 and nothing newer: vltune by its own option, Python's peers by cpu_mask.c, llama.cpp by a build.
"""
import argparse
import json
import os
import re
import statistics
import struct
import subprocess
import sys
import time
import zlib

OPENVINO = ["torch", "torchvision", "openvino==2026.4.1", "openvino-genai==2026.4.1.0",
            "openvino-tokenizers==2026.4.1.0", "nncf", "pillow", "transformers==5.0.0", "optimum",
            "requests"]
PROMPT = "Describe this picture."
FIELDS = ["vision_ms", "prompt_tok_s", "decode_tok_s", "first_token_ms", "peak_mib"]
DEFAULT = "vltune-exact,vltune-int8,openvino-int8,openvino-fp16"


def say(text):
    print(text, file=sys.stderr, flush=True)


def write_png(path, side, seed):
    """A picture of bands and squares; `seed` moves them, so that no cache knows it."""
    rows = bytearray()
    for y in range(side):
        rows.append(0)
        for x in range(side):
            square = (x // 37 + y // 53 + seed) % 2 * 70
            rows += bytes(((x * 7 + seed * 31) // 8 % 256, (y * 5 + square) % 256,
                           (x + y + 13 * seed) // 4 % 186 + square))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 6)), (b"IEND", b"")):
            file.write(struct.pack(">I", len(data)) + name + data)
            file.write(struct.pack(">I", zlib.crc32(name + data)))


def pictures(work, side):
    """Two of a size: one for the request that is dropped, one that counts."""
    paths = [os.path.join(work, f"picture-{side}-{i}.png") for i in range(2)]
    for i, path in enumerate(paths):
        if not os.path.exists(path):
            write_png(path, side, i)
    return paths


def masked(args):
    """The environment of a peer that asks the processor what it has, with --isa."""
    if not args.isa:
        return {}
    here, library = os.path.dirname(os.path.abspath(__file__)), os.path.join(args.work, "cpu_mask.so")
    if not os.path.exists(library):
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library,
                        os.path.join(here, "cpu_mask.c")], check=True)
    return {"env": dict(os.environ, LD_PRELOAD=library)}


def execute(command, **options):
    """Standard output and the peak resident set in MiB; an error with what was said where it fails."""
    # random weights say bytes that are no text
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               errors="replace", **options)
    out, err = [], []
    import threading
    reader = threading.Thread(target=lambda: err.append(process.stderr.read()))
    reader.start()
    out.append(process.stdout.read())
    reader.join()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:3])}: exit {process.returncode}: {err[0][-600:]}")
    return out[0], err[0], usage.ru_maxrss / 1024


# vltune ------------------------------------------------------------------------------------------


def run_vltune(args, peer, side):
    requests = os.path.join(args.work, f"requests-{side}.jsonl")
    with open(requests, "w", encoding="utf-8") as file:
        for path in pictures(args.work, side):
            content = [{"type": "image", "image": path}, {"type": "text", "text": PROMPT}]
            line = {"messages": [{"role": "user", "content": content}],
                    "max_tokens": args.tokens, "greedy": True, "ignore_eos": True}
            file.write(json.dumps(line) + "\n")
    out, _, peak = execute([args.vltune, "batch", args.model, requests, "--quality",
                            peer.split("-")[1], "--threads", str(args.threads), "--no-config", "-q",
                            "--embedding-cache", "0"]
                           + (["--isa", args.isa] if args.isa else []) + args.vltune_option)
    answer = json.loads(out.strip().splitlines()[-1])
    times = answer["timings_ms"]
    generated, prompt = len(answer["ids"]), len(answer["prompt_ids"])
    return {"vision_ms": times["vision"], "prompt_tok_s": 1e3 * prompt / times["prefill"],
            "decode_tok_s": 1e3 * (generated - 1) / times["decode"],
            "first_token_ms": times["image_decode"] + times["preprocess"] + times["tokenize"] +
            times["vision"] + times["prefill"], "peak_mib": peak}


# OpenVINO ----------------------------------------------------------------------------------------


def python_of(work, name):
    return os.path.join(work, name, "bin", "python")


def make_environment(work, name, packages, without_dependencies=()):
    folder = os.path.join(work, name)
    done = os.path.join(folder, "ready")
    if os.path.exists(done):
        return
    say(f"{name}: installing {', '.join(packages)}")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [python_of(work, name), "-m", "pip", "install", "-q"]
    subprocess.run(pip + list(packages), check=True)
    if without_dependencies:
        subprocess.run(pip + ["--no-deps"] + list(without_dependencies), check=True)
    open(done, "w").close()


def save_as_published(args):
    """The checkpoint as transformers writes it, tokenizer and processor beside it."""
    folder = os.path.join(args.work, "published")
    if not os.path.exists(os.path.join(folder, "config.json")):
        code = ("import sys, shutil, os\n"
                "from transformers import AutoModelForImageTextToText as M\n"
                "m = M.from_pretrained(sys.argv[1], dtype='auto')\n"
                "m.save_pretrained(sys.argv[2])\n"
                "for n in os.listdir(sys.argv[1]):\n"
                "    if not n.endswith('.safetensors') and n != 'config.json' \\\n"
                "            and not os.path.exists(os.path.join(sys.argv[2], n)):\n"
                "        shutil.copy(os.path.join(sys.argv[1], n), sys.argv[2])\n")
        execute([python_of(args.work, "openvino"), "-c", code, args.model, folder])
    return folder


def prepare_openvino(args, formats):
    make_environment(args.work, "openvino", OPENVINO, ["optimum-intel==2.2.0"])
    source = save_as_published(args)
    for name in formats:
        out = os.path.join(args.work, f"openvino-{name}")
        if not os.path.exists(os.path.join(out, "openvino_language_model.xml")):
            say(f"openvino-{name}: converting")
            execute([os.path.join(args.work, "openvino", "bin", "optimum-cli"), "export", "openvino",
                     "-m", source, "--task", "image-text-to-text", "--weight-format", name, out])


def run_openvino(args, peer, side):
    out, _, peak = execute([python_of(args.work, "openvino"), os.path.abspath(__file__),
                            "openvino-worker", "--model", os.path.join(args.work, peer), "--work",
                            args.work, "--tokens", str(args.tokens), "--threads",
                            str(args.threads), "--side", str(side)], **masked(args))
    return dict(json.loads(out.strip().splitlines()[-1]), peak_mib=peak)


def openvino_worker(args):
    import numpy
    import openvino
    import openvino_genai
    from PIL import Image
    pipe = openvino_genai.VLMPipeline(args.model, "CPU", INFERENCE_NUM_THREADS=args.threads,
                                      PERFORMANCE_HINT="LATENCY", ATTENTION_BACKEND="SDPA")
    config = openvino_genai.GenerationConfig()
    config.max_new_tokens = args.tokens
    config.ignore_eos = True
    config.do_sample = False
    for path in pictures(args.work, args.side):
        pixels = numpy.array(Image.open(path).convert("RGB"), dtype=numpy.uint8)[None]
        result = pipe.generate(PROMPT, images=[openvino.Tensor(pixels)], generation_config=config)
    times = result.perf_metrics
    vision, first = times.get_prepare_embeddings_duration().mean, times.get_ttft().mean
    print(json.dumps({"vision_ms": vision, "first_token_ms": first,
                      "prompt_tok_s": 1e3 * times.get_num_input_tokens() / (first - vision),
                      "decode_tok_s": 1e3 / times.get_tpot().mean}))


# llama.cpp ---------------------------------------------------------------------------------------


# llama.cpp knows vocabularies by the hash of a text they encode; one of fewer words than a published
# checkpoint's is split like it all the same.
CONVERT = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
try:
    import conversion.base as converter
except ImportError:
    converter = None
if converter:
    known = converter.TextModel.get_vocab_base_pre
    def name(self, tokenizer):
        try:
            return known(self, tokenizer)
        except NotImplementedError:
            return "qwen2"
    converter.TextModel.get_vocab_base_pre = name
sys.argv = sys.argv[1:]
sys.argv[0] += "/convert_hf_to_gguf.py"
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def llama_build(args):
    return os.path.join(args.work, "llama-build" + (f"-{args.isa}" if args.isa else ""))


def prepare_llama(args, formats):
    if not args.llama:
        raise SystemExit("llama.cpp: --llama SOURCE is needed, a folder with its source")
    make_environment(args.work, "openvino", OPENVINO, ["optimum-intel==2.2.0"])
    build, python = llama_build(args), python_of(args.work, "openvino")
    subprocess.run([python, "-m", "pip", "install", "-q", "gguf", "sentencepiece"], check=True)
    subprocess.run(["cmake", "-S", args.llama, "-B", build, "-DCMAKE_BUILD_TYPE=Release",
                    "-DLLAMA_CURL=OFF", f"-DGGML_NATIVE={'OFF' if args.isa else 'ON'}"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", build, "-j", str(args.threads), "--target",
                    "llama-mtmd-cli", "llama-bench", "llama-quantize"], check=True,
                   stdout=subprocess.DEVNULL)
    convert = [python, "-c", CONVERT, os.path.abspath(args.llama), args.model]
    full, tower = (os.path.join(args.work, f"llama-{n}.gguf") for n in ("f16", "mmproj"))
    if not os.path.exists(full):
        execute(convert + ["--outtype", "f16", "--outfile", full])
    if not os.path.exists(tower):
        execute(convert + ["--mmproj", "--outtype", "f16", "--outfile", tower])
    for name in formats:
        out = os.path.join(args.work, f"llama-{name}.gguf")
        if not os.path.exists(out):
            execute([os.path.join(build, "bin", "llama-quantize"), full, out, name])


def run_llama(args, peer, side):
    bin_folder = os.path.join(llama_build(args), "bin")
    text = os.path.join(args.work, peer + ".gguf")
    tower = os.path.join(args.work, "llama-mmproj.gguf")
    threads = ["-t", str(args.threads)]
    out, err, peak = execute([os.path.join(bin_folder, "llama-mtmd-cli"), "-m", text, "--mmproj",
                              tower, "--image", pictures(args.work, side)[1], "-p", PROMPT, "-n",
                              "1", "-c", "4096", "-fit", "off"] + threads)
    encoded = re.search(r"(?:slice encoded|image encoded|batch encoding done) in (\d+) ms", out + err)
    if not encoded:
        raise ValueError("llama-mtmd-cli does not say how long it encoded: " + err[-300:])
    vision = float(encoded.group(1))
    tokens = (side // 32) ** 2 + 16
    bench, _, _ = execute([os.path.join(bin_folder, "llama-bench"), "-m", text, "-p", str(tokens),
                           "-n", str(args.tokens), "-r", "1", "-o", "json"] + threads)
    speed = {"prompt" if row["n_prompt"] else "decode": row["avg_ts"] for row in json.loads(bench)}
    return {"vision_ms": vision, "prompt_tok_s": speed["prompt"], "decode_tok_s": speed["decode"],
            "first_token_ms": vision + 1e3 * tokens / speed["prompt"], "peak_mib": peak}


# transformers ------------------------------------------------------------------------------------


def run_transformers(args, peer, side):
    out, _, peak = execute([python_of(args.work, "openvino"), os.path.abspath(__file__),
                            "transformers-worker", "--model", args.model, "--work", args.work,
                            "--tokens", str(args.tokens), "--threads", str(args.threads), "--side",
                            str(side)], **masked(args))
    return dict(json.loads(out.strip().splitlines()[-1]), peak_mib=peak)


def transformers_worker(args):
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor
    torch.set_num_threads(args.threads)
    model = AutoModelForImageTextToText.from_pretrained(args.model, dtype=torch.bfloat16).eval()
    processor = AutoProcessor.from_pretrained(args.model)
    content = [{"type": "image"}, {"type": "text", "text": PROMPT}]
    text = processor.apply_chat_template([{"role": "user", "content": content}],
                                         add_generation_prompt=True)

    def timed(function):
        start = time.perf_counter()
        with torch.inference_mode():
            function()
        return 1e3 * (time.perf_counter() - start)

    for path in pictures(args.work, args.side):
        inputs = processor(text=[text], images=[Image.open(path).convert("RGB")],
                           return_tensors="pt")
        vision = timed(lambda: model.get_image_features(inputs["pixel_values"],
                                                        inputs["image_grid_thw"]))
        first = timed(lambda: model.generate(**inputs, max_new_tokens=1, do_sample=False))
        count = args.tokens
        whole = timed(lambda: model.generate(**inputs, max_new_tokens=count, min_new_tokens=count,
                                             do_sample=False))
    tokens = inputs["input_ids"].shape[1]
    print(json.dumps({"vision_ms": vision, "prompt_tok_s": 1e3 * tokens / (first - vision),
                      "decode_tok_s": 1e3 * (count - 1) / (whole - first),
                      "first_token_ms": first}))


# the comparison ----------------------------------------------------------------------------------

PEERS = ["vltune-exact", "vltune-bf16", "vltune-int8", "openvino-int8", "openvino-fp16",
         "llama-Q8_0", "llama-Q4_K_M", "transformers"]
RUNNERS = {"vltune": run_vltune, "openvino": run_openvino, "llama": run_llama,
           "transformers": run_transformers}


def prepare(args):
    os.makedirs(args.work, exist_ok=True)
    peers = args.peers.split(",")
    openvino = [p.split("-", 1)[1] for p in peers if p.startswith("openvino-")]
    llama = [p.split("-", 1)[1] for p in peers if p.startswith("llama-")]
    if openvino:
        prepare_openvino(args, openvino)
    if "transformers" in peers:
        make_environment(args.work, "openvino", OPENVINO, ["optimum-intel==2.2.0"])
    if llama:
        prepare_llama(args, llama)


def median_rows(samples, peers, sides):
    rows = []
    for side in sides:
        for peer in peers:
            taken = samples.get((side, peer), [])
            if taken:
                row = {f: statistics.median(s[f] for s in taken) for f in FIELDS}
                rows.append(dict(row, side=side, peer=peer, rounds=len(taken), samples=taken))
    return rows


def print_table(rows):
    print(f"{'picture':>9} {'':14} {'vision':>9} {'prompt':>12} {'decode':>12} {'first token':>12} "
          f"{'peak':>10}")
    for row in rows:
        print(f"{row['side']:>4}x{row['side']:<4} {row['peer']:14} {row['vision_ms'] / 1e3:>7.2f} s "
              f"{row['prompt_tok_s']:>6.1f} tok/s {row['decode_tok_s']:>6.2f} tok/s "
              f"{row['first_token_ms'] / 1e3:>10.2f} s {row['peak_mib']:>6.0f} MiB")


def run(args):
    peers, sides = args.peers.split(","), args.sides.split(",")
    unknown = [p for p in peers if p not in PEERS]
    if unknown:
        raise SystemExit(f"unknown peer '{unknown[0]}', expected some of {', '.join(PEERS)}")
    for name, values, least in (("rounds", [args.rounds], 1), ("tokens", [args.tokens], 2),
                                ("sides", sides, 64)):
        for value in values:
            if not str(value).isdigit() or int(value) < least:
                raise SystemExit(f"--{name}: '{value}', expected numbers from {least} on")
    for name, folder in (("model", args.model), ("work", args.work)):
        if not os.path.isdir(folder):
            raise SystemExit(f"--{name}: there is no folder {folder}" +
                             ("; prepare makes it" if name == "work" else ""))
    sides = [int(side) for side in sides]
    samples, failed = {}, {}
    for number in range(args.rounds):
        for side in sides:
            for peer in peers:
                if peer in failed:
                    continue
                try:
                    sample = RUNNERS[peer.split("-")[0]](args, peer, side)
                except (RuntimeError, OSError, ValueError, KeyError, AttributeError) as error:
                    failed[peer] = str(error)
                    say(f"{peer}: left out: {error}")
                    continue
                samples.setdefault((side, peer), []).append(sample)
                say(f"round {number + 1}, {side}x{side}, {peer}: " +
                    ", ".join(f"{f} {sample[f]:.1f}" for f in FIELDS))
    rows = median_rows(samples, peers, sides)
    print_table(rows)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"model": args.model, "threads": args.threads, "tokens": args.tokens,
                       "isa": args.isa, "rows": rows, "failed": failed}, file, indent=1)
            file.write("\n")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["prepare", "run", "openvino-worker",
                                           "transformers-worker"])
    parser.add_argument("--model", required=True, help="checkpoint folder")
    parser.add_argument("--work", required=True, help="folder for environments and conversions")
    parser.add_argument("--vltune", default="build/vltune", help="the program to measure")
    parser.add_argument("--vltune-option", action="append", default=[], help="one more for it")
    parser.add_argument("--peers", default=DEFAULT)
    parser.add_argument("--llama", help="source folder of llama.cpp")
    parser.add_argument("--sides", default="512", help="pictures, pixels of a side")
    parser.add_argument("--side", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--isa", choices=["avx2"], help="as on a machine that has nothing newer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", help="write the table and every sample there")
    args = parser.parse_args()
    args.model, args.work = os.path.abspath(args.model), os.path.abspath(args.work)
    actions = {"prepare": prepare, "run": run, "openvino-worker": openvino_worker,
               "transformers-worker": transformers_worker}
    return actions[args.action](args)


if __name__ == "__main__":
    sys.exit(main())
