#!/usr/bin/env bash
# Draws a scene, asks the example program about it, and compares with the truth that was drawn.
set -euo pipefail
example=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$VLT_PROGRAM" model scenes "$folder" --count 3 --seed 11 --quiet
line=$(head -n 1 "$folder/scenes.jsonl")
question=$(sed -E 's/.*"question": *"([^"]*)".*/\1/' <<<"$line")
truth=$(sed -E 's/.*"answer": *"([^"]*)".*/\1/' <<<"$line")
"$example" "$root/harness/model/demo/checkpoint" "$folder/scene-000.jpg" "$question" >"$folder/out"
cat "$folder/out"
[ "$(head -n 1 "$folder/out")" = "$truth" ] || { echo "expected: $truth"; exit 1; }
grep -Eq '^[1-9][0-9]* of [0-9]+ prompt tokens came from the cache$' "$folder/out"
if "$example" "$folder/absent" x y 2>"$folder/err"; then exit 1; fi
grep -q 'absent' "$folder/err"
