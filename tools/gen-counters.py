#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gen-counters.py [--check] [--root DIR]: write the table of counters in docs/statistics.md from hypervisor/base/counters.def.

--check writes nothing and fails when the page is not what would be written, a name is too long for xenperf's column, or nobody counts."""
import argparse
import os
import re
import subprocess
import sys

DEF, PAGE = 'hypervisor/base/counters.def', 'docs/statistics.md'
MARK = '<!-- made by tools/gen-counters.py from hypervisor/base/counters.def -->\n'
NAME_MAX = 34
ROW = re.compile(r'^COUNTER(?:_RANGE)?\((\w+), (?:(\d+), )?"([^"]*)", "([^"]*)"\)$', re.M)


def rows(root):
    with open(os.path.join(root, DEF)) as f:
        return ROW.findall(f.read())


def table(found):
    lines = ['| name | what |\n', '|---|---|\n']
    for _, count, name, text in found:
        lines.append(f"| {name}{f' [{count}]' if count else ''} | {text or 'as the name says'} |\n")
    return ''.join(lines)


def counted(root):
    """The identifiers that the sources count."""
    text = subprocess.run(['grep', '-rhoE', r'count(_in)?\(COUNTER_\w+', os.path.join(root, 'hypervisor')], capture_output=True, text=True).stdout
    return set(re.findall(r'COUNTER_(\w+)', text))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--check', action='store_true')
    ap.add_argument('--root', default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    opts = ap.parse_args()
    found = rows(opts.root)
    path = os.path.join(opts.root, PAGE)
    with open(path) as f:
        old = f.read()
    new = old[:old.index(MARK) + len(MARK)] + table(found)
    bad = [f'{DEF}: the name of {i} is longer than {NAME_MAX}' for i, _, name, _ in found if len(name) > NAME_MAX]
    used = counted(opts.root)
    bad += [f'{DEF}: nobody counts {i}' for i, *_ in found if i not in used and not i.startswith('exit_')]
    if opts.check and old != new:
        bad.append(f'{PAGE} is not what tools/gen-counters.py writes')
    for line in bad:
        print(line)
    if not opts.check and not bad and old != new:
        with open(path, 'w') as f:
            f.write(new)
    if not bad:
        print(f'{len(found)} counters ok')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
