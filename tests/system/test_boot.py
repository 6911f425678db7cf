# SPDX-License-Identifier: GPL-2.0-or-later
"""The ways a machine can start: loaders, firmware, machine types, sizes. The first domain is a micro guest, so each takes seconds."""
import fcntl
import os
import re
import select
import subprocess
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, '../..'))
sys.path[:0] = [HERE, os.path.join(HERE, '../guests')]
import run as guests  # noqa: E402
from bare_machine import BareMachine, micro_guest  # noqa: E402

OVMF = '/usr/share/ovmf/OVMF.fd'
ARGS = 'console=com1 dom0_mem=64M noreboot loglvl=all'
END = r'^# end '


@pytest.fixture(scope='session')
def elf():
    return micro_guest('common/hypercall')


@pytest.fixture(scope='session')
def hv(request):
    name = request.config.getoption('--hv')
    return guests.debian_xen() if name == 'xen' else os.path.join(ROOT, name)


def passes(command, log, seconds=120):
    """The guest's own tests pass on this machine."""
    lines, why = guests.boot(command, os.path.join(ROOT, 'build/test/system', log), seconds)
    text = '\n'.join(lines)
    assert any(line.startswith('# end ') for line in lines), f'{why}\n{text[-3000:]}'
    assert any(line.startswith('ok ') for line in lines) and not any(line.startswith('not ok ') for line in lines), text[-3000:]
    return text


def machine(*args):
    return ['qemu-system-x86_64', '-cpu', 'qemu64,+svm,+npt,+rdrand', '-accel', 'tcg,thread=single', '-display', 'none', '-serial', 'stdio',
            '-monitor', 'none', '-nic', 'none', '-no-reboot', *args]


def direct(hv, elf, args=ARGS):
    return ['-kernel', hv, '-append', args, '-initrd', elf]


