#!/usr/bin/env bash
# An include may only point left: optimizations -> harness -> tuner -> reports.
source "$(dirname "$0")/common.sh"
layers=(optimizations harness tuner reports)
for i in "${!layers[@]}"; do
    for j in "${!layers[@]}"; do
        [ "$j" -le "$i" ] || while read -r line; do
            [ -z "$line" ] || broken "points right: $line"
        done < <(grep -rnE "^ *# *include \"${layers[j]}/" "${layers[i]}")
    done
done
while read -r line; do
    [ -z "$line" ] || broken "core includes an operator: $line"
done < <(grep -rnE '^ *# *include "optimizations/' optimizations/core | grep -vE '"optimizations/(core/|variants\.def)')
while read -r line; do
    [ -z "$line" ] || broken "the product includes tests: $line"
done < <(grep -rnE '^ *# *include "tests/' "${layers[@]}")
exit $status
