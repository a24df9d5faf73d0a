#!/usr/bin/env bash
# A third-party header is included from one folder only, and every <header> is known here: libc, POSIX,
# Linux and the compiler's own are free, any other is third-party.
source "$(dirname "$0")/common.sh"
posix='aio|arpa/inet|assert|complex|ctype|dirent|dlfcn|errno|fcntl|fenv|float|fnmatch|ftw|glob|grp|iconv|inttypes|iso646|langinfo|libgen|limits|locale|math|mqueue|net/if|netdb|netinet/in|netinet/tcp|poll|pthread|pwd|regex|sched|search|semaphore|setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|sys/[a-z_]+|syslog|termios|tgmath|threads|time|uchar|unistd|utime|wchar|wctype|wordexp'
linux='asm/[a-z_]+|byteswap|cpuid|elf|endian|err|execinfo|features|getopt|gnu/[a-z_-]+|immintrin|link|linux/[a-z_]+|malloc|sanitizer/[a-z_]+'
free="^((${posix}|${linux})\.h|cstdio|mutex|new|string_view)\$"
known='^(cblas|oneapi/dnnl/dnnl|omp|mimalloc|opencv2/[a-z]+|jpeglib|jerror|spng|zlib|webp/[a-z]+|libexif/[a-z-]+|pcre2|utf8proc|xxhash|openssl/[a-z_]+|hwloc|hwloc/[a-z]+|papi|jansson|sqlite3|toml\+\+/toml|criterion/[a-z_/]+|valgrind/[a-z]+)\.h(pp)?$'
includes=$(sources | xargs grep -oE '^ *# *include <[^>]+>' | sed -E 's/^(.*)\/[^/]*:.*<(.*)>/\2 \1/' | sort -u)
while read -r header; do
    folders=$(awk -v header="$header" '$1 == header { print $2 }' <<<"$includes")
    # one library is one folder: openssl/evp.h and openssl/err.h count as one
    case $header in */*) folders=$(awk -v library="${header%%/*}/" 'index($1, library) == 1 { print $2 }' <<<"$includes" | sort -u) ;; esac
    [[ $header =~ $free ]] && continue
    [[ $header =~ $known ]] || broken "<$header> in $(tr '\n' ' ' <<<"$folders")is neither free nor known as third-party (tests/rules/third_party_once.sh)"
    [ "$(wc -w <<<"$folders")" -le 1 ] || broken "<$header> is included from $(tr '\n' ' ' <<<"$folders")"
done < <(cut -d' ' -f1 <<<"$includes" | sort -u)
exit $status
