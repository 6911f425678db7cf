#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""hypercalls.py [--root DIR]: the SUBOP rows of abi/hypercalls.def are what the sources handle, with the numbers of libxen-dev's headers,
and docs/hypercalls.md is what tools/gen-hypercalls.py makes of them."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import generated  # noqa: E402

if __name__ == '__main__':
    sys.exit(generated.check('gen-hypercalls.py', __doc__))
