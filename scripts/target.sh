#!/usr/bin/env bash
# Prints this checkout's target folder, and prepares it: docs/decisions/0001-build-cache.md.
#   one folder per checkout, never shared;
#   a new one starts with the built dependencies (not the packages) of the newest other one;
#   another checkout at the same path starts over with its own packages;
#   folders of checkouts that no longer exist are removed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache=${STARLING_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/starling}
root=$(pwd -P)
key=$(printf '%s' "$root" | sha256sum)
all=$cache/target
dir=$all/${key:0:16}
# Path, inode and birth time: a deleted and newly cloned checkout is another one.
identity=$root:$(stat -c '%d:%i:%W' .)

# Without fingerprints cargo builds our own packages again, and nothing else.
forget_packages() {
    rm -rf "$1"/release/.fingerprint/starling-* "$1"/release/incremental
    find "$1/release/deps" -maxdepth 1 -type f \
        \( -name '*starling*' -o -perm -u+x ! -name '*.so' \) -delete
}

# After a crash of the machine, files may be there without their content; cargo goes by times and
# takes them for built (E0463, E0786). What is missing it builds again. A build under way is let be.
forget_emptied() {
    [ -d "$1/release/deps" ] || return 0
    flock -n "$1/release/.cargo-lock" find "$1/release/deps" -maxdepth 1 -type f -size 0 \
        \( -name '*.rlib' -o -name '*.rmeta' -o -name '*.so' \) -delete || true
}

# Copies a sibling's dependencies, under cargo's own lock, so that no build changes them meanwhile.
seed_from() {
    local from=$1 part=$dir.partial
    mkdir -p "$part/release"
    flock -n "$from/release/.cargo-lock" cp -a --reflink=auto \
        "$from/release/.fingerprint" "$from/release/build" "$from/release/deps" \
        "$part/release/" || { rm -rf "$part"; return 1; }
    forget_packages "$part"
    mv "$part" "$dir"
    echo "target: dependencies copied from $from" >&2
}

remove_orphans() {
    local other owner
    for other in "$all"/*/; do
        other=${other%/}
        [ "$other" != "$dir" ] && [ -f "$other/checkout" ] || continue
        owner=$(sed 's/:[^:]*:[^:]*:[^:]*$//' "$other/checkout")
        [ -e "$owner/Cargo.toml" ] || rm -rf "$other"
    done
}

mkdir -p "$all"
exec 9>"$all/.lock"
flock 9
# Whoever left these was killed while copying: only the holder of the lock makes them.
rm -rf "$all"/*.partial
if [ ! -d "$dir" ]; then
    while read -r stamp; do
        seed_from "$(dirname "$stamp")" && break
    done < <(ls -t "$all"/*/checkout 2>/dev/null)
    mkdir -p "$dir"
    remove_orphans
elif [ "$(cat "$dir/checkout" 2>/dev/null)" != "$identity" ]; then
    [ ! -d "$dir/release/deps" ] || forget_packages "$dir"
fi
forget_emptied "$dir"
printf '%s\n' "$identity" >"$dir/checkout"
echo "$dir"
