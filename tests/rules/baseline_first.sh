#!/usr/bin/env bash
# The first variant of every operator is its baseline, compiled for the base ISA.
source "$(dirname "$0")/common.sh"
op=
expect=
while read -r line; do
    case $line in
    OP\(*)
        [ -z "$expect" ] || broken "operator $op has no variants"
        op=${line#OP(}
        op=${op%%)*}
        expect=1
        ;;
    V\(*)
        [[ $line =~ ^V\(([a-z0-9_]+),\ ([a-z0-9_]+),\ ([A-Z0-9_]+)(,\ [A-Z0-9_]+)?\)$ ]] || { broken "not understood: $line"; continue; }
        [ "${BASH_REMATCH[1]}" = "$op" ] || broken "$line stands under OP($op)"
        if [ -n "$expect" ]; then
            [ "${BASH_REMATCH[2]} ${BASH_REMATCH[3]}${BASH_REMATCH[4]}" = "baseline BASE" ] || broken "$op begins with $line"
            expect=
        fi
        ;;
    esac
done < <(grep -E '^(OP|V)\(' optimizations/variants.def)
[ -z "$expect" ] || broken "operator $op has no variants"
exit $status
