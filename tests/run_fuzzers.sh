#!/usr/bin/env bash
# run_fuzzers.sh SECONDS: builds every tests/fuzz/fuzz_*.c with clang's libFuzzer, ASan and UBSan and
# runs each for SECONDS, two at a time. Exit 1 names the fuzzer and keeps the finding.
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=$1
export VLT_DATA=${VLT_DATA:-$PWD/../shared}
cc=$(command -v clang-14 || command -v clang) || { echo "SKIP: no clang for the fuzzers"; exit 0; }
cxx=${cc/clang/clang++}
cmake -S . -B build-fuzz -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER="$cc" \
    -DCMAKE_CXX_COMPILER="$cxx" -DVLT_FUZZ=ON -DVLT_WERROR=ON -DVLT_SANITIZE=address,undefined >build-fuzz.log 2>&1 &&
    cmake --build build-fuzz --target fuzzers >>build-fuzz.log 2>&1 ||
    { tail -n 30 build-fuzz.log; exit 1; }
rm -f build-fuzz.log

one() {
    local fuzzer=$1 name work
    name=$(basename "$fuzzer")
    work=build-fuzz/corpus-$name
    mkdir -p "$work"
    local seeds=()
    [ ! -d "tests/fuzz/seeds/$name" ] || seeds=("tests/fuzz/seeds/$name")
    if "$fuzzer" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -max_len=65536 \
        -artifact_prefix="build-fuzz/finding-$name-" -print_final_stats=1 "$work" "${seeds[@]}" \
        >"build-fuzz/$name.log" 2>&1; then
        echo "$name: $(grep -ao 'number_of_executed_units: [0-9]*' "build-fuzz/$name.log" | grep -o '[0-9]*$') inputs, no finding"
    else
        echo "$name: FAILED, see build-fuzz/$name.log"
        tail -n 25 "build-fuzz/$name.log"
        return 1
    fi
}
export -f one
export seconds
printf '%s\n' build-fuzz/fuzz/fuzz_* | grep -v '\.log$' | xargs -P 2 -I{} bash -c 'one {}'
