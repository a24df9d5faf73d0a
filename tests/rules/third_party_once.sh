#!/usr/bin/env bash
# A third-party header is included from one folder only (libc, POSIX, Linux and the compiler's own
# headers are not third-party).
source "$(dirname "$0")/common.sh"
known='^(jpeglib|jerror|spng|zlib|webp/[a-z]+|libexif/[a-z-]+|pcre2|utf8proc|xxhash|hwloc|hwloc/[a-z]+|papi|jansson|sqlite3|toml\+\+/toml|criterion/[a-z_/]+|valgrind/[a-z]+)\.h$'
while read -r header; do
    folders=$(sources | xargs grep -lE "^ *# *include <$header>" | xargs -r -n1 dirname | sort -u)
    [ "$(wc -w <<<"$folders")" -le 1 ] || broken "<$header> is included from $(tr '\n' ' ' <<<"$folders")"
done < <(sources | xargs grep -hoE '^ *# *include <[^>]+>' | sed -E 's/.*<(.*)>/\1/' | sort -u | grep -E "$known")
exit $status
