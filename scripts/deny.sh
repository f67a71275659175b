#!/usr/bin/env bash
# Checks bans, licences and sources of all dependencies; installs cargo-deny into the cache once.
# The advisory database is left out: it needs a fetch, and a test's outcome must not change
# with the day. Run `scripts/deny.sh advisories` by hand.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=0.20.2
cache=${STARLING_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/starling}
dir=$cache/tools/cargo-deny-$version

if [ ! -x "$dir/bin/cargo-deny" ]; then
    mkdir -p "$dir"
    exec 9>"$dir/.lock"
    flock 9
fi
if [ ! -x "$dir/bin/cargo-deny" ]; then
    echo "deny: installing cargo-deny $version into $dir, some minutes, once" >&2
    # Built to be ready soon, not to be fast: it runs for a second.
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_TARGET_DIR="$dir/build" \
        cargo install cargo-deny --version "=$version" --locked --root "$dir" 9>&-
    rm -rf "$dir/build"
fi

[ $# -gt 0 ] || set -- bans licenses sources
exec "$dir/bin/cargo-deny" --all-features check --hide-inclusion-graph "$@"
