# SPDX-License-Identifier: GPL-2.0-or-later
"""Another machine than QEMU's: Bochs, whose processors have what those of QEMU 7.2's emulation lack. An Intel one with the x2APIC, TSC deadlines, SMAP and
AVX-512, and no SVM; and an AMD one that saves the next RIP. Micro guests only: Linux would take minutes."""
import os
import signal
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, '../..'))
sys.path[:0] = [HERE, os.path.join(HERE, '../guests')]
import run as guests  # noqa: E402
from bare_machine import micro_guest  # noqa: E402

CONFIG = '''
config_interface: textconfig
display_library: term
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
cpu: model={cpu}, count=2, ips=100000000, reset_on_triple_fault=0
memory: guest=512, host=512
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-slave: type=cdrom, path={disc}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=/dev/fd/3
log: {log}
panic: action=fatal
speaker: enabled=0
sound: waveoutdrv=dummy
'''


def disc(hv, options, modules, where):
    """A GRUB disc that starts the hypervisor with these modules."""
    tree = where / 'tree'
    (tree / 'boot/grub').mkdir(parents=True)
    lines = [f'multiboot2 /boot/hv console=com1 noreboot loglvl=all {options}']
    for name, path in [('hv', hv)] + modules:
        (tree / 'boot' / name).write_bytes(open(path, 'rb').read())
    lines += [f'module2 /boot/{name}' for name, _ in modules]
    (tree / 'boot/grub/grub.cfg').write_text('set timeout=0\nmenuentry z {\n' + '\n'.join(lines + ['set gfxpayload=text', 'boot']) + '\n}\n')
    out = where / 'disc.iso'
    subprocess.run(['grub-mkrescue', '-o', out, tree], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return out


def passes(hv, name, where, *, cpu, options, modules, seconds=300):
    """The guest's tests pass on this machine; returns its console."""
    (where / 'bochsrc').write_text(CONFIG.format(cpu=cpu, disc=disc(hv, options, modules, where), log=where / 'bochs.log'))
    (where / 'go').write_text('c\n')  # Debian's build has the debugger, which stops at the first instruction
    command = ['bash', '-c', f'cd {where} && TERM=vt100 exec bochs -q -f bochsrc -rc go 3>&1 >bochs.out 2>&1']  # 3: its first serial port
    lines, why = guests.boot(command, os.path.join(ROOT, 'build/test/system', name + '.log'), seconds,
                           stop_by=signal.SIGKILL)  # it catches SIGTERM and goes on
    text = '\n'.join(lines)
    assert why == 'end', f'{why}\n{text[-3000:]}\n{(where / "bochs.out").read_text()[-1000:]}'
    assert any(line.startswith('ok ') for line in lines) and not any(line.startswith('not ok ') for line in lines), text[-3000:]
    return text


@pytest.fixture
def hv(request):
    name = request.config.getoption('--hv')
    return guests.debian_xen() if name == 'xen' else os.path.join(ROOT, name)


def others(*groups, but, without=()):
    """The micro guests of these groups, of which make test runs one, make test-long all."""
    names = [f'{group}/{f[:-2]}' for group in groups for f in sorted(os.listdir(os.path.join(ROOT, 'tests/guests', group))) if f.endswith('.c')]
    return [but] + [pytest.param(name, marks=pytest.mark.extra) for name in names if name != but and name not in without]


@pytest.mark.parametrize('guest', others('common', 'pv', but='common/smp'))
def test_intel(hv, guest, tmp_path):
    text = passes(hv, 'bochs-intel-' + guest.replace('/', '-'), tmp_path, cpu='corei7_skylake_x', options='x2apic dom0_mem=64M',
                  modules=[('guest.elf', micro_guest(guest))])
    assert 'APIC: x2APIC' in text and 'deadlines by TSC' in text, text[:3000]


# Not common/smp: Bochs takes no physical interrupt while a guest runs that was entered with interrupts off, so one that spins so keeps its CPU. Not pvh/cpu: a
# guest that is made this way has no ACPI tables.
@pytest.mark.zendo
@pytest.mark.parametrize('guest', others('common', 'pvh', but='pvh/apic', without=('common/smp', 'pvh/cpu')))
def test_amd(hv, guest, tmp_path):
    text = passes(hv, 'bochs-amd-' + guest.replace('/', '-'), tmp_path, cpu='ryzen', options='dom0_mem=128M',
                  modules=[('builder.elf', micro_guest('direct/builder')), ('guest.elf', micro_guest(guest))])
    assert 'next RIP saved' in text, text[:3000]
