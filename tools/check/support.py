#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""support.py SUPPORT.md [--root DIR]: check the table of what is supported (the form is the Xen project's).

Each feature is a heading `### Name` (or ####) with indented lines `    Status: LABEL` or `    Status, KIND: LABEL`.  A feature with a
status of Supported needs an indented line `    Tests: PATH[::name] ...`; every path named must exist, every ::name must be in its file.
"""
import argparse
import os
import re
import sys

LABELS = {'Supported', 'Supported, with caveats', 'Tech Preview', 'Experimental', 'Not supported', 'Deprecated'}


def check(text, root):
    errs, feature, section, seen = [], None, None, set()
    features = []
    for i, line in enumerate(text.splitlines(), 1):
        m = re.match(r'^(#+)\s+(.*\S)\s*$', line)
        if m:
            section = m.group(2)
            feature = {'name': section, 'line': i, 'status': [], 'tests': []}
            features.append(feature)
            if len(m.group(1)) >= 3 and section in seen:
                errs.append(f'{i}: the feature "{section}" is there twice')
            seen.add(section)
            continue
        m = re.match(r'^    (Status(?:, [^:]+)?|Tests): *(.*\S)? *$', line)
        if not m:
            if re.match(r'^\s*Status\b.*:', line):
                errs.append(f'{i}: a Status line is indented by four spaces: {line.strip()}')
            continue
        if feature is None:
            errs.append(f'{i}: {m.group(1)} stands before any heading')
        elif m.group(1) == 'Tests':
            feature['tests'] += (m.group(2) or '').split()
        elif (m.group(2) or '') not in LABELS:
            errs.append(f'{i}: unknown label "{m.group(2)}" (one of: {"; ".join(sorted(LABELS))})')
        else:
            feature['status'].append(m.group(2))
    for f in features:
        if any(s.startswith('Supported') for s in f['status']) and not f['tests']:
            errs.append(f'{f["line"]}: "{f["name"]}" is Supported but names no tests')
        for t in f['tests']:
            path, _, name = t.partition('::')
            full = os.path.join(root, path)
            if not os.path.exists(full):
                errs.append(f'{f["line"]}: "{f["name"]}" names a test that is not there: {path}')
            elif name and not re.search(r'\b' + re.escape(name.split('[')[0]) + r'\b', open(full, errors='replace').read()):
                errs.append(f'{f["line"]}: "{f["name"]}": there is no {name} in {path}')
    if not any(f['status'] for f in features):
        errs.append('no Status line at all')
    return errs


if __name__ == '__main__':
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('file')
    ap.add_argument('--root', default='.')
    a = ap.parse_args()
    found = check(open(a.file).read(), a.root)
    print('\n'.join(f'{a.file}:{e}' for e in found) or 'support ok')
    sys.exit(bool(found))
