#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run-unit.py [--jobs N] [--counts FILE] PROGRAM...: run cmocka programs, a line each; show what a failing one printed.

Ends with 'unit: N passed, N failed' (test cases, not programs).  A program that dies or finishes without cmocka's totals counts as
one failed case more.  --counts adds 'unit PASSED FAILED' to FILE for the total of `make test`.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import time

LIMIT_S = 300


def run(program):
    """(program, passed, failed, seconds, output, why it failed or '') of one program."""
    start = time.monotonic()
    env = dict(os.environ, ASAN_OPTIONS='abort_on_error=0:detect_leaks=1:' + os.environ.get('ASAN_OPTIONS', ''),
               UBSAN_OPTIONS='print_stacktrace=1', CMOCKA_MESSAGE_OUTPUT='STDOUT')
    try:
        p = subprocess.run([program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           env=env, timeout=LIMIT_S)
        out, code = p.stdout.decode(errors='replace'), p.returncode
    except subprocess.TimeoutExpired as e:
        out, code = (e.stdout or b'').decode(errors='replace'), f'stopped after {LIMIT_S} s'
    except OSError as e:
        out, code = '', str(e)
    passed = sum(map(int, re.findall(r'\[  PASSED  \] (\d+) test', out)))
    failed = sum(map(int, re.findall(r'\[  FAILED  \] [^\n]*?(\d+) test\(s\)', out)))
    why = ''
    if code != 0 and failed == 0:
        why = f'exit {code}' if isinstance(code, int) else code
    elif passed + failed == 0:
        why = 'it ran no test case'
    elif failed:
        why = f'{failed} failed'
    return program, passed, failed + (1 if why and not failed else 0), time.monotonic() - start, out, why


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--jobs', type=int, default=2)
    ap.add_argument('--counts')
    ap.add_argument('program', nargs='*')
    a = ap.parse_args()
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for program, p, f, seconds, out, why in pool.map(run, a.program):
            passed, failed = passed + p, failed + f
            print(f'  {"FAIL" if why else "ok  "} {program} {p} passed{" (" + why + ")" if why else ""} {seconds:.1f} s', flush=True)
            if why:
                print('    | ' + out.rstrip().replace('\n', '\n    | '), flush=True)
    print(f'unit: {passed} passed, {failed} failed')
    if a.counts:
        with open(a.counts, 'a') as f:
            f.write(f'unit {passed} {failed}\n')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
