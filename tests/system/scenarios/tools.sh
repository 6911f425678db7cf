# SPDX-License-Identifier: GPL-2.0-or-later
# Every kind of stock tool once, with the guests $PV and $PVH running.  `t NAME STATUS PATTERN COMMAND`: the command ends with this status (a
# pattern itself) and prints something that matches; an empty PATTERN asks for nothing.  Commands that are refused, here or with Xen, must say so.
t() {
    local name=$1 status=$2 pattern=$3 out r
    shift 3
    out=$(timeout $((20 * ${SLOW:-1})) sh -c ". /lib/zendo.sh; $*" 2>&1 < /dev/null)
    r=$?
    if echo "$r" | grep -qxE "$status" && { [ -z "$pattern" ] || echo "$out" | grep -qE "$pattern"; }; then
        ok "$name"
    else
        notok "$name"
        printf '%s: status %s\n%s\n' "$*" "$r" "$out" | head -20 | sed 's/^(\([A-Za-z]*\)) /\1: /'
    fi
}
pv=$(xl domid "$PV") pvh=$(xl domid "$PVH")

# xl: the machine
t help 0 'xl full list of subcommands' xl help
for field in nr_cpus max_cpu_id nr_nodes cores_per_socket threads_per_core cpu_mhz hw_caps virt_caps total_memory free_memory sharing_freed_memory \
    sharing_used_memory outstanding_claims free_cpus xen_major xen_minor xen_extra xen_version xen_caps xen_scheduler xen_pagesize platform_params \
    xen_changeset xen_commandline cc_compiler cc_compile_by cc_compile_domain cc_compile_date; do
    echo "$field"
done > /tmp/fields
t info 0 '' 'xl info > /tmp/info; while read -r f; do grep -qE "^$f +: ." /tmp/info || { echo "no $f"; exit 1; }; done < /tmp/fields'
t info-numa 0 '^ +0: +[0-9]+ +[0-9]+ +10' xl info -n
t list-cpupool 0 'Pool-0' xl list -c
t list-label 0 'Security Label' xl list -Z
t list-node 0 'NODE Affinity' xl list -n
t vm-list 0 "$PV" xl vm-list
t uptime-short 0 "$PV" xl uptime -s
t claims 0 Claimed xl claims
t sharing 0 Shared xl sharing
t dmesg 0 . 'xl dmesg | tail -1 | tr -d "()"'
for key in h q d r i e g m H 0 a t u; do
    t debug-key-$key 0 '' xl debug-keys $key
done
t cpupool-list 0 '^Pool-0 +2' xl cpupool-list
t cpupool-migrate 0 '' xl cpupool-migrate "$PV" Pool-0
t cpupool-rename 0 '' 'xl cpupool-rename Pool-0 P && xl cpupool-rename P Pool-0'
t sched 0 '' xl sched-credit2 -s
t getenforce 255 Disabled xl getenforce
t loadpolicy 255 '[Ee]rror' xl loadpolicy /nothing
t set-parameters-unknown '[1-9].*' . xl set-parameters no-such-parameter=1
t psr-hwinfo '.*' '' xl psr-hwinfo
t tmem 1 'not implemented' xl tmem-list

# xl: guests
for g in "$PV" "$PVH"; do
    t list-long-$g 0 '"domid"' xl list -l $g
    t sched-get-$g 0 "$g +[0-9]+ +256" xl sched-credit2 -d $g
    t sched-set-$g 0 "$g +[0-9]+ +512" "xl sched-credit2 -d $g -w 512; xl sched-credit2 -d $g; xl sched-credit2 -d $g -w 256 > /dev/null"
    t vcpu-pin-soft-$g 0 '/ 1$' "xl vcpu-pin $g all - 1; xl vcpu-list $g; xl vcpu-pin $g all all all > /dev/null"
    t block-list-$g 0 Vdev xl block-list $g
    t network-list-$g 0 Mac xl network-list $g
    t channel-list-$g 0 Idx xl channel-list $g
    t vtpm-list-$g 0 Idx xl vtpm-list $g
    t usb-list-$g 0 '' xl usb-list $g
    t vkb-list-$g 0 Idx xl vkb-list $g
    t pci-list-$g 0 '' xl pci-list $g
    t cd-eject-$g 1 'requires an HVM domain' xl cd-eject $g xvdc
    t trigger-reset-$g '.*' 'failed' xl trigger $g reset
    t qemu-monitor-$g 1 'QMP' xl qemu-monitor-command $g help
    t config-update-$g 0 '' xl config-update $g /tmp/$g.cfg
    case $g in # of a PVH guest libxc asks for a million pages that are not there, one by one
    *-pv) t dump-core-$g 0 '' "xl dump-core $g /tmp/core && rm /tmp/core" ;;
    esac
    t alive-$g 0 '' in_guest $g true
done
t hvm-says-why '[1-9].*' 'creat' 'xl create -q $(cfg h hvm 64 1 "")'

# the others
t xentop 0 "$PVH" xentop -b -i 1 -f -v -n -x -r
t xenpm-topology 0 '^CPU1' xenpm get-cpu-topology
t xenpm-cpuidle 0 '' xenpm get-cpuidle-states
t xenpm-cpufreq 0 '' xenpm get-cpufreq-para
t xenperf 1 'perf counters' xenperf
t xenlockprof 1 'profile' xenlockprof
t xencov 1 'length' xencov read
t lsevtchn-0 0 'Interdomain' lsevtchn 0
t lsevtchn-pvh 0 'Virtual IRQ 0' lsevtchn $pvh
t xen-diag 0 "max_nr_frames" xen-diag gnttab_query_size $pv
t xen-diag-none 1 'Could not' xen-diag gnttab_query_size 999
t xen-hvmctx 0 'LAPIC' xen-hvmctx $pvh
t xen-hvmctx-pv 1 . xen-hvmctx $pv
t xenctx-pv 0 '^rip: ffffffff' xenctx $pv
t xenctx-pvh 0 '^rip: ffffffff' xenctx $pvh
t xenctx-control-registers 0 '^cr4: 0000' xenctx -a $pvh 1
t xen-mfndump-p2m 0 'pfn=0x1 ==> mfn=' "xen-mfndump dump-p2m $pv | head -5"
t xen-memshare 0 used xen-memshare info
t xen-cpuid 0 'HVM Max' xen-cpuid
t xen-cpuid-policy 0 'HVM Default policy' xen-cpuid -p
t xen-detect 0 'PV context on Xen V4.17' xen-detect
t flask 255 '' flask-getenforce
t readnotes 0 'VIRT_BASE' readnotes /vmlinux
t test-cpu-policy 0 'all ok' test-cpu-policy
t test-paging-mempool 0 '' test-paging-mempool
t test-resource 0 'x86 PVH' test-resource
t test-xenstore 0 '' test-xenstore
t xenstore-ls 0 "name = \"$PV\"" xenstore-ls /local
t xenstore-control 0 OK xenstore-control check
t xenstore-watch 0 /tool timeout 5 xenstore-watch -n 1 /tool
t xenstore-chmod 0 '' xenstore-chmod /tool n0
t xenstore-missing 1 '' xenstore-read /no-such-node
t list-after 0 "$PVH" xl list
