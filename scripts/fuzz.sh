#!/usr/bin/env bash
# Runs fuzz targets, all or those named, each for FUZZ_SECONDS (default 10): one line for each.
# Stops at the first input that breaks a decoder, and says how to see it again:
# scripts/fuzz.sh --again TARGET FILE.
# Inputs found earlier are kept in $STARLING_CACHE/fuzz/corpus and tried first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
env=$(scripts/env.sh)
eval "$env"

version=0.13.2
seconds=${FUZZ_SECONDS:-10}
tool=$STARLING_CACHE/tools/cargo-fuzz-$version
built=$CARGO_TARGET_DIR/fuzz
corpus=$STARLING_CACHE/fuzz/corpus
found=$STARLING_CACHE/fuzz/found
# No input is longer, so that one takes milliseconds.
input_bytes_max=65536
# Kilobytes of address space, in use or only asked for: a length that is believed breaks it.
memory_kb_max=1000000

install_tool() {
    mkdir -p "$tool"
    exec 9>"$tool/.lock"
    flock 9
    [ ! -x "$tool/bin/cargo-fuzz" ] || return 0
    echo "fuzz: installing cargo-fuzz $version into $tool, a minute, once" >&2
    CARGO_TARGET_DIR="$tool/build" \
        cargo install cargo-fuzz --version "=$version" --locked --root "$tool" 9>&-
    rm -rf "$tool/build"
}

# Coverage is an unstable flag of a stable compiler; the sanitizers would need another toolchain.
build() {
    RUSTC_BOOTSTRAP=1 "$tool/bin/cargo-fuzz" build --fuzz-dir fuzz --release --sanitizer none \
        --target-dir "$built" "$@"
}

# Prints the number of inputs tried.
run_one() {
    local name=$1 log=$built/$1.log
    mkdir -p "$corpus/$name" "$found" "$built/seeds/$name"
    if ! (ulimit -v "$memory_kb_max" && exec "$bins/$name" "$corpus/$name" "$built/seeds/$name" \
        -max_total_time="$seconds" -max_len="$input_bytes_max" -timeout=10 \
        -artifact_prefix="$found/$name-" -print_final_stats=1) >"$log" 2>&1; then
        tail -40 "$log" >&2
        echo "fuzz: $name failed. To see it again, after any change:" >&2
        echo "    scripts/fuzz.sh --again $name $(sed -n 's/.*Test unit written to //p' "$log")" >&2
        return 1
    fi
    sed -n 's/^stat::number_of_executed_units: *//p' "$log"
}

[ -x "$tool/bin/cargo-fuzz" ] || install_tool
host=$(rustc -vV | sed -n 's/^host: //p')
bins=$built/$host/release
if [ "${1:-}" = --again ]; then
    build "$2"
    exec "$bins/$2" "$3"
fi
names=("$@")
[ $# -gt 0 ] || mapfile -t names < <(cd fuzz/src/bin && printf '%s\n' *.rs | sed 's/\.rs$//')
if [ $# -eq 1 ]; then build "$1"; else build; fi
python3 fuzz/seeds.py "$built/seeds"
for name in "${names[@]}"; do
    executions=$(run_one "$name")
    printf '%-20s %12s executions\n' "$name" "$executions"
done
echo "${#names[@]} targets, $seconds s each, nothing found"
