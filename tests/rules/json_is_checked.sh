#!/usr/bin/env bash
# JSON is made through harness/json/json_make.h, where a value that cannot be made is no absent member:
# jansson's own makers are used nowhere else.
source "$(dirname "$0")/common.sh"
makers='json_(v?pack(_ex)?|v?sprintf|string(n)?(_nocheck)?|object_(set|update)[a-z_]*|array_(set|append|insert|extend)[a-z_]*|dump(s|b|f|fd|_file|_callback))'
while read -r line; do
    [ -z "$line" ] || broken "$line"
done < <(grep -rnE "(^|[^_a-z])$makers\(" optimizations harness tuner reports --include='*.[ch]' |
    grep -v '^harness/json/json_make\.[ch]:')
exit $status
