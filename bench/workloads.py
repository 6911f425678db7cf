# SPDX-License-Identifier: GPL-2.0-or-later
"""What Debian's kernel costs on a hypervisor: boots, forks, disk and network, as millions of emulated instructions.

One processor under -icount, so a millisecond of any clock is a million instructions. Time in which everything waits counts as well; both
hypervisors have the same of it.
"""
import os
import re
import sys

import common

sys.path.insert(0, os.path.join(common.ROOT, "tests", "system"))
from machine import Machine  # noqa: E402

FORKS, DISK_MIB, NET_MIB = 200, 24, 12
ROWS = ["workload.dom0_boot_m", "workload.dom0_fork_m"] + [f"workload.{kind}_{what}_m" for kind in ("pv", "pvh")
                                                         for what in ("boot", "fork", "disk_read", "net_both_ways")]
TIMED = "read a b < /proc/uptime; {}; read c d < /proc/uptime; echo TIMED $a $c"
FORK = f"i=0; while [ $i -lt {FORKS} ]; do /bin/busybox true; i=$((i+1)); done"
SET_UP = f"""
dd if=/dev/zero of=/tmp/d.img bs=1M count={DISK_MIB} 2>/dev/null
brctl addbr xenbr0; ip link set xenbr0 up; ip addr add 10.9.0.1/24 dev xenbr0
"""


def millions(output):
    m = re.search(r"TIMED ([\d.]+) ([\d.]+)", output)
    return round((float(m.group(2)) - float(m.group(1))) * 1000) if m else None


def in_guest(m, kind, command):
    return millions(m.ok(f"in_guest {kind} '{TIMED.format(command)}' 200", 300))


def run_guest(m, kind, got):
    m.ok(f"xl create -q $(cfg {kind} {kind} 128 1 'job=stay ip=10.9.0.2' 'disk=[\"format=raw,vdev=xvda,access=rw,target=/tmp/d.img\"]'"
         f" 'vif=[\"bridge=xenbr0\"]') && await {kind} 'GUEST READY' 120", 200)
    up = re.search(r"GUEST UP .*uptime=([\d.]+)", m.ok(f"glog {kind}"))
    got[f"workload.{kind}_boot_m"] = round(float(up.group(1)) * 1000)
    got[f"workload.{kind}_fork_m"] = in_guest(m, kind, FORK)
    got[f"workload.{kind}_disk_read_m"] = in_guest(m, kind, "dd if=/dev/xvda of=/dev/null bs=64k 2>/dev/null")
    m.ok(f"in_guest {kind} 'ip link set eth0 up; ip addr add 10.9.0.2/24 dev eth0; ping -c2 10.9.0.1' 60", 90)
    # each byte is checked at both ends (tests/system/image/stream.c)
    out = m.ok(f"stream listen 7000 {NET_MIB} > /dev/null & in_guest {kind} 'stream connect 10.9.0.1 7000 {NET_MIB}' 200 && wait $!", 300)
    got[f"workload.{kind}_net_both_ways_m"] = round(float(re.search(r"each way in ([\d.]+) s", out).group(1)) * 1000)
    m.ok(f"xl destroy {kind}")


def run(hv, name):
    got, why = {}, ""
    try:
        with Machine(hv, f"workloads-{name}", smp=1, qemu=common.ICOUNT) as m:
            m.boot()
            up = re.search(r"@@ready ([\d.]+)@@", m.console.text)
            got["workload.dom0_boot_m"] = round(float(up.group(1)) * 1000)
            m.start_tools()
            m.ok(SET_UP)
            got["workload.dom0_fork_m"] = millions(m.ok(TIMED.format(FORK), 200))
            for kind in ("pv", "pvh"):
                run_guest(m, kind, got)
            m.power_off()
    except AssertionError as e:
        why = str(e).split("\n")[0]
    return {k: v for k, v in got.items() if v is not None}, {r: why or "not printed" for r in ROWS if got.get(r) is None}
