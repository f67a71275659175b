#!/usr/bin/env bash
# Installs what the build needs from Debian, when it is missing. `scripts/deps.sh test` adds
# what only the tests need.
set -euo pipefail

has_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return
    local found
    found=$(find /usr/lib /usr/lib64 /usr/local/lib /lib -name 'libclang.so*' \
        -print -quit 2>/dev/null || true)
    [ -n "$found" ]
}

missing=()
daemons=()
has_libclang || missing+=(libclang-dev)
command -v c++ >/dev/null || missing+=(g++)
if [ "${1:-}" = test ]; then
    command -v strace >/dev/null || missing+=(strace)
    command -v python3 >/dev/null || missing+=(python3)
    PATH=$PATH:/usr/sbin:/sbin command -v ip >/dev/null || missing+=(iproute2)
    for proxy in nginx haproxy caddy; do
        [ -x /usr/sbin/$proxy ] || [ -x /usr/bin/$proxy ] || daemons+=("$proxy")
    done
    missing+=("${daemons[@]}")
fi
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "deps: missing: ${missing[*]} (names of Debian packages)." >&2
    echo "deps: install them as root, then try again." >&2
    exit 1
fi
echo "deps: installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
# Debian starts the daemons that it installs, now and at every boot; the tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ${#daemons[@]} -gt 0 ] && [ ! -e $policy ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"
if [ ${#daemons[@]} -gt 0 ] && command -v systemctl >/dev/null; then
    systemctl --quiet disable "${daemons[@]}"
fi
