#!/usr/bin/env bash
# bootstrap.sh: from a clean clone to a built, tested, tuned vltune. See ./bootstrap.sh --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Debian 12 packages: to build; to test besides; for the peers; for the sanitizers and fuzzers of CI.
build_packages=(build-essential cmake ninja-build pkg-config libhwloc-dev libpapi-dev
    libjpeg62-turbo-dev libsqlite3-dev libjansson-dev libtomlplusplus-dev libpcre2-dev
    libutf8proc-dev libspng-dev libwebp-dev libexif-dev zlib1g-dev libxxhash-dev
    libssl-dev)
test_packages=(libcriterion-dev xz-utils git valgrind)
peer_packages=(libopenblas-dev libdnnl-dev libopencv-imgproc-dev libmimalloc-dev)
ci_packages=(clang-14 libclang-rt-14-dev)

usage() {
    cat <<'EOF'
usage: ./bootstrap.sh COMMAND

  build          install what is missing, configure, build: leaves build/vltune
  tune [OPTIONS] build, then tune the demo model for this machine and show what it gained;
                 OPTIONS go to `vltune tune` (--budget 10m, -o FILE, --json ...)
  test           build, then every test; the last line is "N passed, N failed, N skipped"
  peers          build with the libraries to compare with (OpenBLAS, oneDNN, OpenCV, mimalloc) into
                 build-peers/ and verify their variants; then build-peers/vltune bench --peers
EOF
}

die() {
    echo "bootstrap.sh: $*" >&2
    exit 2
}

installed() {
    dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q '^ii'
}

# install PACKAGE...: what is missing of them, nothing when nothing is
install() {
    local missing=() package
    command -v dpkg-query >/dev/null || return 0 # not Debian: CMake says what it does not find
    for package in "$@"; do
        installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            die "these packages are missing; as root: apt-get install ${missing[*]}"
        fi
        as_root=(sudo -n)
    fi
    echo "installing ${missing[*]}"
    local log
    log=$(mktemp)
    if ! { "${as_root[@]}" apt-get update -q &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "apt-get failed (log: $log)"
    fi
    rm -f "$log"
}

# build PRESET TARGET...: quiet while it goes well
build() {
    local preset=$1 log status=0
    shift
    log=$(mktemp)
    cmake --preset "$preset" ${VLT_CMAKE_ARGS:-} >"$log" 2>&1 || status=$?
    if [ $status = 0 ]; then
        cmake --build --preset "$preset" --target "$@" >"$log" 2>&1 || status=$?
    fi
    if [ $status != 0 ]; then
        grep -nE 'error|warning|undefined|FAILED|CMake Error' -A4 "$log" | head -n 60 >&2
        die "the build failed (preset $preset; log: $log)"
    fi
    rm -f "$log"
}

model=harness/model/demo/checkpoint

# time_photo TUNE_OPTIONS...: the tuned config beside the defaults on a real photo, where there is one
time_photo() {
    local photo=${VLT_DATA:-../shared}/data/images/rocket-640x427-444.jpg config=
    while [ $# -gt 0 ]; do
        case $1 in
        --json | --quiet | -q) return ;;
        -o | --output) config=$2 && shift ;;
        -o*) config=${1#-o} ;;
        --output=*) config=${1#--output=} ;;
        esac
        shift
    done
    [ -n "$config" ] || config=$(build/vltune config path "$model")
    [ -r "$photo" ] && [ -r "$config" ] || return 0
    printf '\nphoto     %s, the same request\n' "$photo"
    build/vltune compare default "$config" --model "$model" --image "$photo" --budget 30s
}

# none COMMAND [WORD...]: a command that takes no more words
none() {
    case ${2:-} in -h | --help) usage && exit ;; esac
    [ $# -eq 1 ] || die "$1 takes no options, not '$2'; see ./bootstrap.sh --help"
}

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
build)
    none build "$@"
    install "${build_packages[@]}"
    build release vltune_program
    echo "built build/vltune"
    ;;
tune)
    install "${build_packages[@]}"
    build release vltune_program
    case " $* " in *" --help "* | *" -h "*) exec build/vltune tune --help ;; esac
    build/vltune tune "$model" "$@"
    time_photo "$@"
    ;;
test)
    none test "$@"
    install "${build_packages[@]}" "${test_packages[@]}"
    build release all
    exec tests/run_tests.sh build
    ;;
peers)
    none peers "$@"
    install "${build_packages[@]}" "${test_packages[@]}" "${peer_packages[@]}"
    build peers vltune_program test_peers
    ctest --test-dir build-peers --output-on-failure -R '^test_peers$'
    for op in linear resize preprocess tensor_pool; do
        build-peers/vltune list $op | grep -E '^  [+-] (openblas|onednn|opencv|mimalloc) '
    done
    echo "built build-peers/vltune; build-peers/vltune bench --peers shows ours beside them"
    ;;
test-preset) # for CI: one of the other presets, without fuzzers and rules
    [ $# -eq 1 ] || die "test-preset needs a preset"
    install "${build_packages[@]}" "${test_packages[@]}"
    build "$1" all
    exec tests/run_tests.sh "build-$1"
    ;;
test-mask) # for CI: what computes, as on a machine that has no more than this instruction set
    [ $# -eq 1 ] || die "test-mask needs a name as --isa takes it"
    install "${build_packages[@]}" "${test_packages[@]}"
    build release all
    VLTUNE_ISA=$1 exec tests/run_tests.sh build computes
    ;;
fuzz) # for CI: every fuzzer for SECONDS
    install "${build_packages[@]}" "${test_packages[@]}" "${ci_packages[@]}"
    exec tests/run_fuzzers.sh "${1:-60}"
    ;;
-h | --help | help)
    usage
    ;;
"")
    usage >&2
    exit 2
    ;;
*)
    for known in build tune test peers; do
        case $command in "${known:0:2}"*) die "unknown command '$command', did you mean $known? See ./bootstrap.sh --help" ;; esac
    done
    die "unknown command '$command', expected build, tune, test or peers; see ./bootstrap.sh --help"
    ;;
esac
