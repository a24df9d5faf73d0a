#!/usr/bin/env bash
# aligned_functions.sh LIBRARY: every function of ours begins a cache line, so that a change elsewhere does not move
# its loops within theirs and look like a slowdown of its own.
set -euo pipefail
astray=$(nm --defined-only "$1" | awk '$2 ~ /^[tT]$/ && $3 !~ /\.cold|^_|^(de)?register_tm|^frame_dummy/ {
    if (substr($1, length($1) - 1) !~ /[048c]0/) print $1, $3 }')
count=$(nm --defined-only "$1" | grep -c ' [tT] vlt_')
if [ -n "$astray" ] || [ "$count" -lt 100 ]; then
    echo "$count functions; within a cache line begin:"
    echo "$astray"
    exit 1
fi
