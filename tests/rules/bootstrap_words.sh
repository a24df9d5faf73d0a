#!/usr/bin/env bash
# bootstrap.sh names the word that it does not know, builds nothing, and ends with 2.
source "$(dirname "$0")/common.sh"
check() { # WORD SAYS
    local said code=0
    said=$(./bootstrap.sh "$1" 2>&1) || code=$?
    [ $code = 2 ] || broken "bootstrap.sh $1: exit $code, expected 2"
    [[ $said == *"$2"* ]] || broken "bootstrap.sh $1: '$said' lacks '$2'"
}
check tunee "unknown command 'tunee', did you mean tune?"
check biuld "unknown command 'biuld', expected build, tune, test or peers"
check build-all "unknown command 'build-all', did you mean build?"
check --tune "unknown command '--tune'"
check "" usage
exit $status
