# SPDX-License-Identifier: GPL-2.0-or-later
"""The hypervisor and the hardware: stuck CPUs, NMIs, machine checks, what memory holds from before, where interrupts go. Each test boots a micro guest
(tests/guests/machine/wait.c) as the first domain and then breaks something from outside, through QEMU's monitor or its debugger stub."""
import os
import re
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, '../guests'))
import run as guests  # noqa: E402
from bare_machine import CS, EFLAGS, RIP, ROOT, BareMachine, micro_guest, symbol  # noqa: E402

pytestmark = pytest.mark.zendo  # messages and the insides of Zendo
JMP_SELF = bytes([0xeb, 0xfe])


@pytest.fixture(scope='session')
def wait_elf():
    return micro_guest('machine/wait')


@pytest.fixture(scope='session')
def fresh_elf(wait_elf):
    return os.path.join(guests.OUT, 'machine', 'fresh.elf')


@pytest.fixture
def machine(hv, wait_elf, request):
    """machine(...) boots one with the waiting guest; returns when it waits."""
    made = []

    def make(**kw):
        m = BareMachine(hv, wait_elf, request.node.name, **kw)
        made.append(m)
        m.expect('^.*# waiting', 60)
        return m

    yield make
    for m in made:
        m.__exit__()


# --- the watchdog -------------------------------------------------------------------------------------------------------------
WATCHDOG = 'watchdog watchdog_timeout=2'


@pytest.mark.parametrize('smp', [1, 2])
def test_watchdog_finds_all_cpus_stuck(machine, hv, smp):
    """Every CPU's next timer interrupt never ends: only the PIT's NMI is left to notice."""
    m = machine(smp=smp, hv_args=WATCHDOG)
    m.expect('# uptime')
    m.expect('Watchdog: .* and by NMIs of the PIT')
    d = m.debugger()
    d.write(symbol(hv + '.elf', 'time_interrupt'), JMP_SELF)
    d.resume()
    m.expect(r'Watchdog: CPU \d is stuck \(in the hypervisor\): no timer has run there for 2 seconds', 30)
    m.expect(r'R time_interrupt\+0', 10)
    m.expect(r'F \w+\+0x', 10)
    m.expect('Halted', 10)


@pytest.mark.parametrize('cpu', [0, 1])
def test_watchdog_finds_one_cpu_stuck(machine, hv, cpu):
    """One of two CPUs runs in a circle with interrupts off; the other, or the PIT, notices, and names that one."""
    m = machine(smp=2, hv_args=WATCHDOG + ' dom0_max_vcpus=1')
    m.expect('# uptime')
    d = m.debugger()
    for _ in range(50):
        if d.register(cpu, CS) & 3 == 0:
            break
        d.resume()
        d = m.debugger()
    assert d.register(cpu, CS) & 3 == 0, 'the CPU was never seen in the hypervisor'
    circle = symbol(hv + '.elf', 'port_power_off')
    d.write(circle, JMP_SELF)
    d.set_register(cpu, RIP, circle)
    d.set_register(cpu, EFLAGS, d.register(cpu, EFLAGS) & ~0x200)
    d.resume()
    m.expect(rf'Watchdog: CPU {cpu} is stuck', 30)
    m.expect(r'R port_power_off\+0', 10)
    m.expect('Halted', 10)


def test_watchdog_is_quiet(machine):
    """A healthy machine passes three times the time-out."""
    m = machine(smp=2, hv_args='watchdog=force watchdog_timeout=1')
    begun = int(m.expect(r'# uptime (\d+) s').group(1))
    m.expect(rf'# uptime {begun + 3} s', 60)
    assert 'Watchdog: CPU' not in m.text and 'NMI:' not in m.text


# --- NMIs -----------------------------------------------------------------------------------------------------------------------
def test_nmi_goes_to_dom0(machine):
    m = machine(smp=2, hv_args='nmi=dom0')
    m.qmp('inject-nmi')
    m.expect('NMI: unknown reason: the first domain is told', 20)
    m.expect('# NMI, reasons 0x4', 20)
    assert len(m.text.split('NMI: unknown reason')) == 2, 'every CPU heard it'


def test_nmi_ignored(machine):
    m = machine(hv_args='nmi=ignore')
    m.qmp('inject-nmi')
    m.expect('NMI: unknown reason: ignored', 20)
    m.expect('# uptime', 20, after=len(m.text))
    assert '# NMI' not in m.text


def test_nmi_fatal(machine):
    m = machine(hv_args='nmi=fatal watchdog=force')
    m.qmp('inject-nmi')
    m.expect(r'NMI: unknown reason \(nmi=fatal\)', 20)
    m.expect('Halted', 10)


# --- debug keys at a crash ------------------------------------------------------------------------------------------------------
UD2 = bytes([0x0f, 0x0b])


def test_keys_at_a_panic(machine, hv):
    """They are pressed though somebody holds a lock that one of them takes, and though loglvl hides what keys show."""
    m = machine(smp=2, hv_args='nmi=fatal loglvl=error crash-debug-panic=q+i! crash-debug-watchdog=n')
    d = m.debugger()
    d.write(symbol(hv + '.elf', 'table_lock'), bytes([1, 0]))
    d.resume()
    m.qmp('inject-nmi')
    m.expect(r'NMI: unknown reason \(nmi=fatal\)', 20)
    m.expect("Debug key 'q': domains and their vCPUs", 20)
    m.expect(r'd0: PV, hardware domain', 10)
    m.expect("Debug key 'i': device interrupts", 10)
    m.expect('Halted', 10)
    assert "Debug key 'n'" not in m.text


