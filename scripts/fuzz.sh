#!/usr/bin/env bash
# Runs every fuzz target for FUZZ_SECONDS (default 10): scripts/fuzz.sh [TARGET]…
# Installs cargo-fuzz into the cache once. Builds and corpora stay in the cache, too, so that a
# later run goes on where this one ended. The first target that fails ends it, with its input.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=0.13.2
seconds=${FUZZ_SECONDS:-10}
cache=${STARLING_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/starling}
tool=$cache/tools/cargo-fuzz-$version
work=$cache/fuzz

if [ ! -x "$tool/bin/cargo-fuzz" ]; then
    echo "fuzz: installing cargo-fuzz $version into $tool, once" >&2
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
        CARGO_TARGET_DIR="$tool/build" \
        cargo install cargo-fuzz --version "=$version" --locked --root "$tool"
    rm -rf "$tool/build"
fi
export PATH="$tool/bin:$PATH"
# Instrumentation is an unstable flag, which the pinned toolchain takes this way. Addresses are not
# watched: there is no unsafe code here.
export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$work/target"
options=(--sanitizer none --features node)

[ $# -gt 0 ] || mapfile -t targets < <(cargo fuzz list)
[ $# -eq 0 ] || targets=("$@")
mkdir -p "$work/corpus"
python3 fuzz/seed.py "$work/corpus"
cargo fuzz build "${options[@]}" >&2
for target in "${targets[@]}"; do
    mkdir -p "$work/corpus/$target"
    log=$work/$target.log
    if ! cargo fuzz run "${options[@]}" "$target" "$work/corpus/$target" -- \
        -max_total_time="$seconds" -rss_limit_mb=2048 -malloc_limit_mb=256 -timeout=10 \
        -artifact_prefix="$work/$target-" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "fuzz: $target failed; again: scripts/fuzz.sh $target" >&2
        exit 1
    fi
    done=$(grep -o 'Done [0-9]* runs in [0-9]* second' "$log" || true)
    [ -n "$done" ] || { tail -n 5 "$log" >&2; echo "fuzz: $target did not run" >&2; exit 1; }
    printf '%-20s %ss\n' "$target" "$done"
done
echo "fuzz: ${#targets[@]} targets, nothing found"
