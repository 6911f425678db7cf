# SPDX-License-Identifier: GPL-2.0-or-later
# Kernels that are cut short, no kernels at all, or ask for too much: xl says so, nothing is left, no memory is lost.
bad() { # bad NAME CONFIG: creation fails with a message
    local r
    xl create -q -p "$2" > /tmp/bad.out 2>&1
    r=$?
    check "$1-fails" [ $r != 0 ]
    check "$1-says-why" test -s /tmp/bad.out
    check "$1-leaves-nothing" no_domain bad
}
before=$(freepages)
size=$(stat -c %s /vmlinuz)
for kind in pv pvh; do
    for part in 0 100 4096 20480 $((size / 2)) $((size - 4096)); do
        head -c $part /vmlinuz > /tmp/cut
        KERNEL=/tmp/cut
        bad "$kind-cut-$part" "$(cfg bad $kind 64 1 '')"
    done
    KERNEL=/guest.img bad "$kind-not-a-kernel" "$(KERNEL=/guest.img cfg bad $kind 64 1 '')"
    bad "$kind-no-kernel" "$(KERNEL=/nothing cfg bad $kind 64 1 '')"
    bad "$kind-too-much-memory" "$(KERNEL=/vmlinuz cfg bad $kind 65536 1 '')"
    bad "$kind-too-little-memory" "$(KERNEL=/vmlinuz cfg bad $kind 8 1 '')"
done
same() { [ "$(freepages)" = "$before" ]; }
check memory within 20 same
check others xl list
