#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-all.py [--hv IMAGE|xen] STEP...: run the steps of `make test`, go on after a failure, add up what passed and failed.

What is built is built first, by both processors; then the jobs that boot machines, fuzz or simulate run, two at a time, since each keeps
about one processor busy.  Each job ends with a line with its seconds, and shows what it printed when it failed; the last line of all is
'N passed, N failed' alone.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import time

PYTHON = '/usr/bin/python3'
WORK = 'build/test'
# Of the system tests: as many as processors. With three the whole took longer (1530 s for 1436 on two processors).
WORKERS = '2'
# What QEMU 7.2 emulates beyond the usual model, and the hypervisor switches or uses.
RICH_CPU = 'qemu64,+svm,+npt,+rdrand,+xsave,+xsaveopt,+avx,+rdtscp,+fsgsbase,+smep,+smap'
STEPS = ['lint', 'unit', 'sim', 'fuzz', 'figures', 'guests', 'guests-debug', 'guests-cpu', 'builds', 'guests-xl', 'system', 'system-quick', 'system-long']
LINT = [
    ('layers', [PYTHON, 'tools/check/layers.py', '.']),
    ('layers-self-test', [PYTHON, 'tools/check/layers_test.py']),
    ('format', ['make', '-s', 'lint-format']),
    ('compilers', ['make', '-s', '-j2', '-k', 'lint-compilers']),
    ('symbols', [PYTHON, 'tools/check/layers.py', '.', '--objects', 'build/x86_64/obj']),
    ('support', [PYTHON, 'tools/check/support.py', 'SUPPORT.md']),
    ('links', [PYTHON, 'tools/check/links.py']),
    ('hypercalls', [PYTHON, 'tools/check/hypercalls.py']),
    ('counters', [PYTHON, 'tools/gen-counters.py', '--check']),
    ('hypercalls-self-test', [PYTHON, 'tools/check/hypercalls_test.py']),
    ('params', [PYTHON, 'tools/check/params.py']),
    ('params-self-test', [PYTHON, 'tools/check/params_test.py']),
    ('trace2json', [PYTHON, 'tools/trace/trace2json_test.py']),
]
LAST_LINES = 100


class Counts:
    """What one command's cases came to: passed, failed, and pending (known not to pass yet)."""

    def __init__(self, passed=0, failed=0, pending=0):
        self.passed, self.failed, self.pending = passed, failed, pending

    def add(self, other):
        self.passed, self.failed, self.pending = (self.passed + other.passed, self.failed + other.failed, self.pending + other.pending)


def one_case(out, code):
    """The command is one case."""
    return Counts(code == 0, code != 0)


def counts_file(path):
    """The command writes 'NAME PASSED FAILED [PENDING]' lines to a file."""
    def count(out, code):
        rows = [line.split() for line in open(path)] if os.path.exists(path) else []
        return Counts(*(sum(int(r[i]) for r in rows if len(r) > i) for i in (1, 2, 3)))
    return count


def micro_guests(out, code):
    """run.py's last line."""
    m = re.search(r'^(\d+) passed, (\d+) failed, \d+ skipped, (\d+) not yet', out, re.M)
    return Counts(*map(int, m.groups())) if m else Counts()


class Job:
    """A command, how its cases are counted, and how long it may take.  A job that ends badly without a failed case is one failure."""

    def __init__(self, name, cmd, count=one_case, limit_s=1800, live=False):
        self.name, self.cmd, self.count, self.limit_s, self.live = name, cmd, count, limit_s, live

    def run(self):
        """Run it; returns its counts and the lines to print.  A live job's output goes straight to the terminal."""
        start = time.monotonic()
        pipe = None if self.live else subprocess.PIPE
        out = ''
        try:
            p = subprocess.run(self.cmd, stdin=subprocess.DEVNULL, stdout=pipe, stderr=None if self.live else subprocess.STDOUT,
                               text=True, errors='replace', timeout=self.limit_s)
            out, code = p.stdout or '', p.returncode
        except subprocess.TimeoutExpired as e:
            out, code = (e.stdout or b'').decode(errors='replace') if isinstance(e.stdout, (bytes, type(None))) else e.stdout, \
                f'no end after {self.limit_s} s'
        except OSError as e:
            code = e
        c = self.count(out, code)
        if (code != 0 or not c.passed) and not c.failed:
            c.failed = 1
        text = self.shown(out) if c.failed else ''
        text += f'{"FAIL" if c.failed else "ok"} {self.name}'
        if self.count is not one_case:
            text += f': {c.passed} passed, {c.failed} failed' + (f', {c.pending} not yet' if c.pending else '')
        text += f', {time.monotonic() - start:.1f} s'
        if code != 0:
            text += f' (exit {code}): {" ".join(self.cmd)}'
        return c, text

    @staticmethod
    def shown(out):
        """Of a failed job's output: the failed cases when they are named, else its end without what went well."""
        lines = out.splitlines()
        named = [line for line in lines if line.startswith('not ok') and 'TODO' not in line]
        return ''.join(f'    | {line}\n' for line in named or [line for line in lines if not line.startswith('  ok ')][-LAST_LINES:])


def counted(name, cmd, limit_s, live=False, options=''):
    path = f'{WORK}/counts-{name}'
    if os.path.exists(path):
        os.unlink(path)
    return Job(name, [*cmd, *(['--counts', path] if cmd[0] == PYTHON else [f'RUN_ARGS={options} --counts {path}'])], counts_file(path), limit_s, live)


def guests(mode, hv, name, extra=()):
    return Job(name, [PYTHON, 'tests/guests/run.py', '--no-build', '--hv', hv, '--mode', mode, '--rig', 'tests/system/rig', *extra],
               micro_guests)


