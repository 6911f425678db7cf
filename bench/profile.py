#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the instructions of a figure go: `bench/profile.py pv.populate_4k pvh.cpuid ...` prints them by function.

The benchmark guest runs only that operation, for ever (argument `loop=`); QEMU then logs each instruction that it executes for a few
seconds, and the part between the operation's two readings of the counter is looked up in the symbols of hypervisor and guest. Shown is
the run of median length.
"""
import argparse
import bisect
import collections
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

import common

LINE = re.compile(rb"^Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/")
HYPERVISOR = range(0xffff800000000000, 0xffff880000000000)
LOG_BYTES = 600 << 20

class Symbols:
    """Functions of an ELF file by address."""

    def __init__(self, elf):
        out = subprocess.run(["nm", "-n", elf], check=True, capture_output=True, text=True).stdout
        rows = [line.split() for line in out.splitlines()]
        rows = [(int(r[0], 16), r[2]) for r in rows if len(r) == 3 and r[1] in "tTwW"]
        self.at, self.names, self.entries = [a for a, _ in rows], [n for _, n in rows], dict(rows)

    def name(self, pc):
        i = bisect.bisect_right(self.at, pc) - 1
        return self.names[i] if i >= 0 else hex(pc)


def counter_reads(elf):
    """Addresses of the guest's RDTSC instructions."""
    out = subprocess.run(["objdump", "-d", elf], check=True, capture_output=True, text=True).stdout
    return {int(m.group(1), 16) for m in re.finditer(r"^\s*([0-9a-f]+):\t0f 31 ", out, re.M)}


def monitor(path, *commands):
    """Commands of QEMU's monitor."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(path)
        f = s.makefile("rw")
        f.readline()
        todo = [{"execute": "qmp_capabilities"}]
        todo += [{"execute": "human-monitor-command", "arguments": {"command-line": c}} for c in commands]
        for c in todo:
            f.write(json.dumps(c) + "\n")
            f.flush()
            while "event" in json.loads(f.readline()):
                pass


def record(name, opts, work):
    """Log the instructions of an endless run of a figure for a few seconds, or until the file is large enough."""
    kind, figure = name.split(".")
    qmp, log = f"{work}/qmp", f"{work}/log"
    extra = [*common.ICOUNT, "-monitor", "none", "-qmp", f"unix:{qmp},server=on,wait=off"]
    shape = {"kind": kind}
    if kind in common.OWN_CPUS:
        shape = common.OWN_CPUS[kind]
        figure = f"{figure} only=own_cpus"
    cmd = common.command(opts.hv, args=f"loop={figure} {opts.args}", mem=512, extra=extra, **shape)
    p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        if not any(b"# loop" in line for line in p.stdout):
            sys.exit(f"there is no figure {name}")
        monitor(qmp, "stop", "singlestep on", f"logfile {log}", "log exec,nochain", "cont")
        until = time.monotonic() + opts.seconds
        while time.monotonic() < until and os.path.getsize(log) < LOG_BYTES:
            time.sleep(0.1)
        monitor(qmp, "stop")
    finally:
        p.kill()
        p.wait()
    return log


def segments(log, guest, reads):
    """The program counters from the operation's first reading of the counter to its second, for each run of it."""
    current, armed = None, False
    with open(log, "rb") as f:
        for line in f:
            m = LINE.match(line)
            if not m:
                continue
            pc = int(m.group(1), 16)
            if guest.entries.get(pc, "").startswith("op_"):
                current, armed = None, True
            if pc in reads and armed:
                if current is None:
                    current = []
                    continue
                yield current
                current, armed = None, False
            elif current is not None:
                current.append(pc)


def show(figure, runs, hv, guest, opts):
    if not runs:
        sys.exit(f"{figure}: no complete run of the operation in the log")
    run = runs[len(runs) // 2]
    print(f"{figure}: {len(runs)} runs, median {len(run)} instructions, least {len(runs[0])}, most {len(runs[-1])}")
    names = [hv.name(pc) if pc in HYPERVISOR else "guest " + guest.name(pc) for pc in run]
    if opts.trace:
        last, n = None, 0
        for name in names + [None]:
            if name != last and last is not None:
                print(f"{n:8} {last}")
                n = 0
            last, n = name, n + 1
        return
    for name, n in collections.Counter(names).most_common(opts.top):
        print(f"{n:8} {100 * n / len(run):5.1f} % {name}")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("figure", nargs="+", help="pv.NAME, pvh.NAME, pv_null.NAME, domain.NAME, as bench/run.py prints it")
    ap.add_argument("--hv", default=common.HV, help="the image; its symbols are in the file with .elf after its name")
    ap.add_argument("--trace", action="store_true", help="print functions in order instead of sums")
    ap.add_argument("--seconds", type=float, default=4, help="how long to log: a long operation needs more")
    ap.add_argument("--args", default="", help="more arguments for the guest, as mib=4 for domain.*")
    ap.add_argument("--top", type=int, default=30)
    opts = ap.parse_args()
    common.build_guests()
    hv = Symbols(opts.hv + ".elf")
    for name in opts.figure:
        elf = common.elf(name.split(".")[0])
        guest, reads = Symbols(elf), counter_reads(elf)
        with tempfile.TemporaryDirectory() as work:
            runs = sorted(segments(record(name, opts, work), guest, reads), key=len)
        show(name, runs, hv, guest, opts)


if __name__ == "__main__":
    main()
