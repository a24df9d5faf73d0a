#!/usr/bin/env bash
# build_consumer.sh BUILD_DIR: installs the build aside and builds consumer.c against it, once through
# find_package and once through pkg-config, and runs both.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cmake --install "$1" --prefix "$tree/installed" >/dev/null
cmake -S "$here" -B "$tree/build" -DCMAKE_PREFIX_PATH="$tree/installed" >/dev/null
cmake --build "$tree/build" >/dev/null
"$tree/build/consumer"
libdir=$(dirname "$(find "$tree/installed" -name libvltune.so)")
# the prefix in the file is the default one; the tree has moved
export PKG_CONFIG_PATH=$libdir/pkgconfig
# shellcheck disable=SC2046
cc -o "$tree/plain" "$here/consumer.c" \
    $(pkg-config --define-variable=prefix="$tree/installed" --cflags --libs vltune)
LD_LIBRARY_PATH=$libdir "$tree/plain"
"$tree/installed/bin/vltune" --version
grep -q vltune "$tree/installed/share/man/man1/vltune.1"
