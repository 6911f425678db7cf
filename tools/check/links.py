#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""links.py [--root DIR]: every path that docs/*.md, README.md, CONTRIBUTING.md or SUPPORT.md names exists.

A path is a link target [text](path), or a word in `backquotes` that starts with a folder or is a file of the tree's root.  Words with
<, *, {, $ or an ellipsis are patterns, not paths; build/ is what a build makes; `<base/x.h>` is resolved as the compiler does.
"""
import argparse
import glob
import os
import re
import sys

TOPS = ('abi/', 'lib/', 'hypervisor/', 'tests/', 'tools/', 'docs/', 'bench/', '.ci/', 'toolstack/', 'firmware/')


def named(text):
    """[(line, path)] of the paths that a document names."""
    out, fenced = [], False
    for i, line in enumerate(text.splitlines(), 1):
        if line.startswith('```'):
            fenced = not fenced
        if fenced:
            continue
        for t in re.findall(r'\]\(([^)#\s]+)[^)]*\)', line):
            if not re.match(r'[a-z]+:', t):
                out.append((i, t, True))
        for t in re.findall(r'`([^`]+)`', line):
            for w in t.split():
                w = w.strip('.,:;()')
                if re.search(r'[<*{}$\[\]|%]|\.\.\.', w):
                    continue
                w = re.sub(r'(::.*|:\d+)$', '', w)
                if w.startswith(TOPS):
                    out.append((i, w, False))
    return out


def check(root):
    errs = []
    docs = sorted(glob.glob(os.path.join(root, 'docs', '**', '*.md'), recursive=True))
    for doc in docs + [os.path.join(root, n) for n in ('README.md', 'CONTRIBUTING.md', 'SUPPORT.md')]:
        if not os.path.exists(doc):
            errs.append(f'{os.path.relpath(doc, root)} is not there')
            continue
        with open(doc) as f:
            text = f.read()
        for i, path, link in named(text):
            places = [os.path.join(os.path.dirname(doc), path)] if link else [os.path.join(root, path)]
            if not any(os.path.exists(p) for p in places):
                errs.append(f'{os.path.relpath(doc, root)}:{i}: {path} is not there')
    return errs


if __name__ == '__main__':
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--root', default='.')
    found = check(ap.parse_args().root)
    print('\n'.join(found) or 'links ok')
    sys.exit(bool(found))
