#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gen-counters.py [--check] [--root DIR]: write the table of counters in docs/statistics.md from hypervisor/base/counters.def.

--check writes nothing and fails when the page is not what would be written, a name is too long for xenperf's column, or nobody counts."""
import os
import re
import subprocess
import sys

from generated import main, read

DEF, PAGE = 'hypervisor/base/counters.def', 'docs/statistics.md'
MARK = '<!-- made by tools/gen-counters.py from hypervisor/base/counters.def -->\n'
NAME_MAX = 34
ROW = re.compile(r'^COUNTER(?:_RANGE)?\((\w+), (?:(\d+), )?"([^"]*)", "([^"]*)"\)$', re.M)


def table(found):
    lines = ['| name | what |\n', '|---|---|\n']
    for _, count, name, text in found:
        lines.append(f"| {name}{f' [{count}]' if count else ''} | {text or 'as the name says'} |\n")
    return ''.join(lines)


def counted(root):
    """The identifiers that the sources count."""
    text = subprocess.run(['grep', '-rhoE', r'count(_in)?\(COUNTER_\w+', os.path.join(root, 'hypervisor')], capture_output=True, text=True).stdout
    return set(re.findall(r'COUNTER_(\w+)', text))


def make(root):
    found, old, used = ROW.findall(read(os.path.join(root, DEF))), read(os.path.join(root, PAGE)), counted(root)
    new = old[:old.index(MARK) + len(MARK)] + table(found)
    errs = [f'{DEF}: the name of {i} is longer than {NAME_MAX}' for i, _, name, _ in found if len(name) > NAME_MAX]
    errs += [f'{DEF}: nobody counts {i}' for i, *_ in found if i not in used and not i.startswith('exit_')]
    return errs, {PAGE: new}, f'{len(found)} counters ok'


if __name__ == '__main__':
    sys.exit(main('gen-counters.py', __doc__, make))
