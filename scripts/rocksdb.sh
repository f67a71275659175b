#!/usr/bin/env bash
# Compiles RocksDB once into the cache that every build links; instant when it is there.
#   scripts/rocksdb.sh          builds it if missing
#   scripts/rocksdb.sh --path   prints the folder that holds librocksdb.a
# The folder is keyed by everything that shapes the library: version, features, compiler, flags.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache=${STARLING_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/starling}
version=$(sed -n '/^name = "librocksdb-sys"$/{n;s/^version = "\(.*\)"$/\1/p;}' Cargo.lock)
requirement=$(grep '^rocksdb = ' Cargo.toml)
[ -n "$version" ] || { echo "rocksdb: Cargo.lock names no librocksdb-sys" >&2; exit 1; }

cxx=${CXX:-c++}
command -v "$cxx" >/dev/null || { echo "rocksdb: no C++ compiler ($cxx): make deps" >&2; exit 1; }
compiler=$("$cxx" --version | head -n 1)
flags="${RUSTFLAGS:-} ${CXXFLAGS:-} ${ROCKSDB_CXX_STD:-}"
key=$(printf '%s\n' "$requirement" "$compiler" "$("$cxx" -dumpmachine)" "$flags" | sha256sum)
dir=$cache/rocksdb/$version-${key:0:12}

if [ "${1:-}" = --path ]; then
    echo "$dir"
    exit
fi
[ -f "$dir/librocksdb.a" ] && exit

mkdir -p "$dir"
exec 9>"$dir/.lock"
if ! flock -n 9; then
    echo "rocksdb: another build is compiling it, waiting" >&2
    flock 9
fi
[ -f "$dir/librocksdb.a" ] && exit

echo "rocksdb: compiling $version with $compiler, once for all builds." >&2
echo "rocksdb: this takes some minutes on two cores; kept in $dir" >&2
started=$SECONDS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A throw-away package with the same requirement and the same lock file.
mkdir "$work/src"
: >"$work/src/lib.rs"
cp Cargo.lock "$work/"
printf '%s\n' '[package]' 'name = "rocksdb-once"' 'version = "0.0.0"' 'edition = "2024"' \
    '[workspace]' '[dependencies]' "$requirement" >"$work/Cargo.toml"

# Its sources, in chunks that include up to CHUNK_FILES of one folder each: most of what the compiler
# does for a file is to read the same headers again. The flags are those of the package itself.
manifest=$(cargo metadata --format-version 1 --manifest-path "$work/Cargo.toml" |
    grep -o '"manifest_path":"[^"]*/librocksdb-sys-[^"]*/Cargo.toml"' | cut -d'"' -f4)
sys=$work/librocksdb-sys
cp -r "$(dirname "$manifest")" "$sys"
mkdir "$sys/rocksdb/chunks"
awk -v chunks="$sys/rocksdb/chunks" -v most="${CHUNK_FILES:-16}" '
    # The build script of the package leaves this one out, for one of its own.
    $1 == "util/build_version.cc" { next }
    {
        folder = $1
        sub("/.*", "", folder)
        if (count[folder]++ % most == 0) {
            chunk[folder] = sprintf("%s_%02d.cc", folder, ++number[folder])
            print "chunks/" chunk[folder]
        }
        printf "#include \"%s\"\n", $1 > (chunks "/" chunk[folder])
    }' "$sys/rocksdb_lib_sources.txt" >"$work/chunks"
cp "$work/chunks" "$sys/rocksdb_lib_sources.txt"
printf '%s\n' '[patch.crates-io]' 'librocksdb-sys = { path = "librocksdb-sys" }' \
    >>"$work/Cargo.toml"

env -u ROCKSDB_LIB_DIR -u ROCKSDB_STATIC CARGO_TARGET_DIR="$work/target" \
    ROCKSDB_CXX="$cxx" ROCKSDB_SPLIT="$work/split" CXX="$PWD/scripts/rocksdb-cxx.sh" \
    cargo build --release -j"$(nproc)" --manifest-path "$work/Cargo.toml" >&2 9>&-
grep -qxF "version = \"$version\"" "$work/Cargo.lock" ||
    { echo "rocksdb: the build did not use version $version" >&2; exit 1; }

if [ -s "$work/split" ]; then
    echo "rocksdb: these chunks were compiled file by file:" >&2
    cat "$work/split" >&2
fi

built=$(find "$work/target/release/build" -path '*/librocksdb-sys-*/out/librocksdb.a')
cp "$built" "$dir/librocksdb.a.partial"
mv "$dir/librocksdb.a.partial" "$dir/librocksdb.a"
echo "rocksdb: done in $(((SECONDS - started) / 60)) minutes" >&2