def test_key_that_crashes(machine, hv):
    """The machine ends as it would have without the key."""
    m = machine(hv_args='nmi=fatal crash-debug-panic=iq')
    d = m.debugger()
    d.write(symbol(hv + '.elf', 'show_irqs'), UD2)
    d.resume()
    m.qmp('inject-nmi')
    m.expect(r'NMI: unknown reason \(nmi=fatal\)', 20)
    m.expect('Panic inside a panic', 20)
    m.expect('Halted', 10)
    assert "Debug key 'q'" not in m.text


def test_keys_when_a_cpu_is_stuck(machine, hv):
    m = machine(hv_args=WATCHDOG + ' crash-debug-watchdog=q+n crash-debug-panic=m')
    m.expect('# uptime')
    d = m.debugger()
    d.write(symbol(hv + '.elf', 'time_interrupt'), JMP_SELF)
    d.resume()
    m.expect(r'Watchdog: CPU \d is stuck', 30)
    m.expect("Debug key 'q'", 10)
    m.expect("Debug key 'n'", 10)
    m.expect('Halted', 10)
    assert "Debug key 'm'" not in m.text


# --- machine checks ---------------------------------------------------------------------------------------------------------------
VALID, UNCORRECTED, ENABLED, HAS_ADDRESS, CORRUPT = (1 << n for n in (63, 61, 60, 58, 57))
MEMORY_READ = 0x93  # a memory controller's read, channel 3


def test_machine_check_uncorrected(machine):
    """It ends the machine, and says which CPU, which bank, what happened and where."""
    m = machine(smp=2)
    m.monitor(f'mce 1 2 {VALID | UNCORRECTED | ENABLED | HAS_ADDRESS | MEMORY_READ:#x} 5 0x123456000 0')
    m.expect(r'Machine check on CPU 1: bank 2: uncorrected, memory controller read, .*address 0x123456000', 20)
    m.expect(r'Panic on CPU 1:\nMachine check: the hardware could not correct an error', 10)
    m.expect('Halted', 10)


def test_machine_check_corrected(machine):
    """It is logged, and the first domain fetches it; the machine goes on."""
    m = machine(smp=2)
    m.expect('# processors: 2, the last is 1 with APIC id 1, AuthenticAMD', 5)
    m.monitor(f'mce 0 3 {VALID | ENABLED | HAS_ADDRESS | MEMORY_READ:#x} 0 0xabc000 0')
    m.expect(r'Machine check on CPU 0: bank 3: corrected, memory controller read, .*address 0xabc000', 40)
    m.expect(rf'# machine check: entries 2 apic 0 bank 3 status {VALID | ENABLED | HAS_ADDRESS | MEMORY_READ:#x} address 0xabc000', 20)
    m.expect('# uptime', 20, after=len(m.text))


# --- memory that nobody used since power-on ----------------------------------------------------------------------------------------
@pytest.mark.parametrize('when', ['no', 'idle', 'yes'])
def test_memory_from_before_is_not_seen(hv, fresh_elf, tmp_path, when):
    """RAM is full of what an earlier system left there; what a domain is given holds none of it."""
    (tmp_path / 'left').write_bytes(b'SECRET!!' * (17 << 20))
    with BareMachine(hv, fresh_elf, f'memory-from-before-{when}', hv_args=f'bootscrub={when}', mem=160,
                     qemu=['-device', f'loader,file={tmp_path}/left,addr=0x800000,force-raw=on']) as m:
        m.expect('Memory not used since power-on is cleared', 30)
        m.expect('# fresh: 2048 pages, 0 words not zero', 60)


def test_idle_cpus_clean_memory(machine):
    machine(smp=2, hv_args='bootscrub=idle').expect('Idle CPUs have cleared all memory not used since power-on', 60)


# --- device interrupts --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize('kind', ['pc', 'q35'])
def test_interrupts_go_where_their_vcpu_is(hv, wait_elf, kind):
    """A level-triggered line, an MSI and an entry of an MSI-X table, raised 50 times at each place: all arrive, and the hardware delivers them to the vCPU's pCPU."""
    elf = os.path.join(os.path.dirname(wait_elf), 'irq.elf')
    with BareMachine(hv, elf, f'irq-{kind}', smp=2, hv_args='dom0_vcpus_pin', qemu=['-machine', kind, '-device', 'edu', '-device', 'e1000e']) as m:
        m.expect('^.*# end 1 tests', 60)
        for what, shown in (('line', r'GSI \d+, level,'), ('message', 'MSI'), ('table entry', 'MSI')):
            for n, cpu in enumerate((1, 0, 1, 0, 1), 1):
                count = r'\d+' if what == 'table entry' else 50 * n  # the card sends some twice
                pattern = rf'{shown} to CPU {cpu}; {count} came, the last to CPU {cpu}\n# {what} at v{cpu}: 50 of 50 arrived'
                assert re.search(pattern, m.text), pattern + '\n' + m.text[-4000:]
