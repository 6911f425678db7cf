#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Instruction-exact benchmarks: Zendo and Debian's Xen in one run, side by side, with ratios, means and goals (docs/performance.md).

Under `-icount shift=0` a TSC tick is one emulated instruction, so figures repeat exactly; page walks and TLB misses cost nothing there:
work is counted, not time. PV figures come from a micro guest that is the first domain (pv.c), PVH figures from one that another micro
guest makes (pvh.c, launch.c), the toolstack's from stock xl in Debian's dom0 (tests/system/rig). Exits 1 when a goal is missed.
"""
import argparse
import gzip
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile

import common
import workloads
from common import OUT, ROOT, guests, machine, parse

PV = """hypercall hypercall_unknown multicall_8 fpu_taskswitch stack_switch set_segment_base event_send event_upcall set_timer timer_upcall
mmu_update mmu_update_change update_va_mapping update_va_mapping_same pin_unpin_l1 int3_to_handler int3_round_trip page_fault_to_handler
emulated_pt_write cpuid rdmsr wrmsr cr0_read port_out grant_copy_4k grant_copy_ref_4k grant_map_unmap populate_4k decrease_4k
populate_2m decrease_2m yield context_switch wake_timer traced_hypercall traced_page_fault traced_yield""".split()
PVH = """hypercall hypercall_unknown multicall_8 cpuid rdmsr wrmsr port_in port_out event_send event_upcall timer_upcall lapic_read lapic_write
ipi_self_mmio x2apic_read ipi_self_x2apic lapic_timer grant_copy_4k grant_map_unmap yield context_switch wake_timer populate_4k decrease_4k
populate_2m decrease_2m""".split()
OWN_CPUS = "wake_timer wake_event busy_and_blocked_per_s".split()
DOMAIN = "create_pv_16m destroy_pv_16m create_pvh_16m destroy_pvh_16m".split()
TOOLSTACK = "xl_create_p_ms xl_destroy_ms".split()
PARTS = ("pv", "pvh", "toolstack", "workloads")

NOTES = {
    "pvh": "no next-RIP save here",
    "pvh.port_in": "Xen is told the next RIP at port exits",
    "pvh.port_out": "Xen is told the next RIP at port exits",
    "boot.hypervisor_512m": "mostly loops that wait for a clock",
    "boot.hypervisor_4g": "mostly loops that wait for a clock",
    "boot.until_cpus_up_512m": "mostly loops that wait for a clock",
    "workload.dom0_boot_m": "with unpacking the xz kernel",
}
CAVEAT = """PVH: this emulator has no next-RIP save, so Xen decodes instructions in software at most exits, some 4600 instructions each; on hardware
that has it Xen is far quicker. Zendo does not rely on it either, but only compares the instruction's bytes. Boot: waiting loops count
as instructions here; 20 of Zendo's 24 million, some nine tenths of Xen's."""


def boot_marks(lines):
    """Seconds, on the hypervisor's clock, at which all CPUs were up and at its last line before the first domain ran."""
    up = last = None
    for line in lines:
        m = re.search(r"\(XEN\) \[\s*(\d+\.\d+)\] (.*)", line)
        if re.search(r"\bbench guest_entry ", line):
            break
        if m:
            last = float(m.group(1))
            if re.search(r"Brought up \d+ CPUs|\d+ CPUs are up", m.group(2)):
                up = last
    return up, last


