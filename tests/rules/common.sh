# common.sh: what the rules share. Sourced; `sources` lists the product's C files, `broken` reports.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
status=0
sources() { find optimizations harness tuner reports "$@" -name '*.[ch]' -o -name '*.cpp' -path 'harness/*' | sort; }
broken() { echo "$*"; status=1; }
