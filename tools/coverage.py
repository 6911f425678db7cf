#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""coverage.py --all OBJECT [--files] PROGRAM...: run unit test programs built for coverage and print how many lines of each folder they reach.

OBJECT is linked from all sources, so that a file which no program links counts with none of its lines. --files lists every file, worst first.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile

LLVM = '-14'
LIMIT_S = 600


def run(program, out):
    """Run one program, its profile into the folder @out; False when it failed."""
    env = dict(os.environ, LLVM_PROFILE_FILE=os.path.join(out, program.replace('/', '_') + '.profraw'))
    try:
        return subprocess.run([program], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=LIMIT_S).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def summary(programs, everything, out):
    """{source file: (lines, lines reached)} of the tree's own files."""
    merged = os.path.join(out, 'all.profdata')
    raw = [os.path.join(out, f) for f in os.listdir(out) if f.endswith('.profraw')]
    subprocess.run(['llvm-profdata' + LLVM, 'merge', '-sparse', '-o', merged, *raw], check=True)
    objects = [a for p in [*programs[1:], everything] for a in ('-object', p)]
    text = subprocess.run(['llvm-cov' + LLVM, 'export', '-summary-only', '-instr-profile', merged, programs[0], *objects],
                          check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    files = {}
    for f in json.loads(text)['data'][0]['files']:
        name = os.path.relpath(f['filename'])
        if name.startswith(('lib/', 'hypervisor/')) and not name.startswith('hypervisor/host/') and name.endswith('.c'):
            files[name] = (f['summary']['lines']['count'], f['summary']['lines']['covered'])
    return files


def show(rows):
    for name, lines, reached in rows:
        print(f'{100 * reached / lines if lines else 100:5.1f} %  {reached:6d} of {lines:6d}  {name}')


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--all', required=True)
    ap.add_argument('--files', action='store_true')
    ap.add_argument('program', nargs='+')
    a = ap.parse_args()
    with tempfile.TemporaryDirectory() as out:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            ended = list(pool.map(lambda p: run(p, out), a.program))
        files = summary(a.program, a.all, out)
    for program, good in zip(a.program, ended):
        if not good:
            print(f'coverage.py: {program} failed; what it reached is missing or partial', file=sys.stderr)
    folders = collections.defaultdict(lambda: [0, 0])
    for name, (lines, reached) in files.items():
        for key in (os.path.dirname(name), 'all'):
            folders[key][0] += lines
            folders[key][1] += reached
    if a.files:
        show(sorted(((n, *v) for n, v in files.items()), key=lambda r: r[2] / max(r[1], 1)))
    show([(n, *v) for n, v in sorted(folders.items(), key=lambda x: (x[0] == 'all', x[0]))])
    return 0 if all(ended) else 1


if __name__ == '__main__':
    sys.exit(main())
