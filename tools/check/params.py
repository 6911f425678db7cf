#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""params.py [--root DIR]: the rows of params.def are well formed, and the pages are what tools/gen-params.py makes of them."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import generated  # noqa: E402

if __name__ == '__main__':
    sys.exit(generated.check('gen-params.py', __doc__))
