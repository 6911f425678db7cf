#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Instruction-exact benchmarks: Zendo and Debian's Xen in one run, side by side.

Under `-icount shift=0` a TSC tick is one emulated instruction, so figures repeat exactly; page walks and TLB misses cost nothing
there: work is counted, not time. PV figures come from a micro guest that is the first domain; PVH figures from a micro guest that
stock xl creates in dom0 (needs --rig or ZENDO_RIG, a script with the interface `run.sh HV SCENARIO SECONDS`).
"""
import argparse
import gzip
import json
import math
import os
import re
import sys
import tempfile
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "guests"))
import run as guests  # noqa: E402

OUT = os.path.join(ROOT, "build", "bench")
ICOUNT = ["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01,clock=vm"]

PV = """hypercall hypercall_unknown multicall_8 fpu_taskswitch stack_switch set_segment_base event_send event_upcall set_timer timer_upcall
mmu_update mmu_update_change update_va_mapping update_va_mapping_same pin_unpin_l1 int3_to_handler int3_round_trip page_fault_to_handler
emulated_pt_write cpuid rdmsr wrmsr cr0_read port_out grant_copy_4k grant_copy_ref_4k grant_map_unmap populate_4k decrease_4k
populate_2m decrease_2m yield context_switch""".split()
PVH = """hypercall hypercall_unknown cpuid rdmsr wrmsr port_in port_out event_send event_upcall lapic_read lapic_write ipi_self_mmio x2apic_read
ipi_self_x2apic lapic_timer grant_copy_4k yield populate_4k decrease_4k populate_2m decrease_2m""".split()
CAVEAT = ("PVH: this emulator has no next-RIP save, so Xen decodes instructions in software at most exits, some 4600 instructions each;"
          " on hardware that has it Xen is far quicker. Zendo may not rely on next-RIP here either.")


def parse(lines, prefix):
    """The figures of one guest's console."""
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


def machine(hv, name, elf, args, mem, timeout, log):
    open(log, "w").close()
    append = "console=com1 dom0_mem=64M dom0_max_vcpus=2-2"
    cmd = ["qemu-system-x86_64", "-cpu", guests.CPU, "-accel", "tcg,thread=single", "-smp", "1", "-m", str(mem), "-display", "none",
           "-serial", "stdio", "-monitor", "none", "-nic", "none", "-no-reboot", "-kernel", hv, *ICOUNT]
    if elf:
        cmd += ["-append", append, "-initrd", f"{elf} {args}".strip()]
    lines, why = guests.boot(cmd, log, timeout)
    return lines, guests.panic_line(lines) or ("" if why == "end" else why)


def run_pv(hv, name, opts):
    got, missing = {}, {}
    elf = os.path.join(OUT, "pv.elf")
    lines, why = machine(hv, name, elf, "", 512, opts.timeout, os.path.join(OUT, f"{name}-pv.log"))
    g, m = parse(lines, "pv.")
    got.update(g)
    missing.update(m)
    for p in PV:
        if "pv." + p not in got:
            missing.setdefault("pv." + p, why or "the guest printed no figure")
    lines, why4 = machine(hv, name, elf, "only=boot", 4096, opts.timeout, os.path.join(OUT, f"{name}-4g.log"))
    g, m = parse(lines, "")
    for out, key in (("memory.kept_of_4g_kib", "memory_kept_kib"), ("boot.guest_entry_4g", "guest_entry")):
        if key in g:
            got[out] = g[key]
        else:
            missing[out] = m.get(key) or why4 or "the guest printed no figure"
    if "pv.guest_entry" in got:
        got["boot.guest_entry_512m"] = got.pop("pv.guest_entry")
    else:
        missing["boot.guest_entry_512m"] = why or "the guest printed no figure"
    got["memory.kept_of_512m_kib"] = got.pop("pv.memory_kept_kib", None)
    if got["memory.kept_of_512m_kib"] is None:
        del got["memory.kept_of_512m_kib"]
        missing["memory.kept_of_512m_kib"] = missing.pop("pv.memory_kept_kib", None) or why or "the guest printed no figure"
    return got, missing


SCENARIO = r"""
tools || echo "tools failed"
{ echo 'name="bench"'; echo 'type="pvh"'; echo 'memory=64'; echo 'vcpus=1'; echo 'kernel="/pvh.elf"'; echo 'tsc_mode="native"'
  echo 'on_crash="destroy"'; echo 'on_poweroff="destroy"'; } > /tmp/bench.cfg
sed s/bench/warm/ /tmp/bench.cfg > /tmp/warm.cfg
tsc() { read a b < /proc/uptime; echo $a; }
# once to warm the caches, then timed in the machine's own (virtual, exact) clock
xl create -p -q /tmp/warm.cfg && xl destroy warm
t0=$(tsc); xl create -p -q /tmp/bench.cfg || echo "not created"; t1=$(tsc)
xl unpause bench
i=0; while [ $i -lt 600 ] && ! grep -q '^# end' /var/log/xen/guest-bench.log 2>/dev/null; do sleep 0.1; i=$((i+1)); done
t2=$(tsc); xl destroy bench 2>/dev/null
cat /var/log/xen/guest-bench.log
echo "#create $t0 $t1"
echo "#alldone"
"""


