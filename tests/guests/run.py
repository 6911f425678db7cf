#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot micro guests on a hypervisor, read their TAP lines, print a summary.

  run.py [--hv build/x86_64/zendo | --hv xen] [--mode dom0|pv|pvh|pvh32] [--only PATTERN ...]

Modes: dom0 boots each guest directly as the first domain (PV) of one QEMU machine; pv, pvh and pvh32 (PVH, 32-bit code)
create them as domUs with stock `xl` in one dom0 (needs --rig, a script with the interface `run.sh HV SCENARIO SECONDS`,
RIG_EXTRA added to dom0's root), or pvh and pvh32 with --direct by a micro guest that is the first domain.
A test's name is mode/group/guest/test. tests/guests/not-yet.txt lists patterns (fnmatch) of tests that Zendo does not pass
yet; one of those that passes is a failure too. The list is not used for --hv xen. Console logs stay under build/guests/log.
"""
import argparse
import fnmatch
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUT = os.path.join(ROOT, "build", "guests")
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "zendo-guests")
BUILDER = os.path.join(OUT, "direct", "builder.elf")
NOT_YET = os.path.join(HERE, "not-yet.txt")
# of common: what is 64-bit code or structures; and the hostile guest, which without paging reaches all of its own memory by chance
ONLY_64 = ("corpus.c", "features.c", "xsave.c", "hostile.c")
CPU = "qemu64,+svm,+npt,+rdrand"


def debian_xen():
    """Path of Debian's Xen 4.17, unpacked from its package once."""
    path = os.path.join(CACHE, "xen")
    if not os.path.exists(path):
        os.makedirs(CACHE, exist_ok=True)
        with tempfile.TemporaryDirectory() as tmp:
            image = "/boot/xen-4.17-amd64.gz"
            if not os.path.exists(image):
                os.chmod(tmp, 0o777)
                subprocess.run(["apt-get", "download", "-qq", "xen-hypervisor-4.17-amd64"], cwd=tmp, check=True)
                deb = [f for f in os.listdir(tmp) if f.endswith(".deb")][0]
                subprocess.run(["dpkg", "-x", deb, "."], cwd=tmp, check=True)
                image = os.path.join(tmp, "boot/xen-4.17-amd64.gz")
            with open(path + ".new", "wb") as out:
                subprocess.run(["gzip", "-dc", image], stdout=out, check=True)
        os.rename(path + ".new", path)
    return path


def qemu_command(hv, elf, guest_args, smp=2, mem=512, hv_args="", extra=(), cpu=CPU, initrd=None):
    append = f"console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all dom0_mem=64M dom0_max_vcpus={smp} {hv_args}"
    return ["qemu-system-x86_64", "-cpu", cpu, "-accel", "tcg,thread=single", "-smp", str(smp), "-m", str(mem), "-display", "none",
            "-serial", "stdio", "-monitor", "none", "-nic", "none", "-no-reboot", "-kernel", hv, "-append", append,
            "-initrd", f"{elf} {guest_args}".strip().replace(",", ",,") + (f",{initrd}" if initrd else ""), *extra]


def boot(command, log, timeout, until=r"^# end ", env=None, stop_by=signal.SIGTERM):
    """Run a command until a line matches, it ends, or the deadline, and then stop it by a signal; returns (lines, why it ended)."""
    deadline = time.monotonic() + timeout
    why = "the machine stopped"
    data = b""
    with open(log, "ab") as f:
        p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
        sel = selectors.DefaultSelector()
        sel.register(p.stdout, selectors.EVENT_READ)
        stop = re.compile(until.encode(), re.M)
        scanned = 0
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                why = f"no end after {timeout:g} s"
                break
            if not sel.select(left):
                continue
            chunk = os.read(p.stdout.fileno(), 65536)
            if not chunk:
                break
            f.write(chunk)
            data += chunk.replace(b"\r", b"")
            line = data.rfind(b"\n") + 1
            if stop.search(data[scanned:line]):
                why = "end"
                break
            scanned = line
        if p.poll() is None:
            p.send_signal(stop_by)
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
    return data.decode("utf-8", "replace").split("\n"), why


def declared_tests(source):
    with open(source) as f:
        return re.findall(r"^TEST\((\w+)\)", f.read(), re.M)


def parse(lines, results, names):
    """Read TAP lines into results {test: (status, why)}; returns (index of the last test begun, name) or None."""
    last = None
    for line in lines:
        m = re.search(r"(?:^|\) )# test (\d+) (\w+)$", line)
        if m:
            last = (int(m.group(1)), m.group(2))
            continue
        m = re.search(r"\b(not ok|ok) (\w+)(?:: (.*)| # SKIP (.*))?$", line)
        if m and m.group(2) in names:
            results[m.group(2)] = ("fail" if m.group(1) == "not ok" else "skip" if m.group(4) else "pass", m.group(3) or m.group(4) or "")
    return last


class Guest:
    def __init__(self, group, name, mode):
        self.group, self.name = group, name
        self.source = os.path.join(HERE, group, name + ".c")
        self.elf = os.path.join(OUT, "32" if mode == "pvh32" else "", group, name + ".elf")
        self.tests = declared_tests(self.source)


def guests_of(mode):
    found = []
    for group in ("common", "pv" if mode == "dom0" else mode):
        for f in sorted(os.listdir(os.path.join(HERE, group))):
            if f.endswith(".c") and not (mode == "pvh32" and f in ONLY_64):
                found.append(Guest(group, f[:-2], mode))
    return found


def panic_line(lines):
    for line in lines:
        if "PANIC" in line or "Panic on CPU" in line or "triple fault" in line.lower() or "BUG at" in line:
            return line.strip()
    return ""


def run_dom0(guest, opts, hv, wanted):
    """Boot one guest as the first domain; after a crash in one test, boot again from the next."""
    results, start = {}, 0
    log = os.path.join(OUT, "log", opts.hv_name, f"{opts.mode}-{guest.group}-{guest.name}.log")
    os.makedirs(os.path.dirname(log), exist_ok=True)
    open(log, "w").close()
    only = f" only={wanted[0]}" if len(wanted) == 1 else ""
    for _ in range(len(guest.tests) + 1):
        elf, initrd = (guest.elf, None) if opts.mode == "dom0" else (BUILDER, guest.elf)
        cmd = qemu_command(hv, elf, f"from={start}{only} {opts.args}".strip(), smp=opts.smp, hv_args=opts.hv_args, cpu=opts.cpu, initrd=initrd)
        if opts.verbose:
            print("+ " + " ".join(f"'{a}'" if " " in a else a for a in cmd))
        lines, why = boot(cmd, log, opts.timeout)
        if opts.verbose:
            print("\n".join(lines))
        last = parse(lines, results, guest.tests)
        if why == "end" and not panic_line(lines):
            break
        why = panic_line(lines) or why
        if last is None:
            for t in guest.tests[start:]:
                results.setdefault(t, ("fail", f"the guest did not start: {why}"))
            break
        if last[1] not in results:
            results[last[1]] = ("fail", f"died: {why}")
        start = last[0] + 1
        if start >= len(guest.tests) or only:
            break
    return results


SCENARIO = r"""
tools || echo "tools failed"
said_end() { grep -q '^# end' /var/log/xen/guest-$1.log 2>/dev/null; }
ended() { said_end $1 || no_domain $1; }
one() { # NAME TYPE ELF ARGS
  { echo "name=\"$1\""; echo "type=\"$2\""; echo "memory=48"; echo "vcpus=2"; echo "kernel=\"/$3\""; echo "extra=\"$4\""
    echo 'on_crash="destroy"'; echo 'on_reboot="destroy"'; } > /tmp/$1.cfg
  echo "#guest $1"
  xl create -q /tmp/$1.cfg || echo "not created"
  within 60 ended $1
  within 1 said_end $1 # of a guest that is gone the last lines may still come
  xl destroy $1 >/dev/null 2>&1
  cat /var/log/xen/guest-$1.log; echo; echo "#guestend $1"; rm -f /var/log/xen/guest-$1.log
}
"""


def run_domu(guests, mode, opts):
    """Create the guests one after another with xl in one dom0; again from the next test for those that died."""
    results = {(g.group, g.name): {} for g in guests}
    todo = [(g, 0) for g in guests]
    round_ = 0
    while todo and round_ < opts.rounds:
        round_ += 1
        with tempfile.TemporaryDirectory() as extra:
            script = SCENARIO
            kind = mode.removesuffix("32")
            for g, start in todo:
                shutil.copy(g.elf, os.path.join(extra, f"{g.group}-{g.name}.elf"))
                script += f'one {g.group}-{g.name} {kind} {g.group}-{g.name}.elf "from={start} {opts.args}"\n'
            with open(os.path.join(extra, "scenario.sh"), "w") as f:
                f.write(script + 'echo "#alldone"\n')
            log = os.path.join(OUT, "log", opts.hv_name, f"{mode}-domu-{round_}.log")
            os.makedirs(os.path.dirname(log), exist_ok=True)
            open(log, "w").close()
            hv = "xen" if opts.hv_name == "xen" else os.path.abspath(opts.hv)
            lines, why = boot([opts.rig, hv, "example", str(opts.rig_timeout)], log, opts.rig_timeout + 30, r"^#alldone",
                              dict(os.environ, RIG_EXTRA=extra))
        if opts.verbose:
            print("\n".join(lines))
        text = "\n".join(lines)
        again = []
        for g, start in todo:
            m = re.search(rf"^#guest {g.group}-{g.name}\n(.*?)(^#guestend {g.group}-{g.name}|\Z)", text, re.M | re.S)
            part = m.group(1).split("\n") if m else []
            r = results[(g.group, g.name)]
            last = parse(part, r, g.tests)
            ended = any(line.startswith("# end") for line in part)
            if ended and not panic_line(part):
                continue
            if m is None and round_ < opts.rounds:
                again.append((g, start))  # the machine's time was up: the next one goes on here
                continue
            reason = panic_line(part) or ("the guest stopped" if m else f"not reached ({why})")
            if last is None:
                for t in g.tests[start:]:
                    r.setdefault(t, ("fail", f"the guest did not start: {reason}"))
                continue
            r.setdefault(last[1], ("fail", f"died: {reason}"))
            if last[0] + 1 < len(g.tests):
                again.append((g, last[0] + 1))
        todo = again
    return results


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--hv", default=os.path.join(ROOT, "build/x86_64/zendo"), help="a multiboot image, or `xen` for Debian's")
    ap.add_argument("--mode", choices=("dom0", "pv", "pvh", "pvh32"), default="dom0")
    ap.add_argument("--only", nargs="*", default=[], help="patterns of mode/group/guest/test, or parts of it")
    ap.add_argument("--timeout", type=float, default=60, help="seconds for one boot")
    ap.add_argument("--smp", type=int, default=2)
    ap.add_argument("--cpu", default=CPU, help="QEMU's CPU model (mode dom0)")
    ap.add_argument("--args", default="", help="more guest arguments, as seed=7 iterations=1000")
    ap.add_argument("--hv-args", default="", help="more hypervisor options")
    ap.add_argument("--direct", action="store_true", help="modes pvh and pvh32: created by a micro guest, without Linux and xl")
    ap.add_argument("--rig", default=os.environ.get("ZENDO_RIG", ""), help="the dom0 rig's run.sh (all modes but dom0)")
    ap.add_argument("--rig-timeout", type=int, default=400)
    ap.add_argument("--rounds", type=int, default=4)
    ap.add_argument("--no-build", action="store_true")
    ap.add_argument("--list", action="store_true", help="print the tests' names and leave")
    ap.add_argument("--update-not-yet", action="store_true", help="rewrite this mode's lines of not-yet.txt from this run")
    ap.add_argument("-v", "--verbose", action="store_true", help="print commands and whole consoles")
    opts = ap.parse_args()

    opts.hv_name = "xen" if opts.hv == "xen" else "zendo"
    guests = guests_of(opts.mode)

    def wanted(g):
        names = [f"{opts.mode}/{g.group}/{g.name}/{t}" for t in g.tests]
        if not opts.only:
            return g.tests
        return [t for t, n in zip(g.tests, names) if any(fnmatch.fnmatch(n, p) or p in n for p in opts.only)]

    guests = [g for g in guests if wanted(g)]
    if opts.list:
        for g in guests:
            for t in wanted(g):
                print(f"{opts.mode}/{g.group}/{g.name}/{t}")
        return 0
    if not opts.no_build:
        subprocess.run(["make", "-s", "-f", "tests/guests/guests.mk", "guests"], cwd=ROOT, check=True)
    direct = opts.direct or opts.mode == "dom0"
    if not direct and not opts.rig:
        print("run.py: --rig (or ZENDO_RIG) is needed for domUs", file=sys.stderr)
        return 2
    patterns, unsteady = [], []
    if opts.hv_name != "xen" and os.path.exists(NOT_YET):
        with open(NOT_YET) as f:
            patterns = [line.split("#")[0].strip() for line in f if line.split("#")[0].strip()]
            unsteady = [p[1:] for p in patterns if p.startswith("~")]
            patterns = [p.lstrip("~") for p in patterns]
    hv = debian_xen() if opts.hv == "xen" else opts.hv

    began = time.monotonic()
    by_guest = run_domu(guests, opts.mode, opts) if not direct else None
    count = {"pass": 0, "fail": 0, "skip": 0, "not yet": 0}
    failing, bad = [], []
    for g in guests:
        results = by_guest[(g.group, g.name)] if by_guest is not None else run_dom0(g, opts, hv, wanted(g))
        for t in wanted(g):
            name = f"{opts.mode}/{g.group}/{g.name}/{t}"
            status, why = results.get(t, ("fail", "not run"))
            expected = any(fnmatch.fnmatch(name, p) for p in patterns)
            if status == "fail":
                failing.append(name)
            if status == "fail" and expected:
                count["not yet"] += 1
                print(f"not ok {name}: {why} # TODO in not-yet.txt", flush=True)
                continue
            may_pass = any(fnmatch.fnmatch(name, p) for p in unsteady)
            if status == "pass" and expected and not may_pass and not opts.update_not_yet:
                status, why = "fail", "passes, but not-yet.txt lists it: remove the line"
            count[status] += 1
            if status == "fail":
                bad.append(name)
                print(f"not ok {name}: {why}", flush=True)
            else:
                print(f"ok {name}" + (f" # SKIP {why}" if status == "skip" else ""), flush=True)
    if opts.update_not_yet:
        keep = []
        if os.path.exists(NOT_YET):
            with open(NOT_YET) as f:
                keep = [line for line in f.read().splitlines() if line.startswith("#") or not (line == "*" or line.startswith(opts.mode + "/"))]
        with open(NOT_YET, "w") as f:
            f.write("\n".join(keep + failing) + "\n")
        print(f"# {NOT_YET}: {len(failing)} lines for {opts.mode}")
        bad = []
    print(f"{count['pass']} passed, {count['fail']} failed, {count['skip']} skipped, {count['not yet']} not yet"
          f" (hv {opts.hv_name}, mode {opts.mode}, {time.monotonic() - began:.0f} s)")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
