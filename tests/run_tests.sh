#!/usr/bin/env bash
# run_tests.sh BUILD_DIR [LABEL]: every test of a build, or those with the label, and one closing
# line "N passed, N failed, N skipped".
#
# A Criterion program counts as its tests, any other program as one. A test that could not do its
# work prints "SKIP: why" and counts as skipped, not as passed.
set -uo pipefail
build=$1
log=$build/tests.log
export VLT_DATA=${VLT_DATA:-$(cd "$(dirname "$0")/.." && pwd)/../shared}

ctest --test-dir "$build" ${2:+-L "$2"} --verbose --timeout 1200 >"$log" 2>&1
status=$?

# "12: [====] Synthesis: Tested: 3 | Passing: 3 | Failing: 0 | Crashing: 0" belongs to test 12
awk -v ctest_status=$status -v log_name="$log" '
    function plain(text) { gsub(/\033\[[0-9;]*m/, "", text); return text }
    { line = plain($0) }
    line ~ /^[0-9]+: .*Synthesis:/ {
        id = line; sub(/:.*/, "", id)
        counted[id] = 1
        n = split(line, part, "|")
        for (i = 1; i <= n; i++) {
            value = part[i]; gsub(/[^0-9]*/, "", value)
            if (part[i] ~ /Passing/) { sub(/.*Passing: */, "", part[i]); pass[id] += part[i] }
            if (part[i] ~ /Failing/) { sub(/.*Failing: */, "", part[i]); fail[id] += part[i] }
            if (part[i] ~ /Crashing/) { sub(/.*Crashing: */, "", part[i]); fail[id] += part[i] }
        }
    }
    line ~ /^[0-9]+: .*SKIP: / {
        id = line; sub(/:.*/, "", id)
        skip[id]++
        text = line; sub(/^[0-9]+: /, "", text); print "  " text
    }
    line ~ /^ *[0-9]+\/[0-9]+ Test +#[0-9]+:/ {
        id = line; sub(/.*Test +#/, "", id); sub(/:.*/, "", id)
        name[id] = line; sub(/.*Test +#[0-9]+: */, "", name[id]); sub(/ .*/, "", name[id])
        good = line ~ / Passed /
        not_run = line ~ /Not Run|Skipped/
        if (!counted[id]) { if (good) pass[id] = 1; else if (not_run) skip[id]++; else fail[id] = 1 }
        if (!good && !not_run && !fail[id]) fail[id] = 1
        if (!good && !not_run) print "  FAILED " name[id]
        order[++tests] = id
    }
    END {
        for (i = 1; i <= tests; i++) {
            id = order[i]
            p = pass[id] - skip[id]; passed += p > 0 ? p : 0
            failed += fail[id]; skipped += skip[id]
        }
        if (ctest_status != 0 && failed == 0) failed = 1
        if (failed) print "the whole output: " log_name
        printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit failed ? 1 : 0
    }' "$log" >"$build/tests.summary"
status=$?
if [ $status != 0 ]; then # what a failing test said, before the summary
    grep -E '^[0-9]+: ' "$log" | grep -vE 'Synthesis|SKIP:' |
        grep -E -B2 -A8 '\[----\]|FAIL|ERROR|Sanitizer|runtime error|warning: ' | head -n 120
fi
cat "$build/tests.summary"
exit $status
