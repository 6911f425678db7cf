# SPDX-License-Identifier: GPL-2.0-or-later
"""What guests see of the processor: on a CPU model with much that must be virtualised, and on the usual one, where kernels must find no MSR amiss."""
import os
import re
import subprocess

import pytest

import image
from machine import Machine
from test_guest import await_line, create

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..'))
ELFS = os.path.join(ROOT, 'build/guests')
RICH = 'qemu64,+svm,+npt,+rdrand,+xsave,+xsaveopt,+avx,+pku,+rdtscp,+fsgsbase,+smep,+umip,+pdpe1gb'  # PKU: a component of XSAVE above ones that there are not
FEATURES = {'xsave', 'xsaveopt', 'avx', 'rdtscp', 'fsgsbase'}
OWN_PAGING = {'smep', 'smap', 'umip', 'pdpe1gb'}  # of a guest with page tables of its own
UNCHECKED = 'dmesg | grep "unchecked MSR" || true'
MICRO = ['common/xsave', 'common/features', 'pvh/cpu']
pytestmark = [pytest.mark.xl]


@pytest.fixture(scope='module')
def rich(hv):
    """A machine with a rich CPU and the tools running. SMAP makes a PV dom0 of Debian's Xen die under this emulator: not there."""
    subprocess.run(['make', '-s', '-f', 'tests/guests/guests.mk', 'guests'], cwd=ROOT, check=True)
    files = image.guest_kernels()
    for name in MICRO:
        with open(f'{ELFS}/{name}.elf', 'rb') as f:
            files[f'micro/{os.path.basename(name)}'] = f.read()
    with Machine(hv, 'rich-cpu', cpu=RICH + ('' if hv == 'xen' else ',+smap'), files=files) as m:
        m.boot()
        m.start_tools()
        yield m


def flags(text):
    return set(re.search(r'^flags\s*:(.*)$', text, re.M).group(1).split())


def test_dom0_of_a_rich_cpu(rich):
    seen = flags(rich.ok('grep -m1 flags /proc/cpuinfo'))
    assert FEATURES <= seen
    assert not seen & {'svm', 'smap', 'smep', 'pku'}  # a PV guest has no use for them, or no right to
    assert rich.ok(UNCHECKED) == ''


@pytest.mark.zendo
def test_hypervisor_uses_smep_and_smap(rich):
    """A PV guest runs with the hypervisor's CR4."""
    cr4 = int(re.search(r'CR4=(\w+)', rich.qmp('human-monitor-command', **{'command-line': 'info registers'})).group(1), 16)
    assert cr4 & 1 << 20 and cr4 & 1 << 21


def test_guest_of_a_rich_cpu(rich, kind):
    name = 'rich-' + kind
    create(rich, name, kind, 128, 2, 'job=stay')
    await_line(rich, name, 'GUEST READY', 90)
    seen = flags(rich.ok(f'in_guest {name} "grep -m1 flags /proc/cpuinfo"'))
    assert FEATURES <= seen
    if kind == 'pvh':
        assert (OWN_PAGING if '+smap' in rich.cpu else OWN_PAGING - {'smap'}) <= seen
    assert rich.ok(f"in_guest {name} '{UNCHECKED}'") == ''
    rich.ok(f'xl destroy {name}; gone {name} 20', 40)


@pytest.mark.parametrize('micro', ['xsave', 'features'])
def test_micro_guest_of_a_rich_cpu(rich, kind, micro):
    """The micro guests' tests of the CPU as a domU; their names and results are on its console."""
    name = f'{micro}-{kind}'
    rich.ok(f'''printf '%s\\n' 'name="{name}"' 'type="{kind}"' memory=48 vcpus=2 'kernel="/micro/{micro}"' 'on_poweroff="destroy"' > /tmp/{name}.cfg
xl create -q /tmp/{name}.cfg''', 60)
    await_line(rich, name, '^# end')
    out = rich.ok(f'glog {name}; xl destroy {name} 2>/dev/null; gone {name} 20', 40)
    results = re.findall(r'^(not ok|ok) (.*)$', out, re.M)
    assert results and not [r for r in results if r[0] == 'not ok'], out
    assert len([r for r in results if 'SKIP' not in r[1]]) >= 2, out


@pytest.mark.parametrize('mode, emulated', [('native', 0), ('always_emulate', 1)])
def test_tsc_mode(rich, kind, mode, emulated):
    """RDTSC and the shared time agree, with the counter as the configuration asks for it."""
    name = f'tsc-{mode}-{kind}'
    rich.ok(f'''printf '%s\\n' 'name="{name}"' 'type="{kind}"' memory=48 vcpus=2 'kernel="/micro/features"' 'tsc_mode="{mode}"' > /tmp/{name}.cfg
xl create -q /tmp/{name}.cfg''', 60)
    await_line(rich, name, '^# end')
    out = rich.ok(f'glog {name}; xl destroy {name} 2>/dev/null; gone {name} 20', 40)
    assert f'tsc emulated={emulated} mode={2 - emulated} ' in out, out
    assert re.search('^ok tsc_agrees', out, re.M) and 'not ok' not in out, out


# --- on the usual CPU ---------------------------------------------------------------------------------------------------------

@pytest.mark.quick
def test_no_unchecked_msr_in_dom0(bare):
    assert bare.ok(UNCHECKED) == ''


def test_no_unchecked_msr_in_guest(dom0, guest):
    assert dom0.ok(f"in_guest {guest} '{UNCHECKED}'") == ''


# --- Debian's tools that show vCPUs and CPUs -----------------------------------------------------------------------------------

BIN = '/usr/lib/xen-4.17/bin'


def test_xenctx(dom0, guest):
    """Registers of a running guest's vCPU: a kernel's instruction pointer or a user's, and a stack."""
    out = dom0.ok(f'{BIN}/xenctx $(xl domid {guest}) 0')
    rip = re.search(r'rip: ([0-9a-f]{16})', out)
    assert rip and int(rip.group(1), 16) != 0, out
    assert re.search(r'rsp: (?!0{16})[0-9a-f]{16}', out), out
    assert re.search(r'cr3: (?!0{16})[0-9a-f]+', dom0.ok(f'{BIN}/xenctx -a $(xl domid {guest}) 0')), out


def test_xen_hvmctx(dom0, pool):
    """The save records of a PVH guest, as the stock tool decodes them."""
    name = pool.guest('pvh')
    out = dom0.ok(f'{BIN}/xen-hvmctx $(xl domid {name})')
    for record in ('Header: magic 0x54381286', 'CPU:', 'LAPIC:', 'LAPIC registers:', 'MTRR:'):
        assert record in out, out
    types = re.findall(r'^Entry \d+: type (\d+) instance', out, re.M)
    assert len(types) >= 10 and types[-1] == '0', out  # two vCPUs' records, and the one that ends them


def test_xen_cpuid(dom0):
    out = dom0.ok(f'{BIN}/xen-cpuid -d')
    for part in ('Raw', 'Host', 'PV Max', 'HVM Max', 'PV Default', 'HVM Default'):
        assert part in out, out
    assert 'sse2' in out
    assert 'CPUID:' in dom0.ok(f'{BIN}/xen-cpuid -p')
