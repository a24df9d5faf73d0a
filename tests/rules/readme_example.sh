#!/usr/bin/env bash
# The variant that the README shows as an example compiles without a warning.
source "$(dirname "$0")/common.sh"
source_file=$(mktemp --suffix=.c)
awk '/^```c$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' README.md >"$source_file"
grep -q 'VLT_VARIANT(' "$source_file" || broken "README.md: the first C example holds no VLT_VARIANT"
output=$(${CC:-cc} -std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -Wshadow -Werror -I. -c "$source_file" -o /dev/null 2>&1) ||
    broken "README.md: the example does not compile: $(head -n 5 <<<"$output")"
rm -f "$source_file"
exit $status
