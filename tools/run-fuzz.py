#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run-fuzz.py [--seconds N] [--jobs N] [--keep] [--counts FILE] PROGRAM...: run each libFuzzer program for N seconds.

The corpus of build/host/fuzz/NAME_fuzz is tests/fuzz/corpus/NAME (read only, unless --keep adds the new inputs to it).  What makes
it fail is left in build/fuzz/NAME/.  --seconds 0 only replays the corpus.  Ends with 'fuzz: N passed, N failed' (programs).
"""
import argparse
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import time


def run(program, seconds, keep):
    name = re.sub(r'_fuzz$', '', os.path.basename(program))
    corpus, work = f'tests/fuzz/corpus/{name}', f'build/fuzz/{name}'
    os.makedirs(f'{work}/new', exist_ok=True)
    have = os.path.isdir(corpus)
    limit = [f'-max_total_time={seconds}'] if seconds else ['-runs=0']
    dirs = [corpus] if keep and have else [f'{work}/new'] + ([corpus] if have else [])
    cmd = [program, *limit, '-timeout=20', '-rss_limit_mb=2048', '-print_final_stats=1', f'-artifact_prefix={work}/', *dirs]
    start = time.monotonic()
    try:
        p = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=seconds + 180, env=dict(os.environ, UBSAN_OPTIONS='print_stacktrace=1'))
        out, code = p.stdout.decode(errors='replace'), p.returncode
    except subprocess.TimeoutExpired as e:
        out, code = (e.stdout or b'').decode(errors='replace'), 'did not stop in time'
    execs = re.search(r'stat::number_of_executed_units: (\d+)', out)
    cov = re.findall(r'cov: (\d+)', out)
    return (name, code, int(execs.group(1)) if execs else 0, cov[-1] if cov else '?',
            len(glob.glob(f'{corpus}/*')), time.monotonic() - start, out)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--seconds', type=int, default=10)
    ap.add_argument('--jobs', type=int, default=2)
    ap.add_argument('--keep', action='store_true')
    ap.add_argument('--counts')
    ap.add_argument('program', nargs='*')
    a = ap.parse_args()
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for name, code, execs, cov, seeds, took, out in pool.map(lambda p: run(p, a.seconds, a.keep), a.program):
            good = code == 0
            passed, failed = passed + good, failed + (not good)
            print(f'  {"ok  " if good else "FAIL"} {name}: {execs} inputs, {cov} edges, corpus {seeds}, {took:.0f} s', flush=True)
            if not good:
                print(f'    | exit {code}; the input is in build/fuzz/{name}/\n    | '
                      + '\n    | '.join(out.rstrip().splitlines()[-60:]), flush=True)
    print(f'fuzz: {passed} passed, {failed} failed')
    if a.counts:
        with open(a.counts, 'a') as f:
            f.write(f'fuzz {passed} {failed}\n')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
