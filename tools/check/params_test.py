#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of params.py and tools/gen-params.py: a small tree that passes, and one change each that must not."""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS = '''PARAM("alpha", BOOL(opt_alpha), BOOT, "<boolean>", "off", "on", "2",
      "the first")
PARAM("beta", SHOWN(beta), RUNTIME, "a|b", "a", "a b", "c",
      "the second")
'''
CMDLINE = '''} without_effect[] = {
    {"gamma", "there is none"},
    {"delta", NULL},
};
'''
DEF, SOURCE = 'hypervisor/core/param/params.def', 'hypervisor/core/param/param_cmdline.c'


class Check(unittest.TestCase):
    def run_on(self, rows=ROWS, pages_of=None):
        """(status, output, page) of the check on a tree whose pages are made from the rows @pages_of."""
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, 'hypervisor/core/param'))
            self.write(root, SOURCE, CMDLINE)
            self.write(root, DEF, rows if pages_of is None else pages_of)
            self.call('../gen-params.py', root)
            self.write(root, DEF, rows)
            with open(os.path.join(root, 'docs/boot-options.md')) as f:
                return *self.call('params.py', root), f.read()

    @staticmethod
    def write(root, path, text):
        with open(os.path.join(root, path), 'w') as f:
            f.write(text)

    @staticmethod
    def call(tool, root):
        p = subprocess.run([sys.executable, os.path.join(HERE, tool), '--root', root], capture_output=True, text=True)
        return p.returncode, p.stdout

    def fails(self, text, *args, **kwargs):
        status, out, _ = self.run_on(*args, **kwargs)
        self.assertEqual(status, 1, out)
        self.assertIn(text, out)

    def test_passes(self):
        status, out, page = self.run_on()
        self.assertEqual((status, out), (0, 'parameters ok: 2, 1 at run time\n'))
        self.assertIn('| `beta` | `a\\|b` | a | yes | the second |', page)
        self.assertIn('| `gamma` | there is none |', page)
        self.assertIn('`delta`, which', page)

    def test_pages_old(self):
        self.fails('docs/boot-options.md is not current', pages_of=ROWS.replace('the first', 'the last'))
        self.fails('docs/man/zendo-params.7 is not current', pages_of=ROWS.replace('the first', 'the last'))

    def test_order(self):
        self.fails('alphabetical', ROWS.replace('alpha', 'zeta'))

    def test_twice(self):
        self.fails('alphabetical', ROWS.replace('beta', 'alpha'))

    def test_hidden_at_run_time(self):
        self.fails('beta: BOOT, or RUNTIME', ROWS.replace('SHOWN', 'OWN'))

    def test_no_example(self):
        self.fails('alpha: values, one good value', ROWS.replace('"on"', '""'))

    def test_malformed(self):
        self.fails('has not the form', ROWS.replace('BOOT, ', ''))


if __name__ == '__main__':
    unittest.main()
