# SPDX-License-Identifier: GPL-2.0-or-later
# What scenarios and tests call in dom0.  A scenario reports with check/ok/notok; machine.py reads those lines.
# What is called again and again starts no program: each costs the emulator tens of milliseconds that the guests then lack.
uptime_s() {
    local up
    read -r up _ < /proc/uptime
    echo "$up"
}
ok() { echo "ok $1 $(uptime_s)"; }
notok() { echo "not ok $1 $(uptime_s)"; }
# check NAME COMMAND...: report NAME by the command's status
check() {
    local n=$1
    shift
    if "$@"; then ok "$n"; else notok "$n"; fi
}
# within SECONDS COMMAND...: try the command until it succeeds; SLOW, from machine.py, multiplies the seconds on a slow machine
within() {
    local up end
    read -r up _ < /proc/uptime
    end=$((${up%.*} + $1 * ${SLOW:-1}))
    shift
    until "$@"; do
        read -r up _ < /proc/uptime
        [ "${up%.*}" -lt "$end" ] || return 1
        usleep 200000
    done
}
quietly() { "$@" > /dev/null 2>&1; }
# mods order|more: load the kernel's modules of this list; 'more' has the drivers of other disks and network cards, and ext4
mods() {
    local m
    while read -r m; do insmod "/mods/$m" 2>/dev/null; done < "/mods/$1"
}
# tools: start the stock daemons; XENSTORED names another store than the usual one
tools() {
    ${XENSTORED:-xenstored} --pid-file /run/xenstored.pid || return 1
    within 30 quietly xenstore-read /tool/xenstored || return 1
    xen-init-dom0 > /dev/null || return 1
    xenconsoled --log=all --log-dir=/var/log/xen --pid-file=/run/xenconsoled.pid
}
# cfg NAME TYPE MEMORY_MIB VCPUS "kernel arguments" [line]...: write a guest's configuration, print its path
cfg() {
    local n=$1 ty=$2 m=$3 v=$4 x=$5 l
    shift 5
    [ "$ty" != pvh ] || ty=${PVH_TYPE:-pvh} # pytest --pv-only
    {
        printf 'name="%s"\ntype="%s"\nmemory=%s\nvcpus=%s\n' "$n" "$ty" "$m" "$v"
        printf 'kernel="%s"\nramdisk="/guest.img"\n' "${KERNEL:-/vmlinuz}"
        printf 'extra="console=hvc0 quiet panic=-1 cryptomgr.notests %s"\non_crash="destroy"\n' "$x"
        for l in "$@"; do echo "$l"; done
    } > "/tmp/$n.cfg"
    echo "/tmp/$n.cfg"
}
# vmlinux: the kernel unpacked (image.guest_kernels()) is here; with KERNEL=/vmlinux, cfg makes guests that start some seconds sooner
vmlinux() { test -s /vmlinux; }
# glog NAME: all that the guest wrote on its console
glog() { tr -d '\r' < "/var/log/xen/guest-$1.log" 2>/dev/null; }
glog_has() { busybox grep -q "$2" "/var/log/xen/guest-$1.log" 2>/dev/null; }
# glog_times NAME PATTERN COUNT: at least so many lines
glog_times() { [ "$(busybox grep -c "$2" "/var/log/xen/guest-$1.log" 2>/dev/null)" -ge "$3" ]; }
no_domain() { ! quietly xl domid "$1"; }
# await NAME PATTERN SECONDS: a line in the guest's console log; a guest that is gone (looked at every five seconds) will not write it
await() {
    local up end log="/var/log/xen/guest-$1.log"
    read -r up _ < /proc/uptime
    end=$((${up%.*} + $3 * ${SLOW:-1}))
    until loghas "$log" "$2" 5; do
        read -r up _ < /proc/uptime
        [ "${up%.*}" -lt "$end" ] || return 1
        # it may have written the line before it ended
        no_domain "$1" && { loghas "$log" "$2" 0 || { echo "$1 is gone"; return 1; }; }
    done
    return 0 # not the status of the loop's last command
}
# xl_log NAME: what xl's process that watches the guest wrote last
xl_log() { tail -n 10 "/var/log/xen/xl-$1.log" 2>/dev/null; }
# hv_log LINES: the hypervisor's last lines, without the tag by which the test machine takes them out of dom0's console
hv_log() { xl dmesg | tail -n "$1" | sed 's/^([A-Za-z]*) /hv: /'; }
# gone NAME SECONDS: the domain is no more; looked at when a domain has ended, or all five seconds
gone() {
    local up end
    read -r up _ < /proc/uptime
    end=$((${up%.*} + $2 * ${SLOW:-1}))
    until no_domain "$1"; do
        read -r up _ < /proc/uptime
        [ "${up%.*}" -lt "$end" ] || return 1
        quietly timeout 5 xenstore-watch -n 2 @releaseDomain # the first is that it watches
    done
    return 0
}
# guest_tty NAME: the terminal in dom0 of a guest's console. The domain's number is kept in /run: xl would take as long for it as all the rest.
guest_tty() {
    local id=
    [ -f "/run/domid.$1" ] && read -r id < "/run/domid.$1"
    if [ -n "$id" ]; then
        set -- "$1" $(xenstore-read "/local/domain/$id/name" "/local/domain/$id/console/tty" 2>/dev/null)
        [ "$1" = "$2" ] && [ -n "$3" ] && { echo "$3"; return 0; }
    fi
    id=$(xl domid "$1") || return 1
    echo "$id" > "/run/domid.$1"
    xenstore-read "/local/domain/$id/console/tty"
}
# in_guest NAME "COMMAND" [SECONDS]: run a command in a guest that was started with job=stay, print its output, return its status
in_guest() {
    local tty key="k$(uptime_s)$$"
    tty=$(guest_tty "$1") || return 99
    printf 'run %s %s\n' "$key" "$2" > "$tty"
    await "$1" "@end $key " "${3:-30}" || return 98
    awk -v begin="@begin $key" -v end="@end $key " '{sub(/\r$/, "")} index($0, end) == 1 {status = $3; exit} on {print}
        index($0, begin) == 1 {on = 1} END {exit status}' "/var/log/xen/guest-$1.log"
}
# clock_pair NAME: "dom0's uptime, the guest's uptime, how many seconds the reading took", the quickest of six readings
clock_pair() {
    local tty key a b i=0
    tty=$(guest_tty "$1") || return 99
    while [ $i -lt 6 ]; do
        i=$((i + 1))
        key="c$i$(uptime_s)"
        a=$(uptime_s)
        printf "run $key cut -d' ' -f1 /proc/uptime\n" > "$tty"
        within 20 glog_has "$1" "@end $key " || return 98
        b=$(uptime_s)
        echo "$a $(glog "$1" | sed -n "/^@begin $key/{n;p}") $b"
    done | awk '{w = $3 - $1; if (NR == 1 || w < best) {best = w; out = ($1 + $3) / 2 " " $2 " " w}} END {print out}'
}
# free_memory: MiB that the hypervisor has free
free_memory() { xl info | sed -n 's/^free_memory *: *//p'; }
dom_state() { xl list "$1" | awk 'NR==2{print $5}'; }
dom_mem() { xl list "$1" | awk 'NR==2{print $3}'; }
dom_vcpus() { xl list "$1" | awk 'NR==2{print $4}'; }
# leave_alone NAME: end xl's process that watches the domain and would start it again
leave_alone() {
    busybox ps -o pid,args | awk -v cfg="/tmp/$1.cfg" 'index($0, cfg) && !/awk/{print $1}' | xargs -r kill
}
# destroy_named NAME: the domain, what it was renamed to, and what it comes back as; xl's process that would start it again goes first
destroy_named() {
    leave_alone "$1"
    within 20 sh -c "! xl list | grep -q '^$1[- ]' || { xl list | awk '/^$1[- ]/{print \$2}' | xargs -n1 xl destroy; false; }"
}
# destroy_others ID...: all domains but these and dom0; the processes of xl that watch any but the shared guests go first, since one may just be about to make
# the next domain of its name
destroy_others() {
    local left watchers d
    watchers=$(busybox ps -o pid,args | awk '/xl create/ && !/awk|shared-/{print $1}')
    if [ -n "$watchers" ]; then
        kill $watchers
    else
        # most tests leave nothing behind, and xenstore tells so sooner than xl
        for d in $(xenstore-list /local/domain); do
            case " 0 $* " in *" $d "*) ;; *) left=1 ;; esac
        done
        [ -n "$left" ] || return 0
    fi
    left=$(xl list | awk -v keep=" 0 $* " 'NR>1 && !index(keep, " " $2 " "){print $2}')
    [ -n "$left" ] || return 0
    for d in $left; do xl destroy "$d"; done
    return 1
}
destroy_all() {
    xl list | awk 'NR>1 && $2!=0{print $2}' | while read -r d; do xl destroy "$d"; done
    [ "$(xl list | wc -l)" = 2 ]
}