def run_pvh(hv, name, opts):
    got, missing = {}, {}
    if not opts.rig:
        return got, {"pvh." + p: "no --rig given" for p in PVH}
    log = os.path.join(OUT, f"{name}-pvh.log")
    open(log, "w").close()
    with tempfile.TemporaryDirectory() as extra:
        shutil.copy(os.path.join(OUT, "pvh.elf"), extra)
        with open(os.path.join(extra, "scenario.sh"), "w") as f:
            f.write(SCENARIO)
        env = dict(os.environ, RIG_EXTRA=extra, SMP="1", ACCEL="tcg,thread=single", QEMU_EXTRA=" ".join(ICOUNT))
        lines, why = guests.boot([opts.rig, hv, "example", str(opts.rig_timeout)], log, opts.rig_timeout + 30, r"^#alldone", env)
    got, missing = parse(lines, "pvh.")
    why = guests.panic_line(lines) or ("" if why == "end" else why)
    for p in PVH:
        if "pvh." + p not in got:
            missing.setdefault("pvh." + p, why or "the guest printed no figure")
    m = re.search(r"#create ([\d.]+) ([\d.]+)", "\n".join(lines))
    if m:
        got["toolstack.xl_create_p_ms"] = round((float(m.group(2)) - float(m.group(1))) * 1000)
    else:
        missing["toolstack.xl_create_p_ms"] = why or "not printed"
    return got, missing


def sizes(image):
    with open(image, "rb") as f:
        data = f.read()
    return {"image.bytes": len(data), "image.gzip_bytes": len(gzip.compress(data, 9, mtime=0))}


def measure(hv, name, opts):
    got, missing = {}, {}
    if not os.path.exists(hv):
        return {}, {"": f"{hv} does not exist"}
    got.update(sizes(hv))
    if not opts.only or "pv" in opts.only:
        g, m = run_pv(hv, name, opts)
        got.update(g)
        missing.update(m)
    if not opts.only or "pvh" in opts.only:
        g, m = run_pvh("xen" if name == "xen" and opts.rig else os.path.abspath(hv), name, opts)
        got.update(g)
        missing.update(m)
    return got, missing


def geomean(ratios):
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


def table(zendo, zmiss, xen, xmiss):
    rows, summary = [], {}
    keys = ["pv." + p for p in PV] + ["pvh." + p for p in PVH] + [
        "boot.firmware", "boot.hypervisor_512m", "boot.hypervisor_4g", "memory.kept_of_512m_kib", "memory.kept_of_4g_kib",
        "toolstack.xl_create_p_ms", "image.bytes", "image.gzip_bytes"]
    ratios = {"pv": [], "pvh": []}
    print(f"{'instructions (median), unless the name says a unit':54}{'Zendo':>12}{'Xen':>12}{'ratio':>8}")
    for k in keys:
        z, x = zendo.get(k), xen.get(k)
        ratio = z / x if z and x else None
        if ratio and k.split(".")[0] in ratios:
            ratios[k.split(".")[0]].append(ratio)
        why = "" if z is not None and x is not None else "  n/a: " + "; ".join(
            f"{who}: {miss.get(k) or miss.get('') or 'not measured'}" for who, v, miss in (("Zendo", z, zmiss), ("Xen", x, xmiss)) if v is None)
        note = "  [no next-RIP save]" if k.startswith("pvh.") and x is not None else ""
        print(f"{k:54}{z if z is not None else 'n/a':>12}{x if x is not None else 'n/a':>12}"
              f"{f'{ratio:.2f}' if ratio else '-':>8}{note}{why}")
        rows.append({"name": k, "zendo": z, "xen": x, "ratio": ratio, "why": why.strip() or None})
    for kind, goal in (("pv", 0.7), ("pvh", 0.2)):
        m = geomean(ratios[kind])
        worst = max(ratios[kind], default=None)
        summary[kind] = {"geomean": m, "worst": worst, "count": len(ratios[kind]), "goal": goal}
        print(f"{kind} geometric mean of {len(ratios[kind])} ratios: " + (f"{m:.3f}, worst {worst:.2f}" if m else "n/a") + f" (goal {goal})")
    print(CAVEAT)
    return rows, summary


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--hv", default=os.path.join(ROOT, "build/x86_64/zendo"))
    ap.add_argument("--only", nargs="*", choices=("pv", "pvh"), default=[])
    ap.add_argument("--skip-xen", action="store_true", help="Zendo alone")
    ap.add_argument("--skip-zendo", action="store_true", help="Xen alone")
    ap.add_argument("--json", metavar="FILE", help="write all figures there too")
    ap.add_argument("--timeout", type=float, default=180, help="seconds for one boot")
    ap.add_argument("--rig", default=os.environ.get("ZENDO_RIG", os.path.join(ROOT, "tests", "system", "rig")))
    ap.add_argument("--rig-timeout", type=int, default=900)
    opts = ap.parse_args()
    subprocess.run(["make", "-s", "-f", "bench/bench.mk", "bench-guests"], cwd=ROOT, check=True)
    lines, why = machine(os.path.join(OUT, "firmware.elf"), "firmware", None, "", 512, opts.timeout, os.path.join(OUT, "firmware.log"))
    base = parse(lines, "boot.")[0]
    all_ = {}
    for name, hv, skip in (("zendo", opts.hv, opts.skip_zendo), ("xen", guests.debian_xen(), opts.skip_xen)):
        got, missing = ({}, {"": "left out"}) if skip else measure(hv, name, opts)
        got.update({k: v for k, v in base.items() if not skip})
        for mem in ("512m", "4g"):
            if f"boot.guest_entry_{mem}" in got and "boot.firmware" in base:
                got[f"boot.hypervisor_{mem}"] = got[f"boot.guest_entry_{mem}"] - base["boot.firmware"]
            else:
                missing.setdefault(f"boot.hypervisor_{mem}", missing.get(f"boot.guest_entry_{mem}") or missing.get("") or "not measured")
        all_[name] = (got, missing)
    rows, summary = table(*all_["zendo"], *all_["xen"])
    if opts.json:
        with open(opts.json, "w") as f:
            json.dump({"rows": rows, "summary": summary, "caveat": CAVEAT}, f, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
