#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""params.py [--root DIR]: the rows of params.def are well formed, and the pages are what tools/gen-params.py makes of them."""
import os
import subprocess
import sys

GENERATOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'gen-params.py')

if __name__ == '__main__':
    if set(sys.argv[1:]) & {'-h', '--help'}:
        print(__doc__)
        sys.exit(0)
    sys.exit(subprocess.run([sys.executable, GENERATOR, '--check', *sys.argv[1:]]).returncode)
