#!/usr/bin/env bash
# help_examples.sh PROGRAM: every example of `vltune --help`, of every command's --help and of the README
# is run as it stands, in a folder that holds what the examples name. Budgets come from the environment.
set -uo pipefail
program=$(realpath "$1")
root=$(cd "$(dirname "$0")/../../.." && pwd)
folder=$(mktemp -d)
trap 'wait; rm -rf "$folder"' EXIT
status=0 count=0
mkdir -p "$folder/bin" "$folder/work" "$folder/home"
ln -s "$program" "$folder/bin/vltune"
export PATH="$folder/bin:$PATH" HOME="$folder/home" XDG_CONFIG_HOME="$folder/home/config" XDG_DATA_HOME="$folder/home/data"
export XDG_CACHE_HOME="$folder/home/cache" VLTUNE_LAUNCHES=2 VLTUNE_PAIRS=3 VLTUNE_MAX_PRESSURE=100 VLTUNE_SCENES=2
export VLTUNE_CONFIRM=8 VLTUNE_MAX_TOKENS=4
cd "$folder/work" || exit 1

# What the examples name.
cp -r "$root/harness/model/demo/checkpoint" DIR
for place in main/build build; do
    mkdir -p $place
    ln -s "$program" $place/vltune
    ln -s "$(dirname "$program")"/libvltune.so* $place/
done
vltune model scenes drawn --count 1 --size 320x240 --quiet && mv drawn/scene-000.jpg photo.jpg
echo '[{"role": "user", "content": [{"type": "image", "image": "photo.jpg"}, {"type": "text", "text": "Which colours?"}]}]' >chat.json
printf '%s\n' '{"id": 1, "prompt": "hello"}' '{"id": 2, "prompt": "How many?", "images": ["photo.jpg"]}' >requests.jsonl
printf '%s\n' '{"text": "hello"}' '{"text": "two words"}' >texts.jsonl
printf '%s\n' '{"ids": [72, 101, 108]}' >ids.jsonl
printf '%s\n' '{"messages": [{"role": "user", "content": "hello"}]}' >conversations.jsonl

vltune bench norm --variant baseline --budget 300ms --db vltune.db --quiet >bench.txt 2>&1

declare -A seen
# LINE BUDGET, as typed in a shell. Says what went wrong unless it does what it says: within such
# budgets a verdict (3) and an answer (5) are luck, usage and crashes are not.
try() {
    local output code
    output=$(VLTUNE_BUDGET=$2 bash -c "$1" 2>&1 </dev/null)
    code=$?
    case $code in 0 | 3 | 5) ;; *)
        printf 'FAILED with %s: %s\n%s\n' $code "$1" "$(tail -n 5 <<<"$output")" >>"$folder/failed"
        ;;
    esac
}
run() { # LINE; what takes long and leaves nothing for the others runs beside them
    local line budget=200ms
    line=$(sed 's/ *#.*//' <<<"$1")
    [ -z "${seen[$line]:-}" ] || return 0
    seen[$line]=1
    count=$((count + 1))
    case $line in
    "vltune tune"*"-o tuned.toml"*) wait && budget=30s ;; # later examples need its decisions
    "vltune tune"*) budget=2s ;;
    esac
    case $line in
    "vltune gate main/build/vltune build/vltune" | "vltune doctor"* | "vltune bench attention"*)
        try "$line" $budget & ;;
    *) try "$line" $budget ;;
    esac
    [ ! -e tuned.toml ] || cp -f tuned.toml other.toml
}
examples() { sed -n '/^examples/,/^$/ s/^  vltune /vltune /p'; }

while read -r line; do run "$line"; done < <(vltune --help | examples)
[ "$count" -ge 5 ] || { echo "vltune --help has $count examples, expected 5 or more"; status=1; }
for command in $(vltune --help | sed -n '/^usage/,/^examples/ s/^  \([a-z]\+\) .*/\1/p'); do
    before=$count
    while read -r line; do run "$line"; done < <(vltune "$command" --help | examples)
    [ "$count" -gt "$before" ] || { echo "vltune $command --help has no example"; status=1; }
done
while read -r line; do run "$line"; done < <(sed -n '/^```$/,/^```$/ s/^vltune /vltune /p' "$root/README.md")
wait
[ ! -e "$folder/failed" ] || { cat "$folder/failed"; status=1; }
echo "$count examples"
exit $status
