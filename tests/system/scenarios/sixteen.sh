# SPDX-License-Identifier: GPL-2.0-or-later
# Sixteen guests at once, every third one PV, which takes three times as long to start as PVH; all come up and answer.
KERNEL=/vmlinux-cloud
answers() { # answers GUEST: or shows what it does instead
    in_guest "$1" true 60 && return 0
    xl vcpu-list "$1"
    xl debug-keys e
    hv_log 60
    xl_log "$1"
    glog "$1" | tail -5
    return 1
}
i=1
while [ $i -le 16 ]; do
    kind=pvh
    [ $((i % 3)) != 0 ] || kind=pv
    rm -f /var/log/xen/guest-m$i.log
    check create-$i xl create -q "$(cfg m$i $kind 96 1 job=stay)"
    i=$((i + 1))
done
i=1
while [ $i -le 16 ]; do
    check up-$i await m$i 'GUEST READY' 300
    i=$((i + 1))
done
check listed [ "$(xl list | grep -c '^m[0-9]')" = 16 ]
i=1
while [ $i -le 16 ]; do
    check answers-$i answers m$i
    i=$((i + 1))
done
check destroyed destroy_all
