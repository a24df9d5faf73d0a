#!/usr/bin/env bash
# Runs the script steps of the workflows that reports/gate/README.md shows, as CI would: in a clone
# with a base commit. The builds are replaced by links to the build at hand, since building is not
# what is tested. Arguments: source root, built program.
set -euo pipefail
root=$1 program=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Prints the script lines of the named code block (1: GitHub, 2: GitLab).
steps() {
    awk -v wanted="$1" '
        /^```yaml$/ { block++; next }
        /^```$/ { inside = 0; next }
        block != wanted { next }
        /^ *run: \|$/ { inside = 1; match($0, /^ */); depth = RLENGTH; next }
        /^  script:$/ { list = 1; next }
        list && /^    - / { sub(/^    - /, ""); print; next }
        list { list = 0 }
        inside { match($0, /^ */); if (RLENGTH <= depth) { inside = 0; next } sub(/^ */, ""); print }
    ' "$root/reports/gate/README.md"
}

run_steps() { # number of the block, name
    local clone=$work/$2/repo
    mkdir -p "$work/$2"
    git init -q "$clone"
    git -C "$clone" config user.email ci@example.org
    git -C "$clone" config user.name ci
    mkdir "$clone/bin"
    cat >"$clone/bootstrap.sh" <<STANDIN
#!/usr/bin/env bash
mkdir -p build && ln -sf "$program" build/vltune && cp -L "$(dirname "$program")/libvltune.so" build/
STANDIN
    chmod +x "$clone/bootstrap.sh"
    git -C "$clone" add bootstrap.sh
    git -C "$clone" commit -qm base
    local base
    base=$(git -C "$clone" rev-parse HEAD)
    git -C "$clone" commit -qm change --allow-empty
    steps "$1" >"$work/$2/steps"
    grep -q 'vltune gate' "$work/$2/steps" || { echo "$2: no script steps found"; exit 1; }
    # the real stages take a minute; the probes take the same path
    sed -i 's/vltune gate \(\S*\)/vltune gate \1 --what probe\/gemm --max-pressure 100/' "$work/$2/steps"
    (
        cd "$clone"
        export HOME=$work/$2 BASE=$base CI_MERGE_REQUEST_DIFF_BASE_SHA=$base
        export GITHUB_STEP_SUMMARY=$work/$2/summary.md
        bash -euo pipefail "$work/$2/steps"
        grep -q '<testsuite name="vltune gate" tests="1" failures="0"' gate.xml
    )
    grep -q '### vltune gate' "$work/$2/summary.md"
    echo "$2: the script steps run"
}

run_steps 1 github
run_steps 2 gitlab