@pytest.fixture(scope='session')
def iso(hv, elf, tmp_path_factory):
    """A GRUB disc, for BIOS and EFI, that starts the hypervisor by multiboot 2."""
    tree = tmp_path_factory.mktemp('iso')
    (tree / 'boot/grub').mkdir(parents=True)
    for name, path in (('hv', hv), ('guest.elf', elf)):
        (tree / 'boot' / name).write_bytes(open(path, 'rb').read())
    (tree / 'boot/grub/grub.cfg').write_text(
        f'set timeout=0\nmenuentry z {{\n multiboot2 /boot/hv {ARGS}\n module2 /boot/guest.elf\n set gfxpayload=text\n boot\n}}\n')
    out = str(tree) + '.iso'
    subprocess.run(['grub-mkrescue', '-o', out, str(tree)], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return out


@pytest.mark.parametrize('kind', ['pc', 'q35'])
@pytest.mark.parametrize('firmware', ['bios', 'efi'])
def test_grub_multiboot2(iso, firmware, kind):
    extra = ['-bios', OVMF] if firmware == 'efi' else []
    passes(machine('-machine', kind, '-smp', '2', '-m', '768', '-cdrom', iso, *extra), f'grub-{firmware}-{kind}.log', 180)


@pytest.mark.quick
@pytest.mark.parametrize('kind', ['pc', 'q35'])
def test_multiboot1(hv, elf, kind):
    passes(machine('-machine', kind, '-smp', '1', '-m', '512', *direct(hv, elf)), f'multiboot1-{kind}.log')


@pytest.mark.zendo
def test_configuration_space_by_memory(hv, elf):
    """q35 has an MCFG table, and its memory map reserves the window; pc has none."""
    text = passes(machine('-machine', 'q35', '-smp', '1', '-m', '512', *direct(hv, elf)), 'ecam.log')
    assert 'PCI: segment 0, buses 0 to 255: configuration by memory at 0xb0000000' in text, text[-3000:]


@pytest.mark.parametrize('cpus', [3, 8])
def test_cpus(hv, elf, cpus):
    passes(machine('-smp', str(cpus), '-m', '512', *direct(hv, elf)), f'cpus-{cpus}.log', 180)


@pytest.mark.parametrize('mib', [256, 6144, 65536])
def test_memory_sizes(hv, elf, mib):
    # not reserved on the host: a guest's memory that nobody touches costs nothing there
    ram = ['-object', f'memory-backend-ram,id=ram,size={mib}M,reserve=off', '-machine', 'pc,memory-backend=ram']
    passes(machine('-smp', '1', '-m', str(mib), *ram, *direct(hv, elf)), f'memory-{mib}.log', 180)


def test_without_hpet(hv, elf):
    passes(machine('-no-hpet', '-smp', '1', '-m', '512', *direct(hv, elf)), 'no-hpet.log')


@pytest.mark.zendo
def test_unknown_option_is_named(hv, elf):
    text = passes(machine('-smp', '1', '-m', '512', *direct(hv, elf, ARGS + ' frobnicate=7')), 'unknown-option.log')
    assert 'frobnicate' in text


def memory_found(text):
    """MiB, ranges."""
    m = re.search(r'Memory: (\d+) MiB in (\d+) ranges', text)
    return int(m.group(1)), int(m.group(2))


@pytest.mark.zendo
def test_memory_with_holes(hv, elf):
    """Bad pages make holes in RAM; mem= ends it. The first domain's own tests pass on what is left."""
    text = passes(machine('-smp', '1', '-m', '512', *direct(hv, elf, ARGS + ' badpage=0x8000-0x8fff,0xa000,0xb000-0xb0ff badpage=0xc001')), 'holes.log')
    assert memory_found(text) == (493, 5), memory_found(text)
    text = passes(machine('-smp', '1', '-m', '512', *direct(hv, elf, ARGS + ' mem=200M')), 'mem.log')
    assert memory_found(text) == (199, 1), memory_found(text)


@pytest.mark.zendo
def test_options_without_effect_are_named(hv, elf):
    args = ' placeholder no-real-mode edd=off iommu=on sync_console conring_size=1M x2apic'
    text = passes(machine('-smp', '1', '-m', '512', *direct(hv, elf, ARGS + args)), 'no-effect.log')
    for name, why in (('iommu', 'no IOMMU driver'), ('sync_console', 'always synchronous'), ('conring_size', '64 KiB')):
        assert re.search(rf'Boot options? {name}.*{why}', text), name
    assert 'x2apic: this CPU has only the xAPIC' in text  # QEMU 7.2's emulation
    assert 'not understood' not in text and 'placeholder has' not in text and 'edd has' not in text


def test_second_serial_port(hv, elf, tmp_path):
    out = tmp_path / 'com2'
    lines, _ = guests.boot(machine('-smp', '1', '-m', '256', '-serial', f'file:{out}', *direct(hv, elf, ARGS.replace('com1', 'com2') + ' com2=115200,8n1')),
                           os.path.join(ROOT, 'build/test/system', 'com2.log'), 60, until='never')
    assert '# end ' in out.read_text() and not any('# end' in line for line in lines)


@pytest.mark.zendo
@pytest.mark.parametrize('kind,pattern', [('boot', r'\[ *\d+\.\d{6}\]'), ('datems', r'\[20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\]'),
                                          ('date', r'\[20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\]'), ('raw', r'\[[0-9a-f]{16}\]'), ('none', '')])
def test_timestamps(hv, elf, kind, pattern):
    text = passes(machine('-smp', '1', '-m', '256', *direct(hv, elf, ARGS + f' console_timestamps={kind}')), f'timestamps-{kind}.log')
    line = re.search(r'^\(XEN\) (.*1 CPUs are up)', text, re.M).group(1)
    assert re.fullmatch(r'1 CPUs are up' if kind == 'none' else pattern + ' 1 CPUs are up', line), line


@pytest.mark.zendo
@pytest.mark.parametrize('way', ['acpi', 'kbd', 'pci', 'triple'])
def test_reboot_ways(hv, elf, way):
    """The machine is reset when its first domain reboots, in each way."""
    lines, why = guests.boot(machine('-smp', '1', '-m', '256', *direct(hv, elf, ARGS + f' reboot={way}')),
                             os.path.join(ROOT, 'build/test/system', f'reboot-{way}.log'), 60, until='never')
    assert any('# end ' in line for line in lines) and why == 'the machine stopped', why


@pytest.mark.zendo
def test_reboot_no(hv, elf):
    lines, _ = guests.boot(machine('-smp', '1', '-m', '256', *direct(hv, elf, ARGS + ' reboot=no')),
                           os.path.join(ROOT, 'build/test/system', 'reboot-no.log'), 60, until='halted')
    assert any('Not rebooting' in line for line in lines), lines[-5:]


@pytest.mark.zendo
def test_screen_shows_boot_and_panic(hv):
    """VGA text: what is printed while starting, and a panic."""
    with BareMachine(hv, None, 'screen', hv_args='console=vga,com1') as m:
        m.expect('Halted')
        text = '\n'.join(m.screen())
    assert 'Panic on CPU 0:' in text and 'There is no first domain' in text and 'first_domain_start' in text, text


@pytest.mark.zendo
@pytest.mark.parametrize('keep', [False, True])
def test_screen_is_given_up(hv, elf, keep):
    """The first domain gets the screen, unless vga=keep: then its console output is there too."""
    waits = os.path.join(guests.OUT, 'machine', 'wait.elf')
    with BareMachine(hv, waits, f'screen-{keep}', hv_args='console=vga,com1' + (' vga=keep' if keep else '')) as m:
        m.expect('# uptime 2 s')
        text = '\n'.join(m.screen())
    assert re.search(r'Boot phase first domain: [\d.]+ ms', text), text
    assert ('# uptime' in text) == keep, text


@pytest.mark.zendo
def test_serial_port_that_takes_nothing(hv, elf, tmp_path):
    """The machine goes on without it, and says how much was lost once the port takes bytes again."""
    for end in ('in', 'out'):
        os.mkfifo(tmp_path / f'port.{end}')
    pipe = os.open(tmp_path / 'port.out', os.O_RDWR | os.O_NONBLOCK)
    size = fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)
    assert os.write(pipe, b'.' * size) == size
    port = ['-chardev', f'pipe,id=full,path={tmp_path}/port', '-serial', 'chardev:full']
    with BareMachine(hv, os.path.join(guests.OUT, 'machine', 'wait.elf'), 'full-port', hv_args='console=com1,com2', qemu=port) as m:
        m.expect('# uptime 2 s')
        os.read(pipe, size)
        text, end = '', time.monotonic() + 60
        while not re.search(r'took nothing for a while: [1-9]\d* bytes lost', text):
            assert select.select([pipe], [], [], max(0, end - time.monotonic()))[0], text
            text += os.read(pipe, size).decode(errors='replace')
        assert 'uptime 1 s' not in text, text
    os.close(pipe)


