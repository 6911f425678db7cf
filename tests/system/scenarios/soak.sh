# SPDX-License-Identifier: GPL-2.0-or-later
# SECONDS_LONG seconds of random changes to how four guests (job=soak, two vCPUs each) are scheduled: affinities, weights, caps, pauses, pools of
# credit2 and null, CPUs off and on. SEED chooses all of them. A change may be refused; what it may not is stop anyone:
# - every LOOK changes, a vCPU that ran for LIMIT seconds of its own has counted further;
# - every ROUND changes, all is put back: each vCPU is listed, and counts further before all together have run for 8 times LIMIT.
GUESTS='soak-pv1 soak-pvh1 soak-pv2 soak-pvh2'
HPTOOL=/usr/lib/xen-4.17/bin/xen-hptool
LIMIT=$((20 * ${SLOW:-1}))
LOOK=5
ROUND=50
random=$SEED n=0 # n: changes so far
draw() { # draw N: 0 to N-1 in $r
    random=$(((random * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff))
    r=$(((random >> 33) % $1))
}
draw_guest() {
    draw 4
    set -- $GUESTS
    shift $r
    guest=$1
}
draw_cpus() { # a set that is not empty, in $cpus
    local c bits
    draw 15
    bits=$((r + 1)) cpus=
    for c in 0 1 2 3; do
        [ $((bits >> c & 1)) = 0 ] || cpus=$cpus,$c
    done
    cpus=${cpus#,}
}
draw_pool() {
    draw 3
    set -- Pool-0 soak-credit2 soak-null
    shift $r
    pool=$1
}
# change COMMAND...: carry it out and log it; it may be refused
change() {
    local status
    timeout $((60 * ${SLOW:-1})) "$@" > /tmp/soak.out 2>&1
    status=$?
    n=$((n + 1))
    echo "$n at $(uptime_s): $* -> $status"
    [ $status != 124 ] || { notok "ends-$n"; stop=1; }
}
has_pool() { xl cpupool-list | busybox grep -q "^$1 "; }
pools() { # a random change of pools; $c is a CPU
    local g new=$pool
    [ $new != Pool-0 ] || new=soak-null
    draw 6
    case $r in
    0) # a CPU goes there
        change xl cpupool-cpu-remove Pool-0 $c
        change xl cpupool-cpu-add "$pool" $c
        ;;
    1) # and comes back
        change xl cpupool-cpu-remove "$pool" $c
        change xl cpupool-cpu-add Pool-0 $c
        ;;
    2) change xl cpupool-destroy $new ;; # with guests in it: refused
    3)
        has_pool $new || return
        for g in $GUESTS; do change xl cpupool-migrate $g Pool-0; done
        change xl cpupool-destroy $new
        ;;
    *)
        change xl cpupool-cpu-remove Pool-0 $c
        if has_pool $new; then
            change xl cpupool-cpu-add $new $c
        else
            printf 'name="%s"\nsched="%s"\ncpus=["%s"]\n' $new ${new#soak-} $c > /tmp/soak.pool
            change xl cpupool-create /tmp/soak.pool
        fi
        change xl cpupool-migrate $guest $new
        ;;
    esac
}
one_change() {
    local c v
    draw_guest
    draw_cpus
    draw_pool
    draw 3
    c=$((r + 1))
    draw 3
    v=$r
    [ $v != 2 ] || v=all
    draw 14
    case $r in
    0 | 1) change xl vcpu-pin $guest $v $cpus - ;;
    2 | 3) change xl vcpu-pin $guest $v - $cpus ;;
    4) change xl vcpu-pin $guest $v all all ;;
    5)
        draw 1024
        change xl sched-credit2 -d $guest -w $((r + 1))
        ;;
    6)
        draw 5
        change xl sched-credit2 -d $guest -c $((r * 40)) # 0: none
        ;;
    7 | 8) change xl cpupool-migrate $guest $pool ;;
    9 | 10) pools ;;
    11) change $HPTOOL cpu-offline $c ;;
    12) change $HPTOOL cpu-online $c ;;
    13)
        change xl pause $guest
        change xl unpause $guest
        ;;
    esac
}
# counters: "GUEST/VCPU times-it-counted seconds-it-ran" of each vCPU that is listed
counters() {
    xl vcpu-list $GUESTS > /tmp/soak.list 2>&1
    (cd /var/log/xen && busybox awk 'FILENAME == "/tmp/soak.list" { if ($1 ~ /^soak-/) ran[$1 "/" $3] = $6; next }
        /^@[01] / { count[substr(FILENAME, 7, length(FILENAME) - 10) "/" substr($1, 2)]++ }
        END { for (v in ran) print v, count[v] + 0, ran[v] }' /tmp/soak.list guest-soak-*.log)
}
# went_on: no vCPU has run for LIMIT without counting, but for one whose sibling got no CPU meanwhile (null has fewer CPUs than vCPUs then): Linux waits for
# that one. /tmp/soak.last has each as it was when it last counted, or was excused.
went_on() {
    counters > /tmp/soak.now
    busybox awk -v limit=$LIMIT 'function sibling(v) { return substr(v, 1, length(v) - 1) (1 - substr(v, length(v))) }
        function waits(v) { return c[v] == count[v] && r[v] - ran[v] < 1 }
        NR == FNR { count[$1] = $2; ran[$1] = $3; next }
        { c[$1] = $2; r[$1] = $3; n++ }
        END {
            for (v in c) {
                still = v in count && c[v] == count[v] && !waits(sibling(v))
                print v, c[v], still ? ran[v] : r[v] > "/tmp/soak.next"
                if (still && r[v] - ran[v] > limit) { print v, "ran for", r[v] - ran[v], "s and did not count"; bad = 1 }
            }
            exit bad || n != 8
        }' /tmp/soak.last /tmp/soak.now || return 1
    mv /tmp/soak.next /tmp/soak.last
}
# put_back: as it was at the beginning, and nothing of it is refused
put_back() {
    local g c
    for c in 1 2 3; do $HPTOOL cpu-online $c > /dev/null 2>&1; done # those that are on refuse
    for g in $GUESTS; do
        xl cpupool-migrate $g Pool-0 && xl vcpu-pin $g all all all && xl sched-credit2 -d $g -w 256 -c 0 || return 1
    done
    for c in soak-credit2 soak-null; do
        ! xl cpupool-list | grep -q "^$c " || xl cpupool-destroy $c || return 1
    done
    for c in 1 2 3; do
        xl cpupool-list -c Pool-0 | grep -q "[ ,]$c\(,\|$\)" || xl cpupool-cpu-add Pool-0 $c || return 1
    done
    xl cpupool-list | grep -q '^Pool-0 *4 '
}
# all_count: every vCPU of the guests is there and counts further
all_count() {
    counters > /tmp/soak.first
    [ "$(wc -l < /tmp/soak.first)" = 8 ] || return 1
    while :; do
        counters > /tmp/soak.now
        busybox awk -v limit=$((8 * LIMIT)) 'NR == FNR { count[$1] = $2; ran[$1] = $3; next }
            { all += $3 - ran[$1]; if ($2 > count[$1]) on++; else still = still " " $1 }
            END { if (on == 8) exit 0; if (all > limit) { print "do not count:" still; exit 1 } exit 2 }' /tmp/soak.first /tmp/soak.now
        r=$?
        [ $r = 2 ] || return $r
        usleep 500000
    done
}
show() { # what is known when something is wrong
    local g
    cat /tmp/soak.out
    xl vcpu-list
    xl cpupool-list -c
    xl debug-keys rqea
    hv_log 200
    for g in $GUESTS; do
        xl_log $g
        glog $g | grep -v "^@" | tail -5
    done
}
seen() { # seen NAME COMMAND: a check; the first that fails ends the soak
    local name=$1
    shift
    [ -z "$stop" ] || return 1
    "$@" > /tmp/soak.out 2>&1 && { ok "$name"; return; }
    notok "$name"
    stop=1
    return 1
}
echo "seed $SEED, $SECONDS_LONG seconds"
stop=
xl sched-credit2 -d Domain-0 -w 2048 > /dev/null # it makes the changes, and the guests are many
# A kernel whose vCPU had no CPU for a minute, as in a pool of null with too few, would report that for minutes instead of going on.
quiet='nowatchdog rcupdate.rcu_cpu_stall_suppress=1'
for g in $GUESTS; do
    kind=${g#soak-}
    seen "create-$g" xl create -q "$(KERNEL=/vmlinux-cloud cfg $g ${kind%[12]} 96 2 "job=soak $quiet")"
    seen "up-$g" await $g '^@1 ' 300
    xl pause $g # the next comes up sooner
done
for g in $GUESTS; do
    xl unpause $g
done
counters > /tmp/soak.last
read -r end _ < /proc/uptime
end=$((${end%.*} + SECONDS_LONG)) i=0
while [ -z "$stop" ]; do
    one_change
    i=$((i + 1))
    [ $((i % LOOK)) != 0 ] || seen went-on-$i went_on
    [ $((i % ROUND)) != 0 ] || { seen put-back-$i put_back && seen all-count-$i all_count; }
    read -r up _ < /proc/uptime
    [ "${up%.*}" -lt $end ] || break
done
seen put-back put_back && seen all-count all_count
echo "vCPU, counts, seconds it ran:" $(cat /tmp/soak.now)
seen destroyed within 30 destroy_all
[ -z "$stop" ] || show
echo "changes: $n"
