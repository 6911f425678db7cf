#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""hypercalls.py [--root DIR]: the SUBOP rows of abi/hypercalls.def are what the sources handle, with the numbers of libxen-dev's headers,
and docs/hypercalls.md is what tools/gen-hypercalls.py makes of them."""
import os
import subprocess
import sys

GENERATOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'gen-hypercalls.py')

if __name__ == '__main__':
    if set(sys.argv[1:]) & {'-h', '--help'}:
        print(__doc__)
        sys.exit(0)
    sys.exit(subprocess.run([sys.executable, GENERATOR, '--check', *sys.argv[1:]]).returncode)
