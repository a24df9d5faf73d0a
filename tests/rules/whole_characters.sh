#!/usr/bin/env bash
# Text is cut between characters, never inside one: only core/utf8_text.c cuts. Elsewhere no precision
# for %s (it counts bytes), no strncpy and strncat (they cut in silence), and no snprintf that formats
# a %s into an array without looking at the length it gives: what is shown goes through
# vlt_utf8_format, what is opened or parsed must fit.
source "$(dirname "$0")/common.sh"
while read -r line; do
    [ -z "$line" ] || broken "$line"
done < <(grep -rnE '%[-+ #0]*[0-9*]*\.([0-9]+|\*)s' optimizations harness tuner reports tests \
    --include='*.[ch]' --include='*.cpp')
while read -r line; do
    [ -z "$line" ] || broken "$line"
done < <(grep -rnE '\b(strncpy|strncat|stpncpy|strlcpy)\(' optimizations harness tuner reports \
    --include='*.[ch]' --include='*.cpp')
while read -r file; do
    case $file in optimizations/core/utf8_text.c) continue ;; esac
    while read -r line; do
        [ -z "$line" ] || broken "$file:$line"
    done < <(perl -0777 -ne '
        while (/(?<=[;{}:)\n])(\s*(?:std::)?(vs|s)nprintf\(((?:[^()"]|"(?:[^"\\]|\\.)*"|\((?:[^()"]|"(?:[^"\\]|\\.)*"|\([^()]*\))*\))*)\);)/g) {
            my ($call, $kind, $arguments, $at) = ($1, $2, $3, $-[2]);
            my $before = substr($_, 0, $at);
            next if $before =~ /\(size_t\)\s*$/;
            # a statement of its own, no part of an expression
            next unless $before =~ /(^|[;{})]|\belse|\b(case\b[^;{}?]*|default)\s*:)\s*(std::)?$/;
            my $formats = join("", $arguments =~ /"((?:[^"\\]|\\.)*)"/g);
            next unless $kind eq "vs" || $formats =~ /%[-0-9.*]*s/;
            my $number = ($before =~ tr/\n//) + 1;
            $call =~ s/\s+/ /g;
            print "$number:$call\n";
        }' "$file")
done < <(sources)
exit $status
