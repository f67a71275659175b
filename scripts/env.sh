#!/usr/bin/env bash
# Prints the build environment as shell exports: eval "$(scripts/env.sh)"
# What is set by the caller stays as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

STARLING_CACHE=${STARLING_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/starling}
export STARLING_CACHE
ROCKSDB_LIB_DIR=${ROCKSDB_LIB_DIR:-$(scripts/rocksdb.sh --path)}
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$(scripts/target.sh)}

printf 'export %s=%q\n' \
    STARLING_CACHE "$STARLING_CACHE" \
    ROCKSDB_LIB_DIR "$ROCKSDB_LIB_DIR" \
    ROCKSDB_STATIC 1 \
    CARGO_TARGET_DIR "$CARGO_TARGET_DIR"
