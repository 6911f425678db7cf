#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# deps.sh [build|test|all]: install, from Debian 12 by package name, what building, testing and running need.
# Quiet when all is there. Debian's Xen (the oracle of the tests) is not installed: tests/system/image.py unpacks its files under build/.
set -euo pipefail

build="gcc make binutils libc6-dev clang lld llvm libclang-rt-14-dev clang-format libxen-dev libcmocka-dev
  liblzma-dev zlib1g-dev libzstd-dev liblz4-dev python3"
tests="$build python3-pytest bash qemu-system-x86 busybox-static cpio gzip xz-utils zstd lz4 xen-utils-4.17 xenstore-utils
  linux-image-amd64 iproute2 e2fsprogs kmod"
all="$tests grub-pc-bin grub-efi-amd64-bin grub-common xorriso mtools ovmf"

case ${1:-all} in
build) need=$build ;;
test) need=$tests ;;
all) need=$all ;;
-h | --help) sed -n '3,4s/^# //p' "$0"; exit 0 ;;
*) echo "deps.sh: unknown group '$1' (build, test or all)" >&2; exit 2 ;;
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