def run_pv(hv, name, opts):
    got, missing = {}, {}
    lines, why = machine(hv, "pv", "", 512, opts.timeout, os.path.join(OUT, f"{name}-pv.log"), "console_timestamps=boot")
    g, m = parse(lines, "pv.")
    got.update(g)
    missing.update(m)
    missing.update({"pv." + p: why or "the guest printed no figure" for p in PV if "pv." + p not in got and "pv." + p not in missing})
    up, last = boot_marks(lines)
    if up is not None:
        got["boot.build_first_domain_512m"] = round((last - up) * 1e9)
    lines, why4 = machine(hv, "pv", "only=boot", 4096, opts.timeout, os.path.join(OUT, f"{name}-4g.log"))
    g, m = parse(lines, "")
    for out, key in (("memory.kept_of_4g_kib", "memory_kept_kib"), ("boot.guest_entry_4g", "guest_entry")):
        if key in g:
            got[out] = g[key]
        else:
            missing[out] = m.get(key) or why4 or "the guest printed no figure"
    for out, key in (("boot.guest_entry_512m", "pv.guest_entry"), ("memory.kept_of_512m_kib", "pv.memory_kept_kib")):
        if key in got:
            got[out] = got.pop(key)
        else:
            missing[out] = missing.pop(key, None) or why or "the guest printed no figure"
    return got, missing


def run_pvh(hv, name, opts):
    lines, why = machine(hv, "pvh", "", 512, opts.timeout, os.path.join(OUT, f"{name}-pvh.log"))
    got, missing = parse(lines, "pvh.")
    for p in DOMAIN:
        if "pvh." + p in got:
            got["domain." + p] = got.pop("pvh." + p)
    for p in ["pvh." + p for p in PVH] + ["domain." + p for p in DOMAIN]:
        if p not in got:
            missing.setdefault(p, why or "the guest printed no figure")
    return got, missing


def run_own_cpus(hv, name, kind, opts):
    """The figures of vCPUs that have a pCPU each, under both schedulers."""
    got, missing = {}, {}
    for prefix, shape in common.OWN_CPUS.items():
        if shape["kind"] != kind:
            continue
        if name == "xen" and prefix.endswith("_null"):
            missing.update({f"{prefix}.{p}": "Debian builds it without null" for p in OWN_CPUS})
            continue
        log = os.path.join(OUT, f"{name}-{prefix}.log")
        lines, why = machine(hv, args="only=own_cpus", mem=512, timeout=opts.timeout, log=log, **shape)
        g, m = parse(lines, prefix + ".")
        got.update({k: v for k, v in g.items() if k.split(".")[1] in OWN_CPUS})
        missing.update(m)
        missing.update({k: why or "the guest printed no figure" for k in (f"{prefix}.{p}" for p in OWN_CPUS) if k not in got and k not in missing})
    return got, missing


SCENARIO = r"""
tools || echo "tools failed"
{ echo 'name="bench"'; echo 'type="pvh"'; echo 'memory=64'; echo 'vcpus=1'; echo 'kernel="/pvh.elf"'; } > /tmp/bench.cfg
now() { bash -c 'echo ${EPOCHREALTIME/./}'; }
one() { t0=$(now); xl create -p -q /tmp/bench.cfg || echo "not created"; t1=$(now); xl destroy bench; echo "#create $t0 $t1 $(now)"; }
one; one; one
echo "#alldone"
"""


def run_toolstack(hv, name, opts):
    log = os.path.join(OUT, f"{name}-toolstack.log")
    open(log, "w").close()
    with tempfile.TemporaryDirectory() as extra:
        shutil.copy(common.elf("pvh"), extra)
        with open(os.path.join(extra, "scenario.sh"), "w") as f:
            f.write(SCENARIO)
        env = dict(os.environ, RIG_EXTRA=extra, SMP="1", ACCEL="tcg,thread=single", QEMU_EXTRA=" ".join(common.ICOUNT))
        lines, why = guests.boot([opts.rig, hv, "example", str(opts.rig_timeout)], log, opts.rig_timeout + 30, r"^#alldone", env)
    why = guests.panic_line(lines) or ("" if why == "end" else why)
    rows = [tuple(map(int, m)) for m in re.findall(r"#create (\d+) (\d+) (\d+)", "\n".join(lines))]
    if len(rows) < 3:
        return {}, {"toolstack." + t: why or "not printed" for t in TOOLSTACK}
    t0, t1, t2 = rows[-1]  # the first ones warmed dom0's caches
    return {"toolstack.xl_create_p_ms": round((t1 - t0) / 1000, 1), "toolstack.xl_destroy_ms": round((t2 - t1) / 1000, 1)}, {}


