#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""layers_test.py: plant violations in a small tree and see that layers.py names each one, and nothing in the clean tree."""
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import layers  # noqa: E402

CLEAN = {
    'abi/LAYER': 'uses:\n',
    'abi/xen.h': '#include <xen/xen.h>\n',
    'lib/LAYER': 'uses: abi\n',
    'lib/list.h': '#include <stddef.h>\n#include <abi/xen.h>\n',
    'lib/unxz.c': '#include <lzma.h>\nint lzma_code(void);\nint unxz(void) { return lzma_code(); }\n',
    'hypervisor/base/LAYER': 'uses: lib\n',
    'hypervisor/base/types.h': '#include <stdint.h>\n#include <lib/list.h>\nvoid hv_send_ipi(int cpu);\n',
    'hypervisor/host/LAYER': 'uses: hypervisor/base\nhosted: yes\n',
    'hypervisor/host/port/port/cpu.h': '#include <pthread.h>\n#include <base/types.h>\n',
    'hypervisor/core/LAYER': 'uses: hypervisor/base\n',
    'hypervisor/core/evtchn.c': '#include <base/types.h>\n#include <port/cpu.h>\nvoid evtchn_send(void) { hv_send_ipi(1); }\n',
    'hypervisor/core/evtchn.h': 'void evtchn_send(void);\n',
    'hypervisor/hw/LAYER': 'uses: hypervisor/base hypervisor/core\n',
    'hypervisor/hw/ipi.c': '#include <base/types.h>\n#include <core/evtchn.h>\nvoid hv_send_ipi(int c) { (void)c; evtchn_send(); }\n'
                           'void hw_poke(void) {}\n',
}


class LayersTest(unittest.TestCase):
    def run_with(self, changes, objects=False):
        with tempfile.TemporaryDirectory() as root:
            for path, text in {**CLEAN, **changes}.items():
                os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(root, path), 'w') as f:
                    f.write(text)
            if not objects:
                return layers.check(root)
            for path in {**CLEAN, **changes}:
                if path.endswith('.c') and '/host/' not in path:
                    src = os.path.join(root, path)
                    obj = os.path.join(root, 'obj', path[:-2] + '.o')
                    os.makedirs(os.path.dirname(obj), exist_ok=True)
                    with open(src) as f:
                        code = ''.join(line for line in f if '#include' not in line)
                    subprocess.run(['gcc', '-w', '-xc', '-ffreestanding', '-c', '-', '-o', obj],
                                   input='void hv_send_ipi(int); void evtchn_send(void);' + code, text=True, check=True)
            return layers.check(root, os.path.join(root, 'obj'))

    def finds(self, changes, *parts, objects=False):
        errs = self.run_with(changes, objects)
        self.assertEqual(len(errs), 1, errs)
        for p in parts:
            self.assertIn(p, errs[0])

    def test_clean(self):
        self.assertEqual(self.run_with({}), [])

    def test_clean_objects(self):
        self.assertEqual(self.run_with({}, objects=True), [])

    def test_upward_include(self):
        self.finds({'hypervisor/core/bad.c': '#include <hw/x.h>\n', 'hypervisor/hw/x.h': ''}, 'core may not use hypervisor/hw')

    def test_include_of_undeclared_lower_layer(self):
        self.finds({'hypervisor/core/bad.c': '#include <lib/list.h>\n'}, 'may not use lib')

    def test_libxen_header_outside_abi(self):
        self.finds({'hypervisor/core/bad.c': '#include <xen/xen.h>\n'}, 'only abi/')

    def test_compression_header_outside_lib(self):
        self.finds({'hypervisor/core/bad.c': '#include <lzma.h>\n'}, 'only lib/')

    def test_libc_header(self):
        self.finds({'hypervisor/core/bad.c': '#include <stdio.h>\n'}, 'neither ours nor freestanding')

    def test_quoted_include(self):
        self.finds({'hypervisor/core/bad.c': '#include "evtchn.h"\n'}, 'angle brackets')

    def test_cycle(self):
        errs = self.run_with({'lib/LAYER': 'uses: abi hypervisor/base\n', 'lib/list.h': '#include <abi/xen.h>\n#include <base/types.h>\n'})
        self.assertTrue(any('cycle' in e for e in errs), errs)

    def test_unused(self):
        self.finds({'hypervisor/core/LAYER': 'uses: hypervisor/base abi\n'}, 'abi is declared but not used')

    def test_unknown_folder(self):
        errs = self.run_with({'hypervisor/core/LAYER': 'uses: hypervisor/base hypervisor/nothing\n'})
        self.assertTrue(any('no LAYER in hypervisor/nothing' in e for e in errs), errs)

    def test_a_name_covers_the_folders_below(self):
        new = {'hypervisor/core/evtchn/LAYER': 'uses:\n', 'hypervisor/core/evtchn/e.h': '', 'hypervisor/core/sched/LAYER': 'uses:\n',
               'hypervisor/guest/LAYER': 'uses: hypervisor/sub\n', 'hypervisor/sub/a/LAYER': 'uses:\n', 'hypervisor/sub/a/a.h': '',
               'hypervisor/guest/g.c': '#include <sub/a/a.h>\n'}
        self.assertEqual(self.run_with(new), [])

    def test_no_layer_file(self):
        self.finds({'hypervisor/new/a.c': ''}, 'no LAYER file')

    def test_build_kind_in_core(self):
        self.finds({'hypervisor/core/bad.c': '#ifdef ZENDO_HOST\n#endif\n'}, 'no #if on a build')

    def test_assembly_in_core(self):
        self.finds({'hypervisor/core/bad.c': 'void f(void) { __asm__ volatile("hlt"); }\n'}, 'no assembly')

    def test_hand_written_extern(self):
        self.finds({'hypervisor/core/bad.c': 'extern void hw_poke(void);\nvoid f(void) { hw_poke(); }\n'}, 'hw_poke of hypervisor/hw',
                   objects=True)

    def test_contract_upwards(self):
        self.assertEqual(self.run_with({'hypervisor/core/arch.h': 'void hw_poke(void);\n',
                                        'hypervisor/core/b.c': '#include <core/arch.h>\nvoid f(void) { void hw_poke(void); hw_poke(); }\n'},
                                       objects=True), [])

    def test_contract_named_in_the_layer_file(self):
        new = {'hypervisor/core/kinds.h': 'void hw_poke(void);\n',
               'hypervisor/core/b.c': '#include <core/kinds.h>\nvoid f(void) { void hw_poke(void); hw_poke(); }\n'}
        self.finds(new, 'hw_poke', objects=True)
        new['hypervisor/core/LAYER'] = 'uses: hypervisor/base\ncontract: kinds.h\n'
        self.assertEqual(self.run_with(new, objects=True), [])

    def test_symbol_of_nobody(self):
        self.finds({'hypervisor/core/bad.c': 'extern int printf();\nvoid f(void) { printf(); }\n'}, 'printf of nobody', objects=True)


if __name__ == '__main__':
    unittest.main(verbosity=0)