@pytest.mark.zendo
@pytest.mark.parametrize('irq', [4, 0])
def test_typing_at_the_serial_console(hv, irq):
    """By interrupt, and by looking for it where there is none; a long text does not make it deaf."""
    with BareMachine(hv, micro_guest('machine/wait'), f'typing-irq-{irq}', hv_args=f'com1=115200,8n1,0x3f8,{irq}') as m:
        m.expect('# uptime 1 s')
        assert ('no interrupt' in m.text) == (irq == 0), m.text
        m.type('\x01' * 3)
        m.expect('Console input goes to the debug keys')
        m.type('~' * 2000 + '\x01' * 6)
        m.expect('Console input goes to the first domain')
        begin = m.expect(r'(?s)first domain.*Console input goes to the debug keys').end()
        m.type('h')
        m.expect('event channels', after=begin)


@pytest.mark.zendo
def test_dom0_vcpus_pin(hv, elf):
    waits = os.path.join(guests.OUT, 'machine', 'wait.elf')
    with BareMachine(hv, waits, 'pin', smp=2, hv_args='dom0_vcpus_pin dom0_max_vcpus=3') as m:
        m.expect('# waiting')
        for v, cpus in enumerate(('0x1', '0x2', '0x1')):
            assert f'# affinity of v{v}: 0, {cpus}\n' in m.text, m.text[-500:]


@pytest.mark.zendo
def test_no_first_domain_says_so(hv):
    lines, _ = guests.boot(machine('-smp', '1', '-m', '256', '-kernel', hv, '-append', ARGS),
                           os.path.join(ROOT, 'build/test/system/no-first-domain.log'), 60, until='Halted')
    text = '\n'.join(lines)
    assert 'no module' in text and 'first_domain_start' in text, text[-2000:]  # what is missing, and a backtrace with names


@pytest.mark.zendo
def test_too_little_for_the_first_domain(hv, elf):
    lines, _ = guests.boot(machine('-smp', '1', '-m', '256', *direct(hv, elf, ARGS.replace('dom0_mem=64M', 'dom0_mem=2M'))),
                           os.path.join(ROOT, 'build/test/system/too-little.log'), 60, until='Halted')
    text = '\n'.join(lines)
    assert 'give it more (dom0_mem=)' in text and re.search(r'it has 2048 KiB; its kernel ends at \d+ KiB', text), text[-2000:]
