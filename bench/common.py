# SPDX-License-Identifier: GPL-2.0-or-later
"""What the programs of this folder share: where things are, the machine under -icount, and reading the guests' figures."""
import importlib.util
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(ROOT, "build", "bench")
HV = os.path.join(ROOT, "build/x86_64/zendo")
RIG = os.path.join(ROOT, "tests", "system", "rig")
ICOUNT = ["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01,clock=vm"]
DOM0_ARGS = "console=com1 dom0_mem=64M"
# The figures of vCPUs that have a pCPU each: prefix -> what the machine is (machine()'s arguments) beside the guest's arguments
OWN_CPUS = {f"{kind}_{sched}": {"kind": kind, "hv_args": f"sched={sched}", **shape}
            for kind, shape in (("pv", {"cpus": 2}), ("pvh", {"cpus": 3, "dom0_vcpus": 1})) for sched in ("credit2", "null")}


def _load(name, path):
    spec = importlib.util.spec_from_file_location(name, os.path.join(ROOT, path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


guests = _load("guests_run", "tests/guests/run.py")


def build_guests():
    subprocess.run(["make", "-s", "-f", "bench/bench.mk", "bench-guests"], cwd=ROOT, check=True)


def elf(kind):
    """The guest that has the figures KIND.*."""
    return os.path.join(OUT, {"domain": "launch"}.get(kind, kind.split("_")[0]) + ".elf")


def command(hv, kind, args, mem, extra=(), hv_args="", cpus=1, dom0_vcpus=2):
    """QEMU's arguments for one machine, of one processor unless @cpus says otherwise.

    @kind: 'pv': the first domain is the PV benchmark; 'domain': the one that makes domains; 'pvh': the same, and it makes the PVH benchmark
    run; None: @hv alone. @args are the guest's."""
    cmd = ["qemu-system-x86_64", "-cpu", guests.CPU, "-accel", "tcg,thread=single", "-smp", str(cpus), "-m", str(mem), "-display", "none",
           "-serial", "stdio", "-nic", "none", "-no-reboot", "-kernel", hv, *extra]
    if kind:
        modules = f"{elf('domain' if kind == 'pvh' else kind)} {args}".strip() + (f",{elf('pvh')}" if kind == "pvh" else "")
        cmd += ["-append", f"{DOM0_ARGS} dom0_max_vcpus={dom0_vcpus}-{dom0_vcpus} {hv_args}".strip(), "-initrd", modules]
    return cmd


def machine(hv, kind, args, mem, timeout, log, hv_args="", **shape):
    """Run it under -icount until the guest ends: its console's lines, and why it ended badly ('' when it did not)."""
    open(log, "w").close()
    lines, why = guests.boot(command(hv, kind, args, mem, ["-monitor", "none", *ICOUNT], hv_args, **shape), log, timeout)
    return lines, guests.panic_line(lines) or ("" if why == "end" else why)


def parse(lines, prefix):
    """The figures of one guest's console, and the reasons of those that it has not."""
    got, missing = {}, {}
    for line in lines:
        m = re.search(r"\bbench (\w+) (-?\d+) (-?\d+) (-?\d+)\s*$", line)
        if m:
            got[prefix + m.group(1)] = int(m.group(2))
        m = re.search(r"\bbench-na (\w+) (.*)$", line)
        if m:
            missing[prefix + m.group(1)] = m.group(2)
        m = re.search(r"\bbench-hex (\w+) ([0-9a-f]{16})", line)
        if m:
            got[prefix + m.group(1)] = int(m.group(2), 16)
    return got, missing