def sizes(image):
    with open(image, "rb") as f:
        data = f.read()
    return {"image.bytes": len(data), "image.gzip_bytes": len(gzip.compress(data, 9, mtime=0))}


def measure(hv, name, opts, base):
    if not os.path.exists(hv):
        return {}, {"": f"{hv} does not exist"}
    got, missing = sizes(hv), {}
    system_hv = "xen" if name == "xen" else os.path.abspath(hv)
    for part, run in (("pv", lambda: run_pv(hv, name, opts)), ("pv", lambda: run_own_cpus(hv, name, "pv", opts)),
                      ("pvh", lambda: run_pvh(hv, name, opts)), ("pvh", lambda: run_own_cpus(hv, name, "pvh", opts)),
                      ("toolstack", lambda: run_toolstack(system_hv, name, opts)), ("workloads", lambda: workloads.run(system_hv, name))):
        if part in opts.only:
            g, m = run()
            got.update(g)
            missing.update(m)
    got.update(base)
    for mem in ("512m", "4g"):
        if f"boot.guest_entry_{mem}" in got and "boot.firmware" in base:
            got[f"boot.hypervisor_{mem}"] = got[f"boot.guest_entry_{mem}"] - base["boot.firmware"]
    if "boot.hypervisor_512m" in got and "boot.build_first_domain_512m" in got:
        got["boot.until_cpus_up_512m"] = got["boot.hypervisor_512m"] - got["boot.build_first_domain_512m"]
    return got, missing


def wanted_rows(opts):
    rows = []
    if "pv" in opts.only:
        rows += ["pv." + p for p in PV]
    if "pvh" in opts.only:
        rows += ["pvh." + p for p in PVH] + ["domain." + p for p in DOMAIN]
    rows += [f"{prefix}.{p}" for prefix, shape in common.OWN_CPUS.items() if shape["kind"] in opts.only for p in OWN_CPUS]
    if "pv" in opts.only:
        rows += ["boot.firmware", "boot.hypervisor_512m", "boot.until_cpus_up_512m", "boot.build_first_domain_512m", "boot.hypervisor_4g",
                 "memory.kept_of_512m_kib", "memory.kept_of_4g_kib"]
    if "toolstack" in opts.only:
        rows += ["toolstack." + t for t in TOOLSTACK]
    if "workloads" in opts.only:
        rows += workloads.ROWS
    return rows + ["image.bytes", "image.gzip_bytes"]


def table(keys, zendo, zmiss, xen, xmiss):
    rows = []
    print(f"{'instructions (median), unless the name says a unit':50}{'Zendo':>14}{'Xen':>14}{'ratio':>8}")
    for k in keys:
        z, x = zendo.get(k), xen.get(k)
        ratio = z / x if z and x else None
        why = "; ".join(f"{who}: {miss.get(k) or miss.get('') or 'not measured'}"
                        for who, v, miss in (("Zendo", z, zmiss), ("Xen", x, xmiss)) if v is None)
        note = NOTES.get(k) or NOTES.get(k.split(".")[0])
        print(f"{k:50}{z if z is not None else 'n/a':>14}{x if x is not None else 'n/a':>14}{f'{ratio:.2f}' if ratio else '-':>8}"
              + (f"  n/a: {why}" if why else f"  [{note}]" if note else ""))
        rows.append({"name": k, "zendo": z, "xen": x, "ratio": ratio, "why": why or None, "note": note})
    return rows


def geomean(ratios):
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


