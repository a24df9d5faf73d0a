#!/usr/bin/env bash
# Nothing stands on the top level but what the README names.
source "$(dirname "$0")/common.sh"
allowed=' harness optimizations tuner reports tests CMakeLists.txt README.md bootstrap.sh LICENSE CMakePresets.json '
command -v git >/dev/null && git rev-parse --git-dir >/dev/null 2>&1 || { echo "SKIP: not a git checkout"; exit 0; }
while read -r name; do
    case $name in .*) continue ;; esac
    [[ $allowed == *" $name "* ]] || broken "top level: $name"
done < <(git ls-files | cut -d/ -f1 | sort -u)
exit $status
