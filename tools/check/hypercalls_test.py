#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of hypercalls.py and tools/gen-hypercalls.py: a small tree that passes, and one change each that must not."""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = '''HYPERCALL(29, sched_op, BOTH, any, "yield and block")
SUBOP(sched_op, 0, SCHEDOP_yield, self, no)
SUBOP(sched_op, 1, SCHEDOP_block, self, no)
'''
SOURCE = 'switch (cmd) {\ncase SCHEDOP_yield:\ncase SCHEDOP_block:\n}\n'


class Check(unittest.TestCase):
    def run_on(self, table=TABLE, source=SOURCE, page_of=None):
        """(status, output) of the check on a tree whose page is made from the table @page_of."""
        with tempfile.TemporaryDirectory() as root:
            for folder in ('abi', 'docs', 'hypervisor'):
                os.mkdir(os.path.join(root, folder))
            self.write(root, 'hypervisor/x.c', source)
            self.write(root, 'abi/hypercalls.def', table if page_of is None else page_of)
            self.call('../gen-hypercalls.py', root)
            self.write(root, 'abi/hypercalls.def', table)
            return self.call('hypercalls.py', root)

    @staticmethod
    def write(root, path, text):
        with open(os.path.join(root, path), 'w') as f:
            f.write(text)

    @staticmethod
    def call(tool, root):
        p = subprocess.run([sys.executable, os.path.join(HERE, tool), '--root', root], capture_output=True, text=True)
        return p.returncode, p.stdout

    def fails(self, text, **tree):
        status, out = self.run_on(**tree)
        self.assertEqual(status, 1, out)
        self.assertIn(text, out)

    def test_passes(self):
        self.assertEqual(self.run_on(), (0, 'hypercalls ok\n'))

    def test_row_missing(self):
        self.fails('SCHEDOP_poll: the code handles it', source=SOURCE + 'case SCHEDOP_poll:\n')

    def test_row_without_code(self):
        self.fails('SUBOP SCHEDOP_block: no code', source='case SCHEDOP_yield:\n')

    def test_wrong_number(self):
        self.fails('SUBOP SCHEDOP_block: 7 here', table=TABLE.replace('1, SCHEDOP', '7, SCHEDOP'))

    def test_unknown_right(self):
        self.fails('who is one of', table=TABLE.replace('block, self', 'block, nobody'))

    def test_wrong_call(self):
        self.fails('there is no HYPERCALL vcpu_op', table=TABLE.replace('SUBOP(sched_op, 1', 'SUBOP(vcpu_op, 1'))

    def test_page_is_old(self):
        self.fails('is not current', page_of=TABLE.replace('block, self', 'block, any'))


if __name__ == '__main__':
    unittest.main()