def check_goals(rows):
    """Each goal that can be judged: (what, limit, value, met)."""
    by_name = {r["name"]: r for r in rows}
    ratios = {kind: [r["ratio"] for r in rows if r["name"].startswith(kind + ".") and r["ratio"]] for kind in ("pv", "pvh", "domain")}

    def ratio(name):
        return (by_name.get(name) or {}).get("ratio")

    def zendo(name):
        return (by_name.get(name) or {}).get("zendo")

    def to_credit2(kind, sched, figure):
        """Ours under a scheduler, to Xen's under credit2."""
        xen = (by_name.get(f"{kind}_credit2.{figure}") or {}).get("xen")
        own = zendo(f"{kind}_{sched}.{figure}")
        return own / xen if own and xen else None

    goals = [(f"PV: geometric mean of {len(ratios['pv'])} ratios", 0.7, geomean(ratios["pv"])),
             ("PV: the worst ratio", 1, max(ratios["pv"], default=None)),
             (f"PVH: geometric mean of {len(ratios['pvh'])} ratios", 0.2, geomean(ratios["pvh"])),
             ("the hypervisor's part of the boot, ratio", 0.5, ratio("boot.hypervisor_512m")),
             ("memory kept of 4 GiB, KiB", 24 << 10, zendo("memory.kept_of_4g_kib")),
             ("image, gzipped bytes", 400000, zendo("image.gzip_bytes"))]
    goals += [(f"{kind}: {figure} under {sched}, to Xen's under credit2", limit, to_credit2(kind, sched, figure))
              for kind in ("pv", "pvh") for sched, limit in (("credit2", 0.6), ("null", 0.3)) for figure in ("wake_timer", "wake_event")]
    goals += [(f"{kind}: instructions that a computing and a blocked vCPU lose in a second under null", 0,
               zendo(f"{kind}_null.busy_and_blocked_per_s")) for kind in ("pv", "pvh")]
    return [{"goal": g, "limit": limit, "value": v, "met": v <= limit} for g, limit, v in goals if v is not None]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--hv", default=common.HV)
    ap.add_argument("--only", nargs="*", choices=PARTS, default=[], help="these parts; without it all but the workloads")
    ap.add_argument("--skip-xen", action="store_true", help="Zendo alone")
    ap.add_argument("--skip-zendo", action="store_true", help="Xen alone")
    ap.add_argument("--json", metavar="FILE", help="write all figures there too")
    ap.add_argument("--timeout", type=float, default=240, help="seconds for one boot")
    ap.add_argument("--rig", default=os.environ.get("ZENDO_RIG", common.RIG))
    ap.add_argument("--rig-timeout", type=int, default=900)
    opts = ap.parse_args()
    opts.only = opts.only or [p for p in PARTS if p != "workloads"]
    common.build_guests()
    lines, _ = machine(os.path.join(OUT, "firmware.elf"), None, "", 512, opts.timeout, os.path.join(OUT, "firmware.log"))
    base = parse(lines, "boot.")[0]
    all_ = {}
    for name, hv, skip in (("zendo", opts.hv, opts.skip_zendo), ("xen", guests.debian_xen(), opts.skip_xen)):
        all_[name] = ({}, {"": "left out"}) if skip else measure(hv, name, opts, base)
    rows = table(wanted_rows(opts), *all_["zendo"], *all_["xen"])
    print("\n" + CAVEAT + "\n")
    goals = check_goals(rows)
    for g in goals:
        print(f"{'met   ' if g['met'] else 'MISSED'} {g['goal']}: {g['value']:.3g} (at or under {g['limit']})" if g["value"] < 1000 else
              f"{'met   ' if g['met'] else 'MISSED'} {g['goal']}: {g['value']} (at or under {g['limit']})")
    print()
    sys.stdout.flush()
    size = [sys.executable, os.path.join(ROOT, "tools/check/size.py"), "--root", ROOT]
    subprocess.run(size, check=True)
    if opts.json:
        lines_of_code = json.loads(subprocess.run([*size, "--json"], check=True, capture_output=True, text=True).stdout)
        with open(opts.json, "w") as f:
            json.dump({"rows": rows, "goals": goals, "lines_of_code": lines_of_code, "caveat": CAVEAT}, f, indent=1)
    return 0 if all(g["met"] for g in goals) else 1


if __name__ == "__main__":
    sys.exit(main())
