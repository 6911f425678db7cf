# SPDX-License-Identifier: GPL-2.0-or-later
# Kernels that are cut short, no kernels at all, or ask for too much: xl says so, nothing is left, no memory is lost.
vmlinux
bad() { # bad NAME CONFIG: creation fails with a message
    local r
    xl create -q -p "$2" > /tmp/bad.out 2>&1
    r=$?
    check "$1-fails" [ $r != 0 ]
    check "$1-says-why" test -s /tmp/bad.out
    check "$1-leaves-nothing" no_domain bad
}
cuts() { # cuts NAME FILE SIZE...: the file cut to each size, the longest first
    local n=$1 part kind
    cp "$2" /tmp/cut
    shift 2
    for part in "$@"; do
        truncate -s "$part" /tmp/cut
        for kind in pv pvh; do
            bad "$kind-$n-$part" "$(KERNEL=/tmp/cut cfg bad $kind 64 1 '')"
        done
    done
    rm /tmp/cut
}
before=$(freepages)
size=$(stat -c %s /vmlinuz)
cuts cut /vmlinuz $((size / 2)) 20480 4096 100 0
size=$(stat -c %s /vmlinux)
cuts unpacked-cut /vmlinux $((size * 7 / 8)) $((size * 5 / 8)) $((size * 3 / 8)) $((size / 8)) 4096
for kind in pv pvh; do
    bad "$kind-not-a-kernel" "$(KERNEL=/guest.img cfg bad $kind 64 1 '')"
    bad "$kind-no-kernel" "$(KERNEL=/nothing cfg bad $kind 64 1 '')"
    bad "$kind-too-much-memory" "$(KERNEL=/vmlinux cfg bad $kind 65536 1 '')"
    bad "$kind-too-little-memory" "$(KERNEL=/vmlinux cfg bad $kind 8 1 '')"
done
same() { [ "$(freepages)" = "$before" ]; }
check memory within 20 same
check others xl list
echo "free pages: $before before, $(freepages) after"
