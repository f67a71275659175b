#!/usr/bin/env bash
# Plants each bug of tests/planted/ in a copy of the sources; the simulator has to find every one.
# The first line of a file there says what is wrong, the second how the simulator is run; then follows
# a patch, or a line `feature NAME` for a bug that the sources hold behind a feature.
#   scripts/planted.sh            all
#   BUG=quorum scripts/planted.sh one; a pattern of the shell's for some
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
env=$("$root/scripts/env.sh")
eval "$env"
export CARGO_TARGET_DIR=$CARGO_TARGET_DIR/planted
copy=$(mktemp -d)
trap 'git -C "$root" worktree remove --force "$copy/sources"' EXIT
git -C "$root" worktree add --quiet --detach "$copy/sources" HEAD
cd "$copy/sources"
missed=0
for bug in "$root"/tests/planted/${BUG:-*}.bug; do
    read -r -a arguments < <(sed -n '2s/^sim //p' "$bug")
    feature=$(sed -n '3s/^feature //p' "$bug")
    git checkout --quiet .
    if [ -z "$feature" ] && ! git apply "$bug"; then
        echo "$(basename "$bug" .bug): NOT PLANTED: the sources changed"
        missed=$((missed + 1))
        continue
    fi
    cargo build --quiet --release -p starling-tests --bin sim ${feature:+--features "$feature"}
    found=$("$CARGO_TARGET_DIR/release/sim" "${arguments[@]}" 2>&1) || true
    if ! verdict=$(grep -m 1 '^FAILED' <<<"$found"); then
        verdict="NOT FOUND, although: $(head -n 1 "$bug")"
        missed=$((missed + 1))
    fi
    echo "$(basename "$bug" .bug): $verdict"
done
exit $((missed > 0))
