#!/usr/bin/env bash
# The hash of the sources that compute changes with any of them, and with nothing else.
source "$(dirname "$0")/common.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp -r optimizations "$folder/"
hash_of() {
    cmake -DROOT="$folder/optimizations" -DOUT="$folder/out.c" -P optimizations/core/source_hash.cmake &&
        grep -o '0x[0-9a-f]\{16\}' "$folder/out.c"
}
first=$(hash_of) || broken "the hash cannot be made"
touch "$folder"/optimizations/*/*.c
[ "$(hash_of)" = "$first" ] || broken "times change it"
echo "notes" >"$folder/optimizations/README.md"
[ "$(hash_of)" = "$first" ] || broken "a README changes it"
for file in core/matrix.c core/dtype.h linear/linear_int8_rows.c variants.def; do
    [ -f "$folder/optimizations/$file" ] || { broken "there is no $file"; continue; }
    cp "$folder/optimizations/$file" "$folder/kept"
    echo "/* changed */" >>"$folder/optimizations/$file"
    [ "$(hash_of)" != "$first" ] || broken "$file does not change it"
    cp "$folder/kept" "$folder/optimizations/$file"
    [ "$(hash_of)" = "$first" ] || broken "$file as it was does not give it back"
done
mv "$folder/optimizations/linear/linear_int8_rows.c" "$folder/optimizations/linear/linear_int8_row.c"
[ "$(hash_of)" != "$first" ] || broken "a new name does not change it"
exit $status
