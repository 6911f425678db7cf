#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""size.py [--root DIR] [--json]: lines of code (neither blank nor only comment) of .c, .h and .S by folder, next to Xen 4.10's.

Xen's figures were counted the same way over its 4.10.0 sources: files / lines of the x86 build set and of the parts that match a folder
of ours.  The set is an upper bound: files that a configuration leaves out are in it.
"""
import argparse
import json
import os
import sys

XEN_4_10 = {'x86 build set': 237068, 'arch/x86': 123232, 'common': 45769, 'drivers': 35635, 'include': 24621, 'xsm': 9303,
            'x86 pv': 8496, 'x86 hvm': 28164, 'x86 hvm/svm': 3978, 'x86 mm (p2m, hap, shadow)': 15773, 'x86 emulator': 7442,
            'x86 cpu': 8908, 'drv acpi': 3655, 'drv passthrough': 15194, 'drv char': 4837}


def code_lines(path):
    """Lines of a C or assembly file that hold more than space and comment."""
    count, inside = 0, False
    with open(path, errors='replace') as f:
        for line in f:
            code, i = False, 0
            while i < len(line):
                if inside:
                    end = line.find('*/', i)
                    if end < 0:
                        break
                    inside, i = False, end + 2
                elif line.startswith('/*', i):
                    inside, i = True, i + 2
                elif line.startswith('//', i):
                    break
                elif line[i] in '"\'':
                    code, quote, i = True, line[i], i + 1
                    while i < len(line) and line[i] != quote:
                        i += 2 if line[i] == '\\' else 1
                    i += 1
                else:
                    code = code or not line[i].isspace()
                    i += 1
            count += code
    return count


def folder_of(path):
    """Two levels of hypervisor/ (three below hw/, model/ and guest/), one elsewhere."""
    parts = path.split('/')[:-1]
    if parts[0] != 'hypervisor':
        return '/'.join(parts[:2]) if parts[0] == 'tests' else parts[0]
    return '/'.join(parts[:4 if len(parts) > 2 and parts[2] == 'x86' else 3])


def measure(root):
    out = {}
    for tree in ('abi', 'lib', 'hypervisor', 'tests', 'bench'):
        for path, _, files in os.walk(os.path.join(root, tree)):
            for name in files:
                if name.endswith(('.c', '.h', '.S')):
                    rel = os.path.relpath(os.path.join(path, name), root)
                    n, lines = out.get(folder_of(rel), (0, 0))
                    out[folder_of(rel)] = (n + 1, lines + code_lines(os.path.join(root, rel)))
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--root', default='.')
    ap.add_argument('--json', action='store_true')
    a = ap.parse_args()
    rows = measure(a.root)

    def total(*prefixes, but=()):
        return sum(n for f, (_, n) in rows.items()
                   if any(f == p or f.startswith(p + '/') for p in prefixes) and not any(f == b or f.startswith(b + '/') for b in but))

    image = total('abi', 'lib', 'hypervisor', but=('hypervisor/host',))
    shell = total('hypervisor/hw', 'hypervisor/init')
    if a.json:
        print(json.dumps({'folders': {f: {'files': c, 'lines': n} for f, (c, n) in sorted(rows.items())}, 'image': image,
                          'hw_and_init': shell, 'xen_4_10': XEN_4_10}))
        return 0
    print('Lines of code (no blank, no comment)')
    for f, (c, n) in sorted(rows.items()):
        print(f'  {f:34} {c:4} files {n:7} lines')
    print(f'  {"in the image (without host, tests)":34} {"":10} {image:7} lines')
    print(f'  {"hw and init":34} {"":10} {shell:7} lines, {100 * shell / max(image, 1):.0f} % of it')
    print('Xen 4.10.0, counted the same way')
    for f, n in XEN_4_10.items():
        print(f'  {f:34} {"":10} {n:7} lines')
    print(f'Zendo is {image / XEN_4_10["x86 build set"] * 100:.1f} % of the x86 build set.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
