#!/usr/bin/env bash
# No unbounded or unchecked functions anywhere; libraries never exit, abort or print to stdout.
source "$(dirname "$0")/common.sh"
strip='s://.*::; s:/\*.*\*/::; s:"([^"\\]|\\.)*":"":g'
while read -r file; do
    while read -r line; do
        [ -z "$line" ] || broken "$file:$line"
    done < <(sed -E "$strip" "$file" | grep -nE '\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|strtok|tmpnam|alloca)\(')
    case $file in */cli/* | reports/*) continue ;; esac
    while read -r line; do
        [ -z "$line" ] || broken "$file:$line"
    done < <(sed -E "$strip" "$file" | grep -nE '(^|[^_a-z>.])(exit|abort|printf|puts|putchar)\(|fprintf\((stdout|stderr)')
done < <(sources)
exit $status