def on_machines(step):
    return step.startswith(('system', 'guests')) or step == 'builds'


def to_build(steps, hv):
    """What the steps need, built before them with both processors."""
    machines = any(map(on_machines, steps))
    debug = ['DEBUG=y'] if 'debug' in hv else []
    if (machines or 'figures' in steps) and hv.startswith('build/x86_64'):
        yield Job('image', ['make', '-s', '-j2', 'image', *debug])
    if 'guests-debug' in steps:
        yield Job('image DEBUG=y', ['make', '-s', '-j2', 'image', 'DEBUG=y'])
    if 'builds' in steps:
        yield Job('image CONFIG_PV=n', ['make', '-s', '-j2', 'image', 'CONFIG_PV=n'])
        yield Job('image CONFIG_PVH=n', ['make', '-s', '-j2', 'image', 'CONFIG_PVH=n'])
    if machines:
        yield Job('micro guests', ['make', '-s', '-j2', '-f', 'tests/guests/guests.mk', 'guests'])
    if 'fuzz' in steps:
        yield Job('fuzz programs', ['make', '-s', '-j2', 'fuzz-programs'])
    if 'sim' in steps:
        yield Job('sim program', ['make', '-s', '-j2', 'build/host/sim', 'build/host/schedsim-checked/schedsim'])


def side_by_side(steps, hv):
    """The jobs that run two at a time, the long ones first."""
    if 'guests-xl' in steps:
        yield guests('pvh', hv, 'guests pvh')
        yield guests('pv', hv, 'guests pv')
    if 'fuzz' in steps:
        seconds = os.environ.get('FUZZ_SECONDS', '3')
        yield counted('fuzz', ['make', '-s', 'fuzz', f'FUZZ_SECONDS={seconds}'], 1800, options='--jobs 1')
    if 'figures' in steps:
        yield counted('figures', [PYTHON, 'bench/check.py', '--hv', hv], 600)
    if 'sim' in steps:
        yield Job('sim', ['make', '-s', 'sim', 'SEEDS=--seconds 20'])
        yield Job('scheduler', ['make', '-s', 'sched-check', 'SCHED=--seconds 15'])
    if 'guests' in steps:
        yield guests('dom0', hv, 'guests dom0')
        yield guests('pvh32', hv, 'guests pvh32', ['--direct'])
    if 'guests-cpu' in steps:
        # One pCPU: two vCPUs then share its registers. Debian's Xen has no answer to what this emulator makes of IRETQ under SMAP.
        cpu = RICH_CPU.replace(',+smap', '') if hv == 'xen' else RICH_CPU
        only = ['xsave/', 'features/', 'privop/', 'user/', 'traps/']
        yield guests('dom0', hv, 'guests dom0 rich CPU', ['--cpu', cpu, '--hv-args', 'maxcpus=1', '--only', *only])
        if hv != 'xen':  # SYSENTER is a double fault in Debian's Xen there
            yield guests('dom0', hv, 'guests dom0 Intel CPU', ['--cpu', f'{cpu},vendor=GenuineIntel', '--only', *only])
    if 'guests-debug' in steps:
        yield guests('dom0', 'build/x86_64-debug/zendo', 'guests dom0 DEBUG=y')
    if 'builds' in steps:
        yield Job('boot CONFIG_PV=n', [PYTHON, 'tests/system/boot_says.py', 'build/x86_64-nopv/zendo', 'this build has no PV guests'])


class Tally:
    def __init__(self):
        self.total, self.start = Counts(), time.monotonic()

    def take(self, result):
        counts, text = result
        self.total.add(counts)
        print(text, flush=True)

    def one_by_one(self, jobs):
        for job in jobs:
            self.take(job.run())

    def two_at_a_time(self, jobs):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for done in concurrent.futures.as_completed([pool.submit(job.run) for job in jobs]):
                self.take(done.result())


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--hv', default='build/x86_64/zendo')
    ap.add_argument('step', nargs='+', choices=STEPS)
    a = ap.parse_args()
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
    os.environ.pop('MAKEFLAGS', None)
    os.environ.pop('MAKELEVEL', None)
    os.makedirs(WORK, exist_ok=True)
    t = Tally()
    if 'lint' in a.step:
        t.one_by_one(Job('lint ' + name, cmd) for name, cmd in LINT)
    if any(on_machines(s) for s in a.step):
        t.one_by_one([Job('machine images', [PYTHON, 'tests/system/image.py'])])
    if 'unit' in a.step:
        t.one_by_one([counted('unit', ['make', '-s', '-j2', 'unit'], 1200)])
    t.one_by_one(to_build(a.step, a.hv))
    t.two_at_a_time(side_by_side(a.step, a.hv))
    for step in [s for s in a.step if s.startswith('system')]:
        marks = {'system': [], 'system-quick': ['-m', 'quick'], 'system-long': ['--extra']}[step]
        t.one_by_one([counted(step, [PYTHON, '-m', 'pytest', '-p', 'no:cacheprovider', '-q', '-rxX', '-n', WORKERS, '--durations=40', 'tests/system',
                                     '--hv', a.hv, *marks], 5400, live=True)])
    if t.total.pending:
        print(f'{t.total.pending} tests are known not to pass yet: tests/system/not-yet.txt, tests/guests/not-yet.txt')
    print(f'all steps took {time.monotonic() - t.start:.0f} s')
    print(f'{t.total.passed} passed, {t.total.failed} failed')
    return 1 if t.total.failed or not t.total.passed else 0


if __name__ == '__main__':
    sys.exit(main())
