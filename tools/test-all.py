#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-all.py [--hv IMAGE|xen] STEP...: run the steps of `make test`, go on after a failure, add up what passed and failed.

Steps: lint unit sim fuzz guests guests-debug guests-cpu builds guests-xl system system-quick.  Each ends with a line; the last line of all is 'N passed, N failed' alone.
"""
import argparse
import os
import re
import subprocess
import sys
import time

PYTHON = '/usr/bin/python3'
COUNTS = 'build/test/counts'
# What QEMU 7.2 emulates beyond the usual model, and the hypervisor switches or uses.
RICH_CPU = 'qemu64,+svm,+npt,+rdrand,+xsave,+xsaveopt,+avx,+rdtscp,+fsgsbase,+smep,+smap'
LINT = [
    ('layers', [PYTHON, 'tools/check/layers.py', '.']),
    ('layers-self-test', [PYTHON, 'tools/check/layers_test.py']),
    ('format', ['make', '-s', 'lint-format']),
    ('compilers', ['make', '-s', '-j2', '-k', 'lint-compilers']),
    ('symbols', [PYTHON, 'tools/check/layers.py', '.', '--objects', 'build/x86_64/obj']),
    ('support', [PYTHON, 'tools/check/support.py', 'SUPPORT.md']),
    ('links', [PYTHON, 'tools/check/links.py']),
    ('hypercalls', [PYTHON, 'tools/check/hypercalls.py']),
    ('hypercalls-self-test', [PYTHON, 'tools/check/hypercalls_test.py']),
]


class Tally:
    def __init__(self):
        self.passed = self.failed = self.pending = 0
        self.start = time.monotonic()

    def check(self, name, cmd, limit_s=1800):
        """One command that counts as one case."""
        t = time.monotonic()
        try:
            code = subprocess.run(cmd, stdin=subprocess.DEVNULL, timeout=limit_s).returncode
        except subprocess.TimeoutExpired:
            code = f'no end after {limit_s} s'
        except OSError as e:
            code = e
        self.passed, self.failed = self.passed + (code == 0), self.failed + (code != 0)
        print(f'{"ok" if code == 0 else "FAIL"} {name} {time.monotonic() - t:.1f} s'
              + ('' if code == 0 else f' ({code}): {" ".join(cmd)}'), flush=True)

    def counted(self, name, cmd, limit_s):
        """One command that writes 'NAME PASSED FAILED [PENDING]' to COUNTS; dying without it is one failure."""
        os.makedirs(os.path.dirname(COUNTS), exist_ok=True)
        if os.path.exists(COUNTS):
            os.unlink(COUNTS)
        t = time.monotonic()
        try:
            code = subprocess.run(cmd, stdin=subprocess.DEVNULL, timeout=limit_s).returncode
        except subprocess.TimeoutExpired:
            code = f'no end after {limit_s} s'
        rows = [l.split() for l in open(COUNTS)] if os.path.exists(COUNTS) else []
        passed, failed, pending = (sum(int(r[i]) for r in rows if len(r) > i) for i in (1, 2, 3))
        if code != 0 and failed == 0:
            failed = 1
        self.passed, self.failed, self.pending = self.passed + passed, self.failed + failed, self.pending + pending
        print(f'{"ok" if not failed else "FAIL"} {name}: {passed} passed, {failed} failed'
              + (f', {pending} not yet' if pending else '') + f', {time.monotonic() - t:.0f} s'
              + ('' if code == 0 else f' (exit {code})'), flush=True)


    def guests(self, mode, hv, limit_s, extra=()):
        """The micro guests in one mode; run.py ends with its counts."""
        t = time.monotonic()
        cmd = [PYTHON, 'tests/guests/run.py', '--hv', hv, '--mode', mode, '--rig', 'tests/system/rig', *extra]
        try:
            p = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit_s)
            out, code = p.stdout, p.returncode
        except subprocess.TimeoutExpired as e:
            out, code = (e.stdout or b'').decode(errors='replace'), f'no end after {limit_s} s'
        m = re.search(r'^(\d+) passed, (\d+) failed, (\d+) skipped, (\d+) not yet', out, re.M)
        passed, failed, _, pending = map(int, m.groups()) if m else (0, 1, 0, 0)
        if code != 0 and failed == 0:
            failed = 1
        self.passed, self.failed, self.pending = self.passed + passed, self.failed + failed, self.pending + pending
        if failed:
            print('\n'.join(f'    | {line}' for line in out.splitlines() if line.startswith('not ok') and 'TODO' not in line)
                  or '    | ' + out[-2000:].replace('\n', '\n    | '))
        print(f'{"ok" if not failed else "FAIL"} guests {mode}: {passed} passed, {failed} failed'
              + (f', {pending} not yet' if pending else '') + f', {time.monotonic() - t:.0f} s'
              + ('' if code == 0 else f' (exit {code})'), flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--hv', default='build/x86_64/zendo')
    ap.add_argument('step', nargs='+', choices=['lint', 'unit', 'sim', 'fuzz', 'guests', 'guests-debug', 'guests-cpu', 'builds', 'guests-xl', 'system', 'system-quick'])
    a = ap.parse_args()
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
    os.environ.pop('MAKEFLAGS', None)
    os.environ.pop('MAKELEVEL', None)
    t = Tally()
    if 'lint' in a.step:
        for name, cmd in LINT:
            t.check('lint ' + name, cmd)
    if 'sim' in a.step:
        t.check('sim', ['make', '-s', '-j2', 'sim', 'SEEDS=--seconds 20'])
    for step, seconds in (('unit', 1200), ('fuzz', 1800)):
        if step in a.step:
            extra = [f'FUZZ_SECONDS={os.environ.get("FUZZ_SECONDS", "3")}'] if step == 'fuzz' else []
            t.counted(step, ['make', '-s', '-j2', step, f'RUN_ARGS=--counts {COUNTS}', *extra], seconds)
    on_machines = [s for s in a.step if s.startswith(('system', 'guests'))]
    if on_machines and a.hv.startswith('build/x86_64'):
        t.check('image', ['make', '-s', '-j2', 'image'] + (['DEBUG=y'] if 'debug' in a.hv else []))
    if 'guests-debug' in a.step:
        t.check('image DEBUG=y', ['make', '-s', '-j2', 'image', 'DEBUG=y'])
        t.guests('dom0', 'build/x86_64-debug/zendo', 1800)
        on_machines.remove('guests-debug')
    if 'guests-cpu' in a.step:
        # One pCPU: two vCPUs then share its registers. Debian's Xen has no answer to what this emulator makes of IRETQ under SMAP.
        cpu = RICH_CPU.replace(',+smap', '') if a.hv == 'xen' else RICH_CPU
        t.guests('dom0', a.hv, 600, ['--cpu', cpu, '--hv-args', 'maxcpus=1', '--only', 'xsave/', 'features/', 'privop/', 'user/', 'traps/'])
        on_machines.remove('guests-cpu')
    if 'builds' in a.step:
        t.check('image CONFIG_PV=n', ['make', '-s', '-j2', 'image', 'CONFIG_PV=n'])
        t.check('boot CONFIG_PV=n', [PYTHON, 'tests/system/boot_says.py', 'build/x86_64-nopv/zendo', 'this build has no PV guests'])
        t.check('image CONFIG_PVH=n', ['make', '-s', '-j2', 'image', 'CONFIG_PVH=n'])
    for step in on_machines:
        if step.startswith('guests'):
            for mode in ('dom0',) if step == 'guests' else ('pv', 'pvh'):
                t.guests(mode, a.hv, 1800)
            continue
        marks = ['-m', 'quick'] if step == 'system-quick' else []
        t.counted(step, [PYTHON, '-m', 'pytest', '-p', 'no:cacheprovider', '-q', 'tests/system', '--hv', a.hv,
                         '--counts', COUNTS, *marks], 5400)
    if t.pending:
        print(f'{t.pending} tests are known not to pass yet: tests/system/not-yet.txt, tests/guests/not-yet.txt')
    print(f'all steps took {time.monotonic() - t.start:.0f} s')
    print(f'{t.passed} passed, {t.failed} failed')
    return 1 if t.failed or not t.passed else 0


if __name__ == '__main__':
    sys.exit(main())
