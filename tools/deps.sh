#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# deps.sh [run|all|long]: install, from Debian 12 by package name, what building and running, testing, and the longest tests need.
# Quiet when all is there. Kernels and Debian's Xen (the oracle of the tests) are not installed: tests/system/image.py unpacks them under build/.
set -euo pipefail

run="gcc make binutils libc6-dev libxen-dev liblzma-dev zlib1g-dev libzstd-dev liblz4-dev python3
  bash qemu-system-x86 busybox-static cpio gzip xz-utils xen-utils-4.17 xenstore-utils iproute2 e2fsprogs kmod"
all="$run clang llvm libclang-rt-14-dev clang-format libcmocka-dev python3-pytest python3-pytest-xdist zstd lz4
  grub-pc-bin grub-efi-amd64-bin grub-common xorriso mtools ovmf bochs bochs-term bochsbios vgabios"
long="$all mmdebstrap"

case ${1:-all} in
run) need=$run ;;
all) need=$all ;;
long) need=$long ;;
-h | --help) sed -n '3,4s/^# //p' "$0"; exit 0 ;;
*) echo "deps.sh: unknown group '$1' (run, all or long)" >&2; exit 2 ;;
esac

missing() {
    local p
    for p in $need; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
    done
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "deps.sh: this is not Debian; install by hand what these packages hold:" $need >&2
    exit 1
fi
miss=$(missing)
[ -n "$miss" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "deps.sh: these packages are missing, and only root can install them:" $miss >&2
    echo "deps.sh: run this first: sudo tools/deps.sh ${1:-all}" >&2
    exit 1
fi
echo "deps.sh: installing" $miss
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends $miss; } >"$log" 2>&1; then
    cat "$log" >&2
    echo "deps.sh: apt-get failed (its output is above)" >&2
    exit 1
fi
echo "deps.sh: done"
