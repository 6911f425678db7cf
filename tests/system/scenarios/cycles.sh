# SPDX-License-Identifier: GPL-2.0-or-later
# Create and destroy COUNT guests, PV and PVH in turn, some paused, some killed half-way; free memory ends equal to the page.
vmlinux
KERNEL=/vmlinux
one() { # one NUMBER
    local kind=pvh
    [ $(($1 % 2)) = 0 ] || kind=pv
    case $(($1 % 4)) in
    0 | 1) xl create -q -p "$(cfg cycle $kind 96 1 '')" || return 1 ;;
    *)
        xl create -q "$(cfg cycle $kind 96 2 '')" > /dev/null 2>&1 &
        usleep $(($1 * 37 % 10 * 100000))
        kill -9 $! 2>/dev/null
        wait $! 2>/dev/null
        ;;
    esac
    destroy_all > /dev/null 2>&1
    within 20 destroy_all > /dev/null 2>&1
}
one 0 && one 1 && one 2 # what is allocated once stays
before=$(freepages)
i=0
while [ $i -lt "${COUNT:-20}" ]; do
    one $i || notok "cycle-$i"
    i=$((i + 1))
done
same() { [ "$(freepages)" = "$before" ]; }
check cycles within 20 same
echo "free pages: $before before, $(freepages) after"
