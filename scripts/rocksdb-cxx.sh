#!/usr/bin/env bash
# The C++ compiler as scripts/rocksdb.sh uses it: $ROCKSDB_CXX, and for a chunk of sources that does
# not compile as one, each of its files, linked into the one object that was asked for. Such chunks
# are noted in $ROCKSDB_SPLIT: cargo shows nothing of what a build script's compiler says.
#   ROCKSDB_CXX=c++ ROCKSDB_SPLIT=file scripts/rocksdb-cxx.sh <the compiler's arguments>
set -euo pipefail
cxx=${ROCKSDB_CXX:?}

chunk='' object='' before=''
for argument in "$@"; do
    case $argument in chunks/*.cc | */chunks/*.cc) chunk=$argument ;; esac
    [ "$before" != -o ] || object=$argument
    before=$argument
done
[ -n "$chunk" ] && [ -n "$object" ] || exec "$cxx" "$@"

said=$("$cxx" "$@" 2>&1) && exit
said=$(grep -m 1 'error' <<<"$said" || head -n 1 <<<"$said")
echo "$(basename "$chunk"): $said" >>"${ROCKSDB_SPLIT:-/dev/stderr}"

folder=$(dirname "$chunk")/..
parts=()
while read -r source; do
    part=${object%.o}-${#parts[@]}.o
    arguments=()
    for argument in "$@"; do
        case $argument in
            "$chunk") arguments+=("$folder/$source") ;;
            "$object") arguments+=("$part") ;;
            *) arguments+=("$argument") ;;
        esac
    done
    "$cxx" "${arguments[@]}"
    parts+=("$part")
done < <(sed -n 's/^#include "\(.*\)"$/\1/p' "$chunk")
"$cxx" -r -nostdlib -o "$object" "${parts[@]}"
rm -f "${parts[@]}"
