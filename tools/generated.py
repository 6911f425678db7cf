# SPDX-License-Identifier: GPL-2.0-or-later
"""What the gen-*.py and their checks share: pages made from a table of the sources, which are written, or compared with what is there."""
import argparse
import os
import subprocess
import sys

TOOLS = os.path.dirname(os.path.abspath(__file__))


def read(path):
    with open(path, errors='replace') as f:
        return f.read()


def main(tool, doc, make):
    """Run the generator @tool, described by @doc. @make(root) returns what is wrong, {page: content} and the line that says all is well."""
    ap = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--check', action='store_true')
    ap.add_argument('--root', default=os.path.dirname(TOOLS))
    opts = ap.parse_args()
    errs, pages, well = make(opts.root)
    for name, content in pages.items():
        path = os.path.join(opts.root, name)
        if not opts.check:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w') as f:
                f.write(content)
        elif not os.path.exists(path) or read(path) != content:
            errs.append(f'{name} is not current: run tools/{tool}')
    print('\n'.join(errs) or well)
    return 1 if errs else 0


def check(tool, doc):
    """Run the generator @tool with --check and what follows on the command line; @doc describes the check."""
    if set(sys.argv[1:]) & {'-h', '--help'}:
        print(doc)
        return 0
    return subprocess.run([sys.executable, os.path.join(TOOLS, tool), '--check', *sys.argv[1:]]).returncode
