#!/usr/bin/env bash
# Every header compiles on its own.
source "$(dirname "$0")/common.sh"
flags=$(pkg-config --cflags hwloc papi jansson sqlite3 libpcre2-8 libjpeg spng libwebp 2>/dev/null)
headers=$(find optimizations harness tuner reports tests/support -name '*.h' | sort)
for header in $headers; do
    isa=
    case $header in *_avx2*.h) isa="-mavx2 -mfma -mf16c" ;; *_avx512*.h) isa="-mavx512f -mavx512bw -mavx512vl -mavx512dq" ;; *_amx*.h) isa="-mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512bf16 -mamx-tile -mamx-bf16" ;; esac
    # shellcheck disable=SC2086
    output=$(${CC:-cc} -std=c17 -D_GNU_SOURCE -DVLT_VERSION='"0"' -Wall -Wextra -Wno-unused-function -Werror $isa $flags -I. -Ibuild -fsyntax-only \
        -include "$header" -x c /dev/null 2>&1) || broken "$header does not compile alone: $(head -n 2 <<<"$output")"
done
exit $status
